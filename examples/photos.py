"""A stand-in for a harmonization dataset, made from the packaged photos: no files, no network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from harmaug.data.demo import demo_photos


def small_photos(size: int = 96) -> list[tuple[Tensor, Tensor]]:
    """Return photos (3, size, size) and foreground masks (1, size, size), all in [0, 1]."""
    pairs = []
    for _, photo, mask in demo_photos():
        stacked = torch.cat((photo.tensor(), mask.reshape(1, *mask.shape[-2:]))).unsqueeze(0)
        resized = F.interpolate(stacked, (size, size), mode="bilinear", antialias=True)[0]
        pairs.append((resized[:3].clamp(0, 1), resized[3:].clamp(0, 1)))
    return pairs


def eight_bit(image: Tensor) -> np.ndarray:
    """Return an image (C, H, W) in [0, 1] as an 8-bit array (H, W, C)."""
    return (image * 255).byte().permute(1, 2, 0).contiguous().numpy()


class Pairs(Dataset):
    """Samples of composite, real and mask; these composites are the photos with less light."""

    def __init__(self, repeat: int = 4) -> None:
        self.photos = small_photos() * repeat

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> dict[str, Any]:
        real, mask = self.photos[index]
        return {"comp": real * (1 - 0.4 * mask), "mask": mask, "real": real, "index": index}


class TinyHarmonizer(nn.Module):
    """The smallest harmonizer to train: a residual on the foreground."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1)
        )

    def forward(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Return harmonized images (B, 3, H, W) of (B, 3, H, W) and (B, 1, H, W)."""
        return composite + mask * self.body(torch.cat((composite, mask), 1))


def foreground_mse(output: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the squared error over the area of the foreground, the usual loss of harmonizers."""
    return ((output - real).square().sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(100)).mean()
