"""Pasting of recoloured foregrounds into their photos; changes that clip too much are halved."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.recipes.color import foreground_moments, luminance

_CLIPPED = 0.15  # of the foreground's pixels, that may newly leave [0, 1]
_DETAIL = 0.4  # of the foreground's luminance contrast, that a change must keep


def paste(real: Tensor, mask: Tensor, moved: Tensor) -> Tensor:
    """Blend a recoloured photo in under the mask, halving changes that clip or flatten too much.

    Args:
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        moved: (B, 3, H, W), the recoloured photo; any real values.
    """
    moved = moved.clone()
    rows = torch.arange(len(real), device=real.device)
    for _ in range(4):
        there, back, inside = moved[rows], real[rows], mask[rows]
        clipped = clipped_fraction(there, back, inside) > _CLIPPED
        wild = clipped | _flattened(there, back, inside)
        rows = rows[wild]
        if not len(rows):
            break
        moved[rows] = (there[wild] + back[wild]) / 2
    blended = real + mask * (moved.clamp(0, 1) - real)
    return torch.where(mask > 0, blended, real)


def clipped_fraction(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the fraction (B,) of the foreground that leaves [0, 1] where the photo was inside."""

    def outside(image: Tensor) -> Tensor:
        return (image.amin(1, keepdim=True) < -0.01) | (image.amax(1, keepdim=True) > 1.01)

    lost = (outside(moved) & ~outside(real)) * mask
    return lost.sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1e-6)


def _flattened(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return whether (B,) the foreground loses most of its luminance contrast."""
    before, after = (
        foreground_moments(luminance(image), mask)[1].flatten() for image in (real, moved)
    )
    return after < _DETAIL**2 * before
