"""HaldCLUT images: 3D LUTs as pictures, laid out as ImageMagick's ``hald:LEVEL`` writes them.

An image of level L is L³ x L³ pixels and holds D = L² nodes an axis, in reading order.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harmaug.io.photos import Photo, read_photo, write_photo
from harmaug.lut.tensors import file_rows

_Path = str | os.PathLike[str]

# How far a look's colours move along a line of the grid at most, in their standard deviations. The
# 981 looks of G'MIC reach 3.4 at any level, the identity 1.1. Of 1,300 photos of 512 x 512 read as
# LUTs none stays below 7.4; of 64 x 64, 97 of 100 exceed 5.
_LONGEST_WAY = 5.0
# How many times farther they move if the picture is read by another layout than its own: 2 at least
# for looks of 4 nodes an axis, 5 for 16 nodes.
_FARTHER = 1.5


def read_hald(path: _Path) -> Tensor:
    """Read a 3D LUT from a HaldCLUT image, 8 or 16 bits a channel, in any format of photos.

    Returns:
        (3, D, D, D), float32 in [0, 1]: D = L² for an image of level L, which is L³ x L³.

    Raises:
        ValueError: the sides do not fit a Hald image, its tables lie side by side as tiles (another
            layout of the same size), or neighbours along the grid are as far apart as in a picture.
    """
    pixels = read_photo(path).pixels
    height, width = pixels.shape[:2]
    level = round(width ** (1 / 3))
    if height != width or level**3 != width or level < 2:
        raise ValueError(
            f"{path} is no Hald image: both sides must be 8, 27, 64, 125, ... pixels (a cube "
            f"number), got {width} x {height}{_strip(width, height)}."
        )
    size = level**2
    lut = torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max)
    tiles = lut.reshape(level, size, level, size, 3).transpose(1, 2).reshape(-1, 3)
    lut = lut.reshape(size, size, size, 3).permute(3, 0, 1, 2).contiguous()
    way, spread = _way(lut), lut.var((1, 2, 3), correction=0).mean().sqrt().item()
    tiled = _way(tiles.reshape(size, size, size, 3).permute(3, 0, 1, 2))
    if tiled < min(way / _FARTHER, _LONGEST_WAY * spread):
        raise ValueError(
            f"{path} seems to be a CLUT of {level} x {level} tiles, not a Hald image; that layout "
            "is not read: convert it to a .cube file."
        )
    if way > _LONGEST_WAY * spread:
        raise ValueError(
            f"{path} seems to be a picture, not a Hald image: along a line of the grid its colours "
            f"move by {way / spread:.1f} standard deviations, those of a look by at most "
            f"{_LONGEST_WAY:g}."
        )
    return lut


def _way(lut: Tensor) -> float:
    """Return how far the colours of a LUT move along a line of its grid, on the longest axis."""
    steps = max(lut.diff(dim=axis).abs().mean().item() for axis in (1, 2, 3))
    return steps * (lut.shape[-1] - 1)


def _strip(width: int, height: int) -> str:
    """Return a hint where the sides are those of a CLUT whose tiles stand in one row."""
    narrow, wide = sorted((width, height))
    tiles = narrow > 1 and wide == narrow**2
    return f"; {narrow} tiles in a row are a CLUT of another layout" if tiles else ""


def write_hald(path: _Path, lut: Tensor, bits: int = 8) -> None:
    """Write a 3D LUT as a HaldCLUT image in PNG.

    A Hald image has L² nodes an axis. A LUT of another size is refused; resample it first, for
    example ``resize_lut(lut, 64)``.

    Args:
        path: the file, ending in .png; an existing one is replaced.
        lut: (3, D, D, D), D = 4, 9, 16, 25, ...; values are clamped to [0, 1] and rounded.
        bits: 8 or 16 a channel.

    Raises:
        ValueError: another size, suffix or number of bits, or values beyond -16..16.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, got {bits}.")
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"a Hald image is written as .png, got {path}.")
    rows = file_rows(lut)
    size = lut.shape[-1]
    level = math.isqrt(size)
    if level**2 != size:
        raise ValueError(
            f"a Hald image needs a square number of nodes an axis (4, 9, 16, ..., 64), got {size}; "
            f"resample first, for example resize_lut(lut, {(level + 1) ** 2})."
        )
    top = 2**bits - 1
    codes = np.floor(rows.clip(0, 1).astype(np.float64) * top + 0.5)
    pixels = codes.astype(np.uint8 if bits == 8 else np.uint16).reshape(level**3, level**3, 3)
    write_photo(path, Photo(pixels), overwrite=True)
