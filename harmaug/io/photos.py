"""Photos and masks in files: upright RGB pixels with 8 or 16 bits, and what a copy carries along.

Pixels are never converted between colour profiles: the profile goes along with them.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.io.pixels import ORIENTATION, decode, upright, write_png16

_Path = str | os.PathLike[str]
_PNG_LEVEL = 4  # of compression: a third of the time of the default 6, at the same size
_GREY_TOLERANCE = 0.05  # how far R, G and B of a mask may differ: JPEG tints grey a little


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as its file holds it, turned upright.

    ``dataclasses.replace(photo, pixels=...)`` is a copy with other colours.

    Attributes:
        pixels: (H, W, 3), uint8 or uint16, RGB.
        alpha: (H, W) in the dtype of ``pixels``, or None where the file has none.
        icc_profile: the RGB colour profile, or None.
        exif: the EXIF block without its orientation, or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None

    def tensor(self) -> Tensor:
        """The pixels as (3, H, W), float32 in [0, 1]."""
        return _unit(self.pixels).permute(2, 0, 1).contiguous()

    def recoloured(self, image: Tensor) -> Photo:
        """This photo with other colours, at its own bit depth.

        Args:
            image: (3, H, W), floating point in [0, 1]; rounded to the nearest code value, so what
                `tensor` gave comes back as the very integers.
        """
        if image.shape != (3, *self.pixels.shape[:2]):
            raise ValueError(
                f"image must be (3, {self.pixels.shape[0]}, {self.pixels.shape[1]}) to match the "
                f"photo, got {tuple(image.shape)}."
            )
        top = np.iinfo(self.pixels.dtype).max
        codes = image.detach().cpu().float().permute(1, 2, 0).clamp(0, 1)
        codes = codes.mul_(top).add_(0.5).floor_()
        pixels = np.ascontiguousarray(codes.numpy().astype(self.pixels.dtype))
        return dataclasses.replace(self, pixels=pixels)


def read_photo(path: _Path, max_megapixels: float | None = None) -> Photo:
    """Read a photo in any format that Pillow reads, upright; PNG and TIFF keep their 16 bits.

    Grey and CMYK become RGB (CMYK with a warning: without its profile the colours are approximate);
    of an animation the first frame is taken.

    Args:
        path: the file.
        max_megapixels: refuse larger photos before decoding them.
    """
    pixels, image = decode(Path(path), max_megapixels)
    if image.mode == "CMYK":
        warnings.warn(f"{path} is CMYK: its colours as RGB are approximate.", stacklevel=2)
    channels = pixels.shape[2]
    rgb = pixels[..., :3] if channels >= 3 else pixels[..., :1].repeat(3, axis=2)
    profile = image.info.get("icc_profile")
    return Photo(
        pixels=np.ascontiguousarray(rgb),
        alpha=np.ascontiguousarray(pixels[..., -1]) if channels in (2, 4) else None,
        icc_profile=profile if profile and profile[16:20] == b"RGB " else None,
        exif=_exif(image, path),
    )


def read_mask(path: _Path, max_megapixels: float | None = None) -> Tensor:
    """Read a foreground mask, upright; soft edges are kept.

    Grey pictures of any depth are taken as they are, save that 8-bit ones of nothing but 0 and 1
    mean background and foreground. Of pictures with transparency the opacity is the mask. Where a
    palette holds colours, as of a label map, every entry but the first is foreground. Other
    coloured pictures are refused.

    Args:
        path: the file.
        max_megapixels: refuse larger masks before decoding them.

    Returns:
        (H, W), float32 in [0, 1].
    """
    pixels, image = decode(Path(path), max_megapixels)
    if pixels.shape[2] in (2, 4) and pixels[..., -1].min() < np.iinfo(pixels.dtype).max:
        return _unit(pixels[..., -1])
    if pixels.shape[2] >= 3 and np.ptp(pixels[..., :3].astype(np.int32), axis=2).max() > (
        _GREY_TOLERANCE * np.iinfo(pixels.dtype).max
    ):
        if image.mode != "P":
            raise ValueError(
                f"{path} is no mask: expected a grey or a transparent picture, got a coloured one."
            )
        return torch.from_numpy(upright(np.asarray(image), image) > 0).float()
    grey = pixels[..., 0]
    return _unit(grey if grey.dtype != np.uint8 or grey.max() > 1 else grey * np.uint8(255))


def write_photo(path: _Path, photo: Photo, *, quality: int = 95, overwrite: bool = False) -> None:
    """Write a photo with its alpha, colour profile and EXIF; whole or not at all.

    Args:
        path: ends in .png (8 or 16 bits, as the pixels), .jpg or .jpeg (8 bits, no alpha).
        photo: what to write.
        quality: of a JPEG, 1 to 100; colours are not subsampled.
        overwrite: replace an existing file instead of raising FileExistsError.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"a photo is written as .png, .jpg or .jpeg, got {path}.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists and is not overwritten.")
    if suffix != ".png" and (photo.alpha is not None or photo.pixels.dtype != np.uint8):
        raise ValueError(f"{path}: a JPEG holds neither transparency nor 16 bits; write a .png.")
    pixels = photo.pixels
    if photo.alpha is not None:
        pixels = np.dstack((pixels, photo.alpha))
    extra: dict[str, Any] = {"icc_profile": photo.icc_profile, "exif": photo.exif}
    extra = {key: value for key, value in extra.items() if value is not None}
    with atomic_write(path) as temporary:
        if pixels.dtype == np.uint16:
            write_png16(temporary, pixels, extra)
        elif suffix == ".png":
            Image.fromarray(pixels).save(temporary, "PNG", compress_level=_PNG_LEVEL, **extra)
        else:
            Image.fromarray(pixels).save(temporary, "JPEG", quality=quality, subsampling=0, **extra)


def _exif(image: Image.Image, path: _Path) -> bytes | None:
    exif = image.getexif()
    exif.pop(ORIENTATION, None)
    if not len(exif) or image.format == "TIFF":  # a TIFF's tags say how its own pixels lie
        return None
    try:
        return exif.tobytes()
    except Exception:
        warnings.warn(f"the EXIF block of {path} is damaged and left out.", stacklevel=3)
        return None


def _unit(pixels: np.ndarray) -> Tensor:
    scaled = pixels.astype(np.float32)
    scaled /= np.iinfo(pixels.dtype).max
    return torch.from_numpy(scaled)
