"""Judging drawn LUTs on a small view of their photo: those that spoil it, those that stand out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut.ops import lut_composite
from harmaug.nets import native

_SIDE = 64  # pixels of the longest side of the view
_CLIPPED = 0.1  # of the foreground; seen on contact sheets, more looks blown out
_CONTRAST = 0.4  # of the foreground's own contrast: as much as the recipes keep at least
_BORDER = 0.49  # from the middle of the range; LUTs flatten out before they reach its ends


class Foreground(NamedTuple):
    """Small views of B photos and their foregrounds, fine enough to judge LUTs by.

    A foreground that falls between the sampled pixels is judged by none and passes.

    Attributes:
        photo: (B, 3, h, w) in [0, 1].
        mask: (B, 1, h, w) in [0, 1].
    """

    photo: Tensor
    mask: Tensor

    @classmethod
    def of(cls, photo: Tensor, mask: Tensor) -> Foreground:
        """Return regular samples, of at most 64 pixels a side, of (B, 3 and 1, H, W) in [0, 1]."""
        step = max(-(-max(photo.shape[2:]) // _SIDE), 1)
        return cls(photo[:, :, ::step, ::step], mask[:, :, ::step, ::step])

    def rows(self, rows: Tensor) -> Foreground:
        """Return those of some photos, (M,) indices."""
        return Foreground(*(part[rows] for part in self))


@torch.no_grad()
def spoilt(luts: Tensor, foreground: Foreground) -> Tensor:
    """Return (B, n), bool: LUTs that clip over a tenth of the foreground anew, or flatten it.

    Args:
        luts: (B, n, 3, D, D, D), or (B, n, 2, 2, 3, D, D, D) for the corners of the frame.
        foreground: of B photos.
    """
    photo, mask = foreground
    if native.judges(luts, photo, mask):
        return native.judge(luts, photo, mask, border=_BORDER, most=_CLIPPED, contrast=_CONTRAST**2)
    share = mask.flatten(2).mT
    share = share / share.sum(1, keepdim=True).clamp_min(1e-6)
    colours = photo.flatten(2).unsqueeze(1)
    # By channel: an orange whose red is at its limit already can still be blown out to white.
    limit = ((colours - 0.5).abs() >= _BORDER).to(colours.dtype).clamp_min(_BORDER)
    moved = lut_composite(photo, mask > 0, luts).flatten(3)  # (B, n, 3, h * w)
    # As numbers, for a CPU takes many times as long for `any` of bool.
    clipped = ((moved - 0.5).abs() >= limit).to(share.dtype).amax(2)
    greys = torch.cat((moved.mean(2), colours.mean(2)), 1)
    variance = ((greys - greys @ share).square() @ share).squeeze(2)  # (B, n + 1)
    flat = variance[:, :-1] < _CONTRAST**2 * variance[:, -1:]
    return ((clipped @ share).squeeze(2) > _CLIPPED) | flat


def hardest(luts: Tensor, photo: Tensor, mask: Tensor, n: int) -> Tensor:
    """Return indices (B, n) of the LUTs that set the foreground off most, hardest first.

    The figure is the distance in Lab between the mean colours of foreground and background.

    Args:
        luts: (B, m, 3, D, D, D), or (B, m, 2, 2, 3, D, D, D).
        photo: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        n: how many of the m.
    """
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    view, weights = Foreground.of(photo, mask)
    regions = torch.stack((weights, 1 - weights), 1).flatten(3)  # (B, 2, 1, P)
    share = regions / regions.sum(3, keepdim=True).clamp_min(1e-6)
    moved = lut_composite(view, weights > 0, luts)
    foreground = (rgb_to_lab(moved).flatten(3) * share[:, :1]).sum(3)
    background = (rgb_to_lab(view).flatten(2) * share[:, 1]).sum(2)
    mismatch = (foreground - background.unsqueeze(1)).square().sum(2)
    return mismatch.topk(n, dim=1).indices
