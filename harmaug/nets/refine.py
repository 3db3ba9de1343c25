"""Refinement of latents on known composites: from the encoder's guess to a better one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut.box import box_weights_at
from harmaug.lut.fitting import basis_colours

_RATE = 0.2  # of Adam at the start, in standard deviations of the prior
_SIDE = 128  # pixels of the longest side that are used, at least half as many
_LENGTH_WEIGHT = 0.1  # fMSE on 0..255 that a unit of squared length must be worth


class KnownPixels(NamedTuple):
    """Pixels of B pairs as refinement looks at them: what a basis can make of each.

    Mixing LUTs and looking a colour up in the mixture is the same as mixing what the LUTs give, so
    that the lookups are done once for all steps.

    Attributes:
        colours: (B, K, 3, P), the photo through each LUT of the basis.
        real: (B, 3, P) in [0, 1].
        composite: (B, 3, P) in [0, 1].
        alpha: (B, 1, P) in [0, 1], the mask.
        corners: (B, 4, P), bilinear weights of the corners of the foreground's box.
    """

    colours: Tensor
    real: Tensor
    composite: Tensor
    alpha: Tensor
    corners: Tensor

    def rebuilt(self, weights: Tensor, gains: Tensor | None = None) -> Tensor:
        """Return the composites (B, 3, P) of a mixture.

        Args:
            weights: (B, 1, K) or (B, 4, K).
            gains: (B, 1, 3) or (B, 4, 3), of the light; None without.
        """
        moved = (weights @ self.colours.flatten(2)).unflatten(2, self.real.shape[1:])
        if gains is not None:
            moved = moved * gains.unsqueeze(3)
        mixed = (moved * self.corners.unsqueeze(2)).sum(1) if moved.shape[1] > 1 else moved[:, 0]
        return ((1 - self.alpha) * self.real + self.alpha * mixed).clamp(0, 1)

    def error(self, weights: Tensor, gains: Tensor | None = None) -> Tensor:
        """Return the fMSE (B,), on values 0..255, of a mixture as `rebuilt` takes it."""
        share = self.alpha / self.alpha.sum(2, keepdim=True).clamp_min(1e-6) / 3 * 255**2
        return ((self.rebuilt(weights, gains) - self.composite).square() * share).sum((1, 2))


def known_pixels(basis: Tensor, real: Tensor, mask: Tensor, composite: Tensor) -> KnownPixels:
    """Return a regular sample of the foreground pixels of pairs.

    Args:
        basis: (K, 3, D, D, D).
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        composite: (B, 3, H, W) in [0, 1].
    """
    height, width = real.shape[2:]
    step = max(-(-max(height, width) // _SIDE), 1)
    raster = torch.arange(height * width, device=real.device).view(height, width)
    seen = raster[::step, ::step].flatten()
    alpha = mask.flatten(2)[:, :, seen]
    most = max(int((alpha > 0).sum(2).max()), 1)
    alpha, chosen = alpha.topk(most, sorted=False)
    places = seen[chosen]  # (B, 1, P)
    photo, wanted = (
        image.flatten(2).gather(2, places.expand(-1, 3, -1)) for image in (real, composite)
    )
    return KnownPixels(
        basis_colours(basis, photo),
        photo,
        wanted,
        alpha,
        box_weights_at(mask, places.squeeze(1)),
    )


def refine_latent(
    mixture: Callable[[Tensor], tuple[Tensor, Tensor | None]],
    latent: Tensor,
    known: KnownPixels,
    steps: int,
    length_weight: float = _LENGTH_WEIGHT,
) -> Tensor:
    """Return latents that rebuild known composites better and are still likely.

    An encoder serves all pairs and is seldom exact for one. A few steps on the pair itself close
    most of that gap, as in semi-amortised variational autoencoders (Kim et al., 2018). The loss is
    fMSE plus the squared length of the latent.

    Args:
        mixture: latents (B, Z) to mixing weights and gains, as `KnownPixels.rebuilt` takes them.
        latent: (B, Z), the start.
        known: pixels of B pairs.
        steps: of Adam.
        length_weight: of the squared length.

    Returns:
        (B, Z), without a gradient to the inputs.
    """
    # Inference mode has no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        known = KnownPixels(*(value.detach().clone() for value in known))
        refined = latent.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([refined], lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            error = known.error(*mixture(refined))
            loss = (error + length_weight * refined.square().sum(1)).sum()
            refined.grad = torch.autograd.grad(loss, refined)[0]
            optimizer.step()
            schedule.step()
    return refined.detach()
