"""Photos and masks in files, read at one size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.io.photos import Photo, read_mask, read_photo
from harmaug.io.pixels import to_8_bits


def read_sized_photo(path: Path, size: int | None) -> tuple[Tensor, tuple[int, ...]]:
    """Return a photo (3, H, W) in [0, 1], and its (H, W) in the file.

    Resized to ``(size, size)`` in 8 bits, antialiased, aspect not kept; None keeps size and depth.
    """
    # Bilinear resizing is as good from twice the size.
    photo = read_photo(path, at_least=None if size is None else 2 * size)
    shape = photo.full_size or photo.pixels.shape[:2]
    return (photo if size is None else Photo(_resized(photo.pixels, size))).tensor(), shape


def read_sized_mask(path: Path, size: int | None) -> tuple[Tensor, tuple[int, ...]]:
    """Return a mask (1, H, W) in [0, 1], and its (H, W) in the file; resized as photos are."""
    mask = read_mask(path)
    shape = tuple(mask.shape)
    if size is not None:
        codes = mask.mul_(255).round_().to(torch.uint8).numpy()
        mask = torch.from_numpy(_resized(codes, size)).float() / 255
    return mask.unsqueeze(0), shape


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    image = Image.fromarray(to_8_bits(pixels))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR))
