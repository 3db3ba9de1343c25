"""Refinement of a known composite's latent: from the encoder's guess to a better one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harmaug.lut import composite_lut, mix_luts

_RATE = 0.2  # of Adam at the start, in standard deviations of the prior
_SIDE = 128  # pixels of the longest side that are used, at least half as many
_LENGTH_WEIGHT = 0.1  # fMSE on 0..255 that a unit of squared length must be worth


def refine_latent(
    mixing_weights: Callable[[Tensor], Tensor],
    basis: Tensor,
    latent: Tensor,
    real: Tensor,
    mask: Tensor,
    composite: Tensor,
    steps: int,
) -> Tensor:
    """Return a latent that rebuilds a known composite better and is still likely.

    An encoder serves all pairs and is seldom exact for one. A few steps on the pair itself close
    most of that gap, as in semi-amortised variational autoencoders (Kim et al., 2018). The loss is
    fMSE on a regular sample of the pixels plus the squared length of the latent.

    Args:
        mixing_weights: latents (B, 1, Z) to mixing weights (B, 1, K).
        basis: (K, 3, D, D, D).
        latent: (B, Z), the start.
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        composite: (B, 3, H, W) in [0, 1].
        steps: of Adam.

    Returns:
        (B, Z), without a gradient to the inputs.
    """
    # Inference mode has no gradients.
    with torch.inference_mode(False), torch.enable_grad():
        step = max(-(-max(real.shape[2:]) // _SIDE), 1)
        photo, alpha, wanted = (
            image[:, :, ::step, ::step].detach().clone() for image in (real, mask, composite)
        )
        share = alpha / alpha.sum((2, 3), keepdim=True).clamp_min(1e-6) / 3 * 255**2
        basis = basis.detach().clone()
        refined = latent.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([refined], lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            luts = mix_luts(mixing_weights(refined.unsqueeze(1)), basis).squeeze(1)
            rebuilt = composite_lut(photo, alpha, luts)
            error = ((rebuilt - wanted).square() * share).sum((1, 2, 3))
            loss = (error + _LENGTH_WEIGHT * refined.square().sum(1)).sum()
            refined.grad = torch.autograd.grad(loss, refined)[0]
            optimizer.step()
            schedule.step()
    return refined.detach()
