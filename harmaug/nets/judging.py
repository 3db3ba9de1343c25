"""Judging drawn LUTs on a small view of their photo: those that spoil it, those that stand out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut.ops import lut_composite

_SIDE = 64  # pixels of the longest side of the view
_CLIPPED = 0.1  # of the foreground; seen on contact sheets, more looks blown out
_CONTRAST = 0.4  # of the foreground's own contrast: as much as the recipes keep at least
_BORDER = 0.49  # from the middle of the range; LUTs flatten out before they reach its ends


class Foreground(NamedTuple):
    """Small views of B photos and their foregrounds, fine enough to judge LUTs by.

    Attributes:
        view: (B, 3, h, w) in [0, 1].
        inside: (B, 1, h, w), bool, the foreground.
        limit: (B, 1, 3, h * w), for each value the distance from 0.5 from which on it counts as
            clipped; out of reach for one that is clipped in the photo.
        share: (B, h * w, 1), of each pixel in its foreground.
        variance: (B, 1), of the mean channel: the least that a recoloured foreground must keep.
    """

    view: Tensor
    inside: Tensor
    limit: Tensor
    share: Tensor
    variance: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, photo: Tensor, mask: Tensor) -> Foreground:
        """Return those of photos (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1]."""
        # A foreground that falls between the sampled pixels is judged by none and passes.
        view, weights = _views(photo, mask)
        share = weights.flatten(2).mT
        share = share / share.sum(1, keepdim=True).clamp_min(1e-6)
        colours = view.flatten(2).unsqueeze(1)
        clipped = (colours - 0.5).abs() >= _BORDER
        limit = clipped.to(colours.dtype).clamp_min(_BORDER)
        variance = _CONTRAST**2 * _variance(colours, share)
        return cls(view, weights > 0, limit, share, variance)

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
    moved = lut_composite(foreground.view, foreground.inside, luts).flatten(3)  # (B, n, 3, h * w)
    # By channel: an orange whose red is at its limit already can still be blown out to white.
    # As bytes, for a CPU takes many times as long for `any` of bool.
    clipped = ((moved - 0.5).abs() >= foreground.limit).view(torch.uint8).amax(2)
    flat = _variance(moved, foreground.share) < foreground.variance
    return ((clipped.float() @ foreground.share).squeeze(2) > _CLIPPED) | flat


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

    view, weights = _views(photo, mask)
    regions = torch.stack((weights, 1 - weights), 1).flatten(3)  # (B, 2, 1, P)
    share = regions / regions.sum(3, keepdim=True).clamp_min(1e-6)
    moved = lut_composite(view, weights > 0, luts)
    foreground = (rgb_to_lab(moved).flatten(3) * share[:, :1]).sum(3)
    background = (rgb_to_lab(view).flatten(2) * share[:, 1]).sum(2)
    mismatch = (foreground - background.unsqueeze(1)).square().sum(2)
    return mismatch.topk(n, dim=1).indices


def _views(photo: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return a regular sample of the pixels of photos and masks, of at most 64 a side."""
    step = max(-(-max(photo.shape[2:]) // _SIDE), 1)
    return photo[:, :, ::step, ::step], mask[:, :, ::step, ::step]


def _variance(colours: Tensor, share: Tensor) -> Tensor:
    """Return the variance (B, n) of the mean channel of colours (B, n, 3, P)."""
    grey = colours.mean(2)
    return ((grey - grey @ share).square() @ share).squeeze(2)
