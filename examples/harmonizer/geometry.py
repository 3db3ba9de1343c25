"""Flips and crops of whole batches, the same for all pictures of a sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_FEWEST = 0.005  # share of foreground; of a crop with less, the whole photo is taken


def flip_and_crop(images: Tensor, size: int, smallest: float = 0.7) -> Tensor:
    """Mirror half of the samples and return a random window of each, resized.

    Args:
        images: (B, C, H, W), the pictures of a sample along the channels, its mask last.
        size: pixels a side of the result.
        smallest: side of a window over that of the photo, drawn from [smallest, 1].
    """
    batch, device = len(images), images.device
    side = torch.rand(batch, 2, device=device) * (1 - smallest) + smallest
    centre = (torch.rand(batch, 2, device=device) * 2 - 1) * (1 - side)
    flip = (torch.rand(batch, device=device) < 0.5).float() * 2 - 1
    cut = _resample(images, side, centre, flip, size)
    lost = cut[:, -1].mean((1, 2)) < _FEWEST
    if lost.any():
        whole = torch.ones_like(side[lost]), torch.zeros_like(centre[lost]), flip[lost]
        cut[lost] = _resample(images[lost], *whole, size)
    return cut


def resize(images: Tensor, size: int) -> Tensor:
    """Return the whole frames (B, C, size, size)."""
    if images.shape[2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def _resample(images: Tensor, side: Tensor, centre: Tensor, flip: Tensor, size: int) -> Tensor:
    theta = images.new_zeros(len(images), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = side[:, 0] * flip, side[:, 1]
    theta[:, :, 2] = centre
    grid = F.affine_grid(theta, [len(images), 1, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
