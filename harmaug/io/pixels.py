"""Image files as pixel arrays, upright and at their own bit depth.

Pillow reads and writes everything but 16-bit colour, which it would cut to 8 bits: that is read by
kornia_rs and written here, for kornia_rs writes neither profile nor EXIF.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

ORIENTATION = 0x0112  # the EXIF tag
_BITS_PER_SAMPLE = 0x0102  # the TIFF tag


def decode(path: Path, max_megapixels: float | None) -> tuple[np.ndarray, Image.Image]:
    """Upright pixels (H, W, C), uint8 or uint16, and Pillow's image for all that is not pixels.

    C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    """
    with _open(path) as image:
        megapixels = image.width * image.height / 1e6
        if max_megapixels is not None and megapixels > max_megapixels:
            raise ValueError(
                f"{path} has {megapixels:.1f} megapixels, over the limit of {max_megapixels:g}; "
                "scale it down or raise the limit."
            )
        try:
            # In this order: once Pillow has decoded a TIFF, it has also turned it upright.
            return upright(_pixels(image, path), image), image
        except _Unsupported as reason:
            raise ValueError(f"{path} {reason}.") from None
        except Exception as error:  # each decoder has its own, down to bare Exception
            raise ValueError(f"{path} is damaged or cut short ({error}).") from error


def upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Turn (H, W, ...) as the EXIF orientation of ``image`` asks."""
    orientation = image.getexif().get(ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def write_png16(path: Path, pixels: np.ndarray, info: dict[str, bytes]) -> None:
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
