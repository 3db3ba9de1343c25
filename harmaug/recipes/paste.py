"""Pasting a recoloured foreground back, without losing it to clipping."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.recipes import colour


def paste(real: Tensor, mask: Tensor, moved: Tensor, limit: float = 0.15) -> Tensor:
    """Blend a recoloured photo in under the mask, halving changes that clip or flatten too much.

    Args:
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        moved: (B, 3, H, W), any real values.
        limit: largest fraction of foreground pixels that may newly leave [0, 1].
    """
    moved = moved.clone()
    rows = torch.arange(len(real), device=real.device)
    for _ in range(4):
        there, back, inside = moved[rows], real[rows], mask[rows]
        clipped = clipped_fraction(there, back, inside) > limit
        wild = clipped | _flattened(there, back, inside)
        rows = rows[wild]
        if not len(rows):
            break
        moved[rows] = (there[wild] + back[wild]) / 2
    blended = real + mask * (moved.clamp(0, 1) - real)
    return torch.where(mask > 0, blended, real)


def clipped_fraction(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Fraction (B,) of the foreground that leaves [0, 1] where the photo was inside."""

    def outside(image: Tensor) -> Tensor:
        return (image.amin(1, keepdim=True) < -0.01) | (image.amax(1, keepdim=True) > 1.01)

    lost = (outside(moved) & ~outside(real)) * mask
    return lost.sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1e-6)


def _flattened(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Whether (B,) the foreground keeps less than 0.4 of its luminance contrast."""
    before, after = (
        colour.foreground_moments(colour.luminance(image), mask)[1].flatten()
        for image in (real, moved)
    )
    return after < 0.4**2 * before
