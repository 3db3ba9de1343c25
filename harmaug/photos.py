"""Photos and masks in files: upright RGB pixels with 8 or 16 bits, and what a copy carries along.

Pillow reads and writes everything but 16-bit colour, which it would cut to 8 bits: that is read by
kornia_rs and written here, for kornia_rs writes neither profile nor EXIF.
Pixels are never converted between colour profiles: the profile goes along with them.
"""

from __future__ import annotations

import dataclasses
import os
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from harmaug.atomic import atomic_write

_Path = str | os.PathLike[str]
_ORIENTATION = 0x0112  # the EXIF tag
_BITS_PER_SAMPLE = 0x0102  # the TIFF tag
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
    pixels, image = _decode(Path(path), max_megapixels)
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
    pixels, image = _decode(Path(path), max_megapixels)
    if pixels.shape[2] in (2, 4) and pixels[..., -1].min() < np.iinfo(pixels.dtype).max:
        return _unit(pixels[..., -1])
    if pixels.shape[2] >= 3 and np.ptp(pixels[..., :3].astype(np.int32), axis=2).max() > (
        _GREY_TOLERANCE * np.iinfo(pixels.dtype).max
    ):
        if image.mode != "P":
            raise ValueError(
                f"{path} is no mask: expected a grey or a transparent picture, got a coloured one."
            )
        return torch.from_numpy(_upright(np.asarray(image), image) > 0).float()
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
            _write_png16(temporary, pixels, extra)
        elif suffix == ".png":
            Image.fromarray(pixels).save(temporary, "PNG", compress_level=_PNG_LEVEL, **extra)
        else:
            Image.fromarray(pixels).save(temporary, "JPEG", quality=quality, subsampling=0, **extra)


def _decode(path: Path, max_megapixels: float | None) -> tuple[np.ndarray, Image.Image]:
    """Upright pixels (H, W, C), uint8 or uint16, and Pillow's image for all that is not pixels.

    C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    """
    with _open(path) as image:
        megapixels = image.width * image.height / 1e6
        if max_megapixels is not None and megapixels > max_megapixels:
            raise ValueError(
                f"{path} has {megapixels:.1f} megapixels, over the limit of {max_megapixels:g}."
            )
        try:
            # In this order: once Pillow has decoded a TIFF, it has also turned it upright.
            return _upright(_pixels(image, path), image), image
        except _Unsupported as reason:
            raise ValueError(f"{path} {reason}.") from None
        except Exception as error:  # each decoder has its own, down to bare Exception
            raise ValueError(f"{path} is damaged or cut short ({error}).") from error


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image of a known format.") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large to be read ({error}).") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist.") from None
    except Exception as error:  # each format's reader has its own
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"{path} is damaged or cut short ({error}).") from error


class _Unsupported(Exception):
    pass


def _pixels(image: Image.Image, path: Path) -> np.ndarray:
    deep = _bits(image, path) == 16
    if deep and image.mode in ("RGB", "RGBA"):
        return _colour16(image, path)
    if image.mode.startswith("I;16") or (image.mode == "I" and deep):
        return np.asarray(image)[..., None].astype(np.uint16)
    if image.mode in ("I", "F"):
        raise _Unsupported("holds 32-bit pixels; expected 8 or 16 bits a channel")
    if image.has_transparency_data:
        grey = image.mode in ("LA", "La")
        return np.asarray(image.convert("LA" if grey else "RGBA"))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image.convert("RGB"))


def _bits(image: Image.Image, path: Path) -> int:
    """Bits a channel in a PNG or TIFF file; 8 for every other format."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(25)[24]  # signature, then the IHDR chunk
    if image.format == "TIFF":
        return int(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))[0])  # type: ignore[attr-defined]
    return 8


def _colour16(image: Image.Image, path: Path) -> np.ndarray:
    from kornia_rs import io

    if image.format == "PNG":
        with open(path, "rb") as file:
            colour_type = file.read(26)[25]
        if colour_type in (2, 6):
            return io.read_image_png_u16(str(path), "rgb" if colour_type == 2 else "rgba")
    elif image.mode == "RGB":
        return io.read_image_tiff_u16(str(path), "rgb")
    raise _Unsupported(f"is a 16-bit {image.format} with alpha, which only PNG with RGB may have")


def _upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Turn (H, W, ...) as the EXIF orientation of ``image`` asks."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _exif(image: Image.Image, path: _Path) -> bytes | None:
    exif = image.getexif()
    exif.pop(_ORIENTATION, None)
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


def _write_png16(path: Path, pixels: np.ndarray, info: dict[str, bytes]) -> None:
    """Write (H, W, 3 or 4) uint16 as PNG, every line as its difference from the one above."""
    height, width, channels = pixels.shape
    colour_type = 2 if channels == 3 else 6
    lines = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + lines.shape[1]), np.uint8)
    filtered[:, 0] = 2  # the filter type "up"
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0))]
    if "icc_profile" in info:
        profile = zlib.compress(info["icc_profile"])
        chunks.append((b"iCCP", b"ICC Profile\0\0" + profile))
    if "exif" in info:
        chunks.append((b"eXIf", info["exif"].removeprefix(b"Exif\0\0")))
    chunks += [(b"IDAT", zlib.compress(filtered.data, level=1)), (b"IEND", b"")]
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            checksum = zlib.crc32(data, zlib.crc32(kind))
            file.write(struct.pack(">I", len(data)) + kind)
            file.write(data)
            file.write(struct.pack(">I", checksum))
