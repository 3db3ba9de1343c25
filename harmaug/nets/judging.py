"""Judging drawn LUTs on a small view of their photo: those that spoil it, those that stand out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut.ops import lut_composite
from harmaug.nets.statistics import thumbnails

_SIDE = 64  # pixels of the longest side of the view
_CLIPPED = 0.1  # of the foreground; seen on contact sheets, more looks blown out
_CONTRAST = 0.4  # of the foreground's own contrast: as much as the recipes keep at least
_BORDER = 0.49  # from the middle of the range; LUTs flatten out before they reach its ends


class Foreground(NamedTuple):
    """Pixels of the foregrounds of B photos, on a grid that is fine enough to judge LUTs by.

    Attributes:
        pixels: (B, 2, 3, P): colours in [0, 1], and for each value the distance from 0.5 from
            which on it counts as clipped; out of reach for one that is clipped in the photo.
        share: (B, P, 1), of each pixel in its foreground; 0 for pixels that only fill up.
        variance: (B, 1), of the mean channel: the least that a recoloured foreground must keep.
    """

    pixels: Tensor
    share: Tensor
    variance: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, photo: Tensor, mask: Tensor) -> Foreground:
        """Return those of photos (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1]."""
        step = -(-max(photo.shape[2:]) // _SIDE)
        view, weights = (image[:, :, ::step, ::step].flatten(2) for image in (photo, mask))
        # A foreground that falls between the sampled pixels is judged by none and passes.
        most = max((weights > 0).sum(2).flatten().tolist(), default=0)
        weights, place = weights.topk(most, sorted=False)
        colours = view.gather(2, place.expand(-1, 3, -1))
        share = (weights / weights.sum(2, keepdim=True).clamp_min(1e-6)).mT
        clipped = (colours - 0.5).abs() >= _BORDER
        limit = clipped.to(colours.dtype).clamp_min(_BORDER)
        variance = _CONTRAST**2 * _variance(colours.unsqueeze(1), share)
        return cls(torch.stack((colours, limit), 1), share, variance)

    def rows(self, rows: Tensor) -> Foreground:
        """Return those of some photos, (M,) indices."""
        return Foreground(*(part[rows] for part in self))


@torch.no_grad()
def spoilt(luts: Tensor, foreground: Foreground) -> Tensor:
    """Return (B, n), bool: LUTs that clip over a tenth of the foreground anew, or flatten it.

    Args:
        luts: (B, n, 3, D, D, D).
        foreground: of B photos.
    """
    colours, limit = foreground.pixels.split(1, 1)  # (B, 1, 3, P) each
    moved = lut_composite(colours.transpose(1, 2), None, luts).squeeze(3)  # (B, n, 3, P)
    # By channel: an orange whose red is at its limit already can still be blown out to white.
    clipped = ((moved - 0.5).abs() >= limit).any(2)
    flat = _variance(moved, foreground.share) < foreground.variance
    return ((clipped.float() @ foreground.share).squeeze(2) > _CLIPPED) | flat


def hardest(luts: Tensor, photo: Tensor, mask: Tensor, n: int) -> Tensor:
    """Return indices (B, n) of the LUTs that set the foreground off most, hardest first.

    The figure is the distance in Lab between the mean colours of foreground and background.

    Args:
        luts: (B, m, 3, D, D, D).
        photo: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        n: how many of the m.
    """
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    colours, weights = thumbnails(photo, mask, _SIDE)
    share = weights / weights.sum(3, keepdim=True).clamp_min(1e-6)  # (B, 2, 1, P)
    moved = lut_composite(colours[:, 0].unsqueeze(2), None, luts)  # (B, m, 3, 1, P)
    foreground = (rgb_to_lab(moved).squeeze(3) * share[:, :1]).sum(3)
    background = (rgb_to_lab(colours[:, 1].unsqueeze(2)).squeeze(2) * share[:, 1]).sum(2)
    mismatch = (foreground - background.unsqueeze(1)).square().sum(2)
    return mismatch.topk(n, dim=1).indices


def _variance(colours: Tensor, share: Tensor) -> Tensor:
    """Return the variance (B, n) of the mean channel of colours (B, n, 3, P)."""
    grey = colours.mean(2)
    return ((grey - grey @ share).square() @ share).squeeze(2)
