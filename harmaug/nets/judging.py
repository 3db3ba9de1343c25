"""Judging drawn LUTs on a small view of their photo: which spoil it, which stand out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut import apply_lut
from harmaug.nets.statistics import thumbnails

_SIDE = 64  # pixels of the longest side of the view
_CLIPPED = 0.1  # of the foreground; seen on contact sheets, more looks blown out
_CONTRAST = 0.4  # of the foreground's own contrast: as much as the recipes keep at least
_BORDER = 0.49  # from the middle of the range; LUTs flatten out before they reach its ends


class Foreground(NamedTuple):
    """Pixels of the foregrounds of B photos, on a grid that is fine enough to judge LUTs by.

    Attributes:
        colours: (B, 3, 1, P) in [0, 1].
        share: (B, P, 1), of each pixel in its foreground; 0 for what only fills up.
        limit: (B, 1, 3, P), how far from 0.5 a value counts as clipped; out of reach for one that
            is at the border of the range to begin with.
        contrast: (B, 1), standard deviation of the mean channel.
    """

    colours: Tensor
    share: Tensor
    limit: Tensor
    contrast: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, photo: Tensor, alpha: Tensor) -> Foreground:
        """From photos (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1]."""
        step = -(-max(photo.shape[2:]) // _SIDE)
        view, weights = (image[:, :, ::step, ::step].flatten(2) for image in (photo, alpha))
        # A foreground that falls between the sampled pixels is judged by none and passes.
        most = max((weights > 0).sum(2).flatten().tolist(), default=0)
        weights, place = weights.topk(most, sorted=False)
        colours = view.gather(2, place.expand(-1, 3, -1))
        share = (weights / weights.sum(2, keepdim=True).clamp_min(1e-6)).mT
        contrast = _contrast(colours.unsqueeze(1), share)
        clipped = (colours - 0.5).abs() >= _BORDER
        limit = clipped.to(colours.dtype).clamp_min(_BORDER)
        return cls(colours.unsqueeze(2), share, limit.unsqueeze(1), contrast)

    def rows(self, which: Tensor) -> Foreground:
        """Those of some photos, (M,) indices."""
        return Foreground(*(part[which] for part in self))


@torch.no_grad()
def spoilt(luts: Tensor, foreground: Foreground) -> Tensor:
    """Which LUTs (B, n) clip more than a tenth of the foreground anew, or leave it flat.

    Args:
        luts: (B, n, 3, D, D, D).
        foreground: of B photos.
    """
    moved = apply_lut(foreground.colours, luts).squeeze(3)  # (B, n, 3, P)
    # By channel: an orange whose red is at its limit already can still be blown out to white.
    clipped = ((moved - 0.5).abs() - foreground.limit).amax(2) >= 0
    flat = _contrast(moved, foreground.share) < _CONTRAST * foreground.contrast
    return ((clipped.float() @ foreground.share).squeeze(2) > _CLIPPED) | flat


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

    colours, weights = thumbnails(photo, alpha, _SIDE)
    share = weights / weights.sum(3, keepdim=True).clamp_min(1e-6)  # (B, 2, 1, P)
    moved = apply_lut(colours[:, 0].unsqueeze(2), luts)  # (B, m, 3, 1, P)
    foreground = (rgb_to_lab(moved).squeeze(3) * share[:, :1]).sum(3)
    background = (rgb_to_lab(colours[:, 1].unsqueeze(2)).squeeze(2) * share[:, 1]).sum(2)
    mismatch = (foreground - background.unsqueeze(1)).square().sum(2)
    return mismatch.topk(n, dim=1).indices


def _contrast(colours: Tensor, share: Tensor) -> Tensor:
    """Standard deviation (B, n) of the mean channel of colours (B, n, 3, P)."""
    grey = colours.mean(2)
    return ((grey - grey @ share).square() @ share).squeeze(2).sqrt()
