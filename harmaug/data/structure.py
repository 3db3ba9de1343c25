"""Structure of frames of one viewpoint: the edges in them, which stay where light changes.

Frames are compared at ``SIDE`` x ``SIDE`` pixels. Light from another side turns the contrast of an
edge around, so two fields are taken of edges: the direction of the gradient, and twice its angle,
which is the same for both contrasts.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 96
_NOISE = 0.01  # gradients of this size count half
_REACH = 16  # pixels, of shifts that are looked for


class Agreement(NamedTuple):
    """Products of each frame's structure with that of all others; axes (2 fields, T, H, W)."""

    own: Tensor  # |u|^2 of the frame's own structure u
    shared: Tensor  # u . v with the sum v of the other frames' structure
    others: Tensor  # |v|^2

    def pooled(self, weights: Tensor) -> Agreement:
        """Return sums (2, T, K) over pixels with weights (H * W, K)."""
        return Agreement(*(values.flatten(2) @ weights for values in self))

    def correlation(self) -> Tensor:
        """Return how each frame's structure agrees with the others', -1 to 1: (T, ...).

        Of the two fields the one counts that agrees more.
        """
        norm = (self.own * self.others).clamp_min(1e-12).sqrt()
        return (self.shared / norm).amax(0)


def edge_fields(frames: Tensor) -> Tensor:
    """Return edges (2 fields, T, 2, H, W), vectors of length 0 (none) to 1.

    Args:
        frames: (T, 3, H, W) in [0, 1].
    """
    grey = frames.mean(1, keepdim=True)
    detail = grey - F.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)  # without shading
    wide = F.pad(detail, (1, 1, 1, 1), mode="replicate")
    across, down = wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2], wide[:, :, 2:] - wide[:, :, :-2]
    gradient = torch.cat((across, down[..., 1:-1]), 1) / 2
    signed = gradient / (gradient.square().sum(1, keepdim=True) + _NOISE**2).sqrt()
    x, y = signed.unbind(1)
    length = torch.hypot(x, y).clamp_min(1e-6)
    return torch.stack((signed, torch.stack(((x * x - y * y) / length, 2 * x * y / length), 1)))


def compare(fields: Tensor) -> Agreement:
    """Compare the `edge_fields` of each frame with those of all others."""
    total = fields.sum(1, keepdim=True)
    own = fields.square().sum(2)
    shared = (fields * total).sum(2) - own
    return Agreement(own, shared, total.square().sum(2) - 2 * shared - own)


def measure_shifts(fields: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how far each frame lies from the others, down and across, and how surely.

    Args:
        fields: (2, T, 2, H, W), `edge_fields`.

    Returns:
        shifts (T, 2) in pixels, to parts of a pixel; correlations (T,) at these shifts, near 0 for
        a frame that shows nothing of what the others show; and correlations (T,) without a shift.
    """
    surface = torch.zeros(())
    for field in fields:
        spectrum = torch.fft.fft2(torch.complex(field[:, 0], field[:, 1]))
        others = spectrum.sum(0) - spectrum
        product = torch.fft.ifft2(spectrum * others.conj()).real
        norms = [part.abs().square().sum((1, 2)) for part in (spectrum, others)]
        norm = (norms[0] * norms[1]).sqrt() / product[0].numel()
        surface = surface + product / norm.clamp_min(1e-9).view(-1, 1, 1) / len(fields)
    reach = min(_REACH, (min(surface.shape[1:]) - 1) // 2)
    width = 2 * reach + 1
    near = surface.roll((reach, reach), (1, 2))[:, :width, :width]
    best, place = near.flatten(1).max(1)
    found = torch.stack((place // width, place % width), 1) - reach
    row, (y, x) = torch.arange(len(surface)), found.unbind(1)
    height, across = surface.shape[1:]  # the surface is periodic: each place has neighbours
    finer = [
        _vertex(surface[row, (y - 1) % height, x], best, surface[row, (y + 1) % height, x]),
        _vertex(surface[row, y, (x - 1) % across], best, surface[row, y, (x + 1) % across]),
    ]
    return found + torch.stack(finer, 1), best, surface[:, 0, 0]


def _vertex(before: Tensor, at: Tensor, after: Tensor) -> Tensor:
    """Return the place in [-0.5, 0.5] of the top of parabolas through three values."""
    bend = before - 2 * at + after
    top = torch.where(bend < 0, 0.5 * (before - after) / bend, 0.0)
    return top.nan_to_num().clamp(-0.5, 0.5)
