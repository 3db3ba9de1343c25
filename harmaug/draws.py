"""Judging drawn LUTs on a small view of their photo: which spoil it, which stand out."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.lut import apply_lut
from harmaug.nets.statistics import thumbnail

_SIDE = 64  # pixels of the longest side of the view
_CLIPPED = 0.1  # of the foreground; seen on contact sheets, more looks blown out
_CONTRAST = 0.4  # of the foreground's own contrast: as much as the recipes keep at least
_BORDER = 0.01  # from the ends of the range; LUTs flatten out before they reach them


@torch.no_grad()
def spoilt(luts: Tensor, photo: Tensor, alpha: Tensor) -> Tensor:
    """Which LUTs (B, n) clip more than a tenth of the foreground anew, or leave it flat.

    Args:
        luts: (B, n, 3, D, D, D).
        photo: (B, 3, H, W) in [0, 1].
        alpha: (B, 1, H, W) in [0, 1].
    """
    step = -(-max(photo.shape[2:]) // _SIDE)
    view, weights = (image[:, :, ::step, ::step] for image in (photo, alpha))
    # A foreground that falls between the sampled pixels is judged by none and passes.
    share = (weights / weights.sum((2, 3), keepdim=True).clamp_min(1e-6)).flatten(1).unsqueeze(1)
    pixels = view.unsqueeze(1)
    moved = apply_lut(view, luts)
    # By channel: an orange whose red is at its limit already can still be blown out to white.
    clipped = (_at_border(moved) & ~_at_border(pixels)).any(2).flatten(2)
    before, after = _contrast(pixels, share), _contrast(moved, share)
    return ((clipped * share).sum(2) > _CLIPPED) | (after < _CONTRAST * before)


def hardest(luts: Tensor, photo: Tensor, alpha: Tensor, n: int) -> Tensor:
    """Which n of m LUTs make the foreground differ most from the background: indices (B, n).

    The difference is the distance in Lab between the mean colours of the two.

    Args:
        luts: (B, m, 3, D, D, D).
        photo: (B, 3, H, W) in [0, 1].
        alpha: (B, 1, H, W) in [0, 1].
        n: how many to name, hardest first.
    """
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    colours, weights = thumbnail(photo, alpha, _SIDE)
    moved = apply_lut(colours.unsqueeze(2), luts)  # (B, m, 3, 1, P)
    share = (weights / weights.sum(2, keepdim=True).clamp_min(1e-6)).view(len(luts), 1, 1, 1, -1)
    around, outside = thumbnail(photo, 1 - alpha, _SIDE)
    outside = outside / outside.sum(2, keepdim=True).clamp_min(1e-6)
    foreground = (rgb_to_lab(moved) * share).sum((3, 4))
    background = (rgb_to_lab(around.unsqueeze(2)).squeeze(2) * outside).sum(2)
    mismatch = (foreground - background.unsqueeze(1)).square().sum(2)
    return mismatch.topk(n, dim=1).indices


def _at_border(images: Tensor) -> Tensor:
    """Which values are clipped."""
    return (images <= _BORDER) | (images >= 1 - _BORDER)


def _contrast(images: Tensor, share: Tensor) -> Tensor:
    """Standard deviation (B, n) of the mean channel of (B, n, 3, h, w) over the foreground."""
    grey = images.mean(2).flatten(2)
    mean = (grey * share).sum(2, keepdim=True)
    return ((grey - mean).square() * share).sum(2).sqrt()
