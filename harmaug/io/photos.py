"""The reader of photos and the reader of masks, and the writer of photos.

Pixels are never converted between colour spaces: what names the space goes along with them.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.inputs import opacity
from harmaug.io.atomic import atomic_write
from harmaug.io.pixels import ORIENTATION, Decoded, decode, orientation_of, upright, write_png

_Path = str | os.PathLike[str]
_GREY_TOLERANCE = 0.05  # how far R, G and B of a mask may differ: JPEG tints grey a little
_COLOUR_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM")  # of PNG files
_EXIF = b"Exif\0\0"  # the first bytes of a block


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as its file holds it, turned upright.

    ``dataclasses.replace(photo, pixels=...)`` is a copy with other colours.

    Attributes:
        pixels: (H, W, 3), uint8 or uint16, RGB.
        alpha: (H, W) in the dtype of ``pixels``, or None where the file has none.
        icc_profile: the RGB colour profile, or None.
        exif: the EXIF block without its orientation and thumbnail, or None.
        colour_chunks: other names of the colour space, chunks of a PNG file.
        full_size: (H, W) of the photo in the file if it was read smaller, else None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    icc_profile: bytes | None = None
    exif: bytes | None = None
    colour_chunks: dict[bytes, bytes] = field(default_factory=dict)
    full_size: tuple[int, int] | None = None

    @property
    def lost_in_jpeg(self) -> str:
        """Names of the chunks that tell a colour space other than sRGB, or nothing."""
        names = [] if b"sRGB" in self.colour_chunks else [*self.colour_chunks]
        return ", ".join(name.decode() for name in names)

    def tensor(self) -> Tensor:
        """Return the pixels as (3, H, W), float32 in [0, 1]."""
        return _unit(self.pixels).permute(2, 0, 1).contiguous()

    def recoloured(self, image: Tensor) -> Photo:
        """Return this photo with other colours, at its own bit depth.

        Args:
            image: (3, H, W), floating point in [0, 1]; rounded to the nearest code, so that the
                result of `tensor` gives the very same pixels.
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


def read_photo(
    path: _Path,
    max_megapixels: float | None = None,
    *,
    data: bytes | None = None,
    at_least: int | None = None,
) -> Photo:
    """Read a photo in any format that Pillow reads, upright; PNG and TIFF keep their 16 bits.

    Grey and CMYK become RGB (CMYK with a warning: without its profile the colours are approximate).
    Of an animation the first frame is read.

    Args:
        path: the file, or a pipe.
        max_megapixels: refuse larger photos before decoding them; None leaves Pillow's own limit.
        data: bytes of the file, if they have been read before.
        at_least: sides that suffice; a large JPEG file is then decoded at a fraction of its size.

    Raises:
        ValueError: the file is no image, damaged, too large, or of a kind that is not read.
    """
    return photo_of(decode(path, max_megapixels, data, at_least))


def read_mask(
    path: _Path, max_megapixels: float | None = None, *, data: bytes | None = None
) -> Tensor:
    """Read a foreground mask (H, W), float32 in [0, 1], upright; soft edges are kept.

    Grey pictures hold opacities, or labels if only 0 and 1 occur (`harmaug.inputs.opacity`). Of
    pictures with transparency the opacity is the mask. Of a palette of colours, as label maps
    have, every entry but the first is foreground. The arguments are those of `read_photo`.

    Raises:
        ValueError: as for photos, or the mask is coloured, or its values may be class ids.
    """
    return mask_of(decode(path, max_megapixels, data))


def photo_of(decoded: Decoded) -> Photo:
    """Return the photo in a decoded file; see `read_photo`."""
    pixels, image, path = decoded.pixels, decoded.image, decoded.path
    if image.mode == "CMYK":
        warnings.warn(f"{path} is CMYK: its colours as RGB are approximate.", stacklevel=3)
    try:
        exif = _exif(image)
    except Exception:
        exif = None
        warnings.warn(f"the EXIF block of {path} is damaged and left out.", stacklevel=3)
    channels = pixels.shape[2]
    rgb = pixels[..., :3] if channels >= 3 else pixels[..., :1].repeat(3, axis=2)
    return Photo(
        pixels=np.ascontiguousarray(rgb),
        alpha=np.ascontiguousarray(pixels[..., -1]) if channels in (2, 4) else None,
        icc_profile=rgb_profile(image),
        exif=exif,
        colour_chunks={k: decoded.chunks[k] for k in _COLOUR_CHUNKS if k in decoded.chunks},
        full_size=decoded.full_size,
    )


def rgb_profile(image: Image.Image) -> bytes | None:
    """Return the colour profile of a picture, if it is one of RGB colours."""
    profile = image.info.get("icc_profile")
    return profile if profile and profile[16:20] == b"RGB " else None


def mask_of(decoded: Decoded) -> Tensor:
    """Return the mask in a decoded file; see `read_mask`."""
    pixels, image, path = decoded.pixels, decoded.image, decoded.path
    top = np.iinfo(pixels.dtype).max
    if pixels.shape[2] in (2, 4) and pixels[..., -1].min() < top:
        return _unit(pixels[..., -1])
    grey = pixels[..., 0]
    coloured = pixels.shape[2] >= 3 and _is_coloured(pixels[..., :3])
    if image.mode == "P":
        palette = np.array(image.getpalette() or [0] * 3, np.uint8).reshape(-1, 3)
        # A label map may happen to show nothing but grey entries of its palette.
        if coloured or (grey.max() < top and _is_coloured(palette)):
            labels = upright(np.asarray(image), orientation_of(image))
            return torch.from_numpy((labels > 0).astype(np.float32))
    if coloured:
        raise ValueError(
            f"{path} is no mask: expected a grey or a transparent picture, got a coloured one."
        )
    codes = torch.from_numpy(grey.astype(np.uint8 if top == 255 else np.int32))
    return opacity(codes, str(path))


def write_photo(path: _Path, photo: Photo, *, quality: int = 95, overwrite: bool = False) -> None:
    """Write a photo with its alpha, colour profile and EXIF, whole or not at all.

    Args:
        path: ends in .png (8 or 16 bits, as the pixels), .jpg or .jpeg (8 bits, no alpha).
        photo: its content.
        quality: of a JPEG file, 1 to 100; colours are not subsampled.
        overwrite: replace an existing file.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is False.
        ValueError: another suffix, or a JPEG file of transparent or 16-bit pixels.
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
    with atomic_write(path) as temporary:
        if suffix == ".png":
            names = dict(photo.colour_chunks)
            if photo.icc_profile is not None:
                names[b"iCCP"] = b"ICC Profile\0\0" + zlib.compress(photo.icc_profile)
            if photo.exif is not None:
                names[b"eXIf"] = photo.exif.removeprefix(_EXIF)
            write_png(temporary, pixels, names)
            return
        if lost := photo.lost_in_jpeg:
            warnings.warn(f"{path}: a JPEG does not hold the colour space ({lost}).", stacklevel=2)
        extra: dict[str, Any] = {"icc_profile": photo.icc_profile, "exif": photo.exif}
        extra = {key: value for key, value in extra.items() if value is not None}
        Image.fromarray(pixels).save(temporary, "JPEG", quality=quality, subsampling=0, **extra)


def _exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block without orientation and thumbnail, all else byte for byte."""
    if image.format == "TIFF":  # its tags say how its own pixels lie
        return None
    block = image.info.get("exif")
    if block is None:
        if "Raw profile type exif" not in image.info:
            return None
        block = image.getexif().tobytes()
    tiff = bytearray(block.removeprefix(_EXIF))
    order = {b"II": "<", b"MM": ">"}[bytes(tiff[:2])]
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    end = start + 2 + 12 * count
    tags = {at: struct.unpack_from(f"{order}H10x", tiff, at)[0] for at in range(start + 2, end, 12)}
    kept = [tiff[at : at + 12] for at, tag in tags.items() if tag != ORIENTATION]
    entries = struct.pack(f"{order}H", len(kept)) + b"".join(kept)
    # The zeros behind them say that no other list follows: it would hold the thumbnail.
    tiff[start : end + 4] = entries.ljust(end + 4 - start, b"\0")
    return _EXIF + bytes(tiff) if kept else None


def _is_coloured(pixels: np.ndarray) -> bool:
    """Return whether R, G and B differ anywhere in (..., 3) by more than JPEG tints grey."""
    channels = np.moveaxis(pixels, -1, 0)  # taken in turn: numpy is slow along an axis of 3
    spread = functools.reduce(np.maximum, channels) - functools.reduce(np.minimum, channels)
    return bool(spread.max() > _GREY_TOLERANCE * np.iinfo(pixels.dtype).max)


def _unit(pixels: np.ndarray) -> Tensor:
    scaled = pixels.astype(np.float32)
    scaled /= np.iinfo(pixels.dtype).max
    return torch.from_numpy(scaled)
