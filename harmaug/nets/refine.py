"""Refining the latent of a known composite: from the encoder's guess to the best explanation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harmaug.lut import apply_lut, mix_luts
from harmaug.nets.statistics import thumbnail

_RATE = 0.1  # of Adam at the start, in standard deviations of the prior
_THUMBNAIL = 64
_LENGTH_WEIGHT = 1.0  # fMSE on 0..255 that a unit of squared length must be worth


def refine_latent(
    mixing_weights: Callable[[Tensor], Tensor],
    basis: Tensor,
    latent: Tensor,
    real: Tensor,
    mask: Tensor,
    composite: Tensor,
    steps: int,
) -> Tensor:
    """Descend from a latent to one that rebuilds a known composite better and is still likely.

    An encoder that must serve all pairs is seldom exact for one; a few steps on the pair itself
    close most of that gap, as in semi-amortised variational autoencoders (Kim et al., 2018). What
    is minimised is fMSE on a thumbnail plus the squared length of the latent.

    Args:
        mixing_weights: latents (B, 1, Z) to mixing weights (B, 1, K).
        basis: (K, 3, D, D, D).
        latent: (B, Z), where to start.
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        composite: (B, 3, H, W) in [0, 1].
        steps: of Adam.

    Returns:
        (B, Z), without a gradient to the inputs.
    """
    # Leaving inference mode, under which nothing can be descended.
    with torch.inference_mode(False), torch.enable_grad():
        colours, share = thumbnail(real.clone(), mask.clone(), _THUMBNAIL)
        wanted, _ = thumbnail(composite.clone(), mask.clone(), _THUMBNAIL)
        share = share / share.sum(2, keepdim=True).clamp_min(1e-6) / 3 * 255**2
        basis = basis.detach().clone()
        refined = latent.detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([refined], lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            luts = mix_luts(mixing_weights(refined.unsqueeze(1)), basis).squeeze(1)
            rebuilt = apply_lut(colours.detach().unsqueeze(2), luts).squeeze(2)
            error = ((rebuilt - wanted.detach()).square() * share.detach()).sum((1, 2))
            loss = (error + _LENGTH_WEIGHT * refined.square().sum(1)).sum()
            refined.grad = torch.autograd.grad(loss, refined)[0]
            optimizer.step()
            schedule.step()
    return refined.detach()
