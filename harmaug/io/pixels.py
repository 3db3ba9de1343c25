"""Image files as pixel arrays, upright and at their own bit depth.

Pillow decodes all formats, but of 16-bit colour it keeps 8 bits: that is decoded and encoded here.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

ORIENTATION = 0x0112  # the EXIF tag
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 0x0102, 0x0106, 0x011C, 0x0153  # of TIFF
_WHITE_IS_ZERO, _SEPARATE, _SIGNED = 0, 2, 2  # values of the last three
_GREY8 = b"\x08\0\0\0\0"  # end of the header of a PNG file: 8 bits, grey, not interlaced
_EXIF_CHUNKS = {b"eXIf", b"tEXt", b"zTXt", b"iTXt"}  # of a PNG file; they may have an orientation
_PNG_LEVEL = 4  # of compression: a third of the time of the default 6, at the same size
_LOCK = threading.Lock()


@dataclass(frozen=True, eq=False)
class Decoded:
    """The content of an image file.

    Attributes:
        path: the file.
        image: Pillow's image, for all that is not pixels.
        given: the pixels if they are decoded already; None for a plain JPEG file, since a caller
            may want its image alone.
        chunks: of a PNG file, by name.
        full_size: (H, W) of the picture in the file if ``pixels`` are fewer, else None.
        plain: True for an upright JPEG file in RGB or grey and for a grey PNG file of 8 bits; every
            program reads these pixels in it.
    """

    path: Path
    image: Image.Image
    given: np.ndarray | None
    chunks: dict[bytes, bytes]
    full_size: tuple[int, int] | None
    plain: bool

    @cached_property
    def pixels(self) -> np.ndarray:
        """(H, W, C), uint8 or uint16, upright; grey, grey and alpha, RGB, or RGB and alpha."""
        if self.given is not None:
            return self.given
        pixels = np.asarray(self.image)
        return pixels if pixels.ndim == 3 else pixels[..., None]


def decode(
    path: str | os.PathLike[str],
    max_megapixels: float | None = None,
    data: bytes | None = None,
    at_least: int | None = None,
) -> Decoded:
    """Decode an image file; see `harmaug.io.photos.read_photo` for the arguments."""
    path = Path(path)
    data = _read(path) if data is None else data
    try:
        with _pillow_limit(max_megapixels):
            image = _open(data)
            megapixels = image.width * image.height / 1e6
            if max_megapixels is not None and megapixels > max_megapixels:
                raise _Refused(
                    f"has {megapixels:.1f} megapixels, over the limit of {max_megapixels:g}; "
                    "scale it down or raise the limit"
                )
            return _decoded(path, image, data, at_least)
    except _Refused as reason:
        raise ValueError(f"{path} {reason}.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image of a known format.") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} is too large to be read ({error}).") from None
    except Exception as error:  # each decoder has its own, down to bare Exception
        raise ValueError(f"{path} is damaged or cut short ({error}).") from error


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 where there is none, or where the block is damaged."""
    with contextlib.suppress(Exception):
        return image.getexif().get(ORIENTATION, 1)
    return 1


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (H, W, ...) as an EXIF orientation asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Return uint16 codes as the nearest uint8 codes, and uint8 codes as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray, chunks: Mapping[bytes, bytes]) -> None:
    """Write (H, W, 3 or 4), uint8 or uint16, as PNG, with further chunks before the pixels."""
    if pixels.dtype == np.uint16:
        data = _png16(pixels)
    else:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=_PNG_LEVEL)
        data = file.getvalue()
    with open(path, "wb") as output:
        output.write(data[:33])  # signature and header
        output.writelines(_chunk(*chunk) for chunk in chunks.items())
        output.write(memoryview(data)[33:])


class _Refused(Exception):
    """A reason not to read a sound file."""


def _read(path: Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if not (path.is_file() or path.is_fifo()):
        raise ValueError(f"{path} is neither a file nor a pipe.")
    return path.read_bytes()


@contextlib.contextmanager
def _pillow_limit(max_megapixels: float | None) -> Iterator[None]:
    """Lift Pillow's limit, which the whole process shares, if the caller's is beyond it."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is None or max_megapixels is None or max_megapixels * 1e6 <= 2 * limit:
        yield
        return
    with _LOCK:
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _open(data: bytes) -> ImageFile.ImageFile:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data))


def _decoded(path: Path, image: ImageFile.ImageFile, data: bytes, at_least: int | None) -> Decoded:
    size, kind = image.size, image.format
    if at_least is not None:
        image.draft(None, (at_least, at_least))
    reduced = image.size != size
    chunks = _chunks(data) if kind == "PNG" else {}
    grey8 = chunks.get(b"IHDR", b"")[8:] == _GREY8 and b"tRNS" not in chunks
    jpeg = kind == "JPEG" and image.mode in ("L", "RGB") and orientation_of(image) == 1
    # In this order: once Pillow has decoded a TIFF file, it has also turned it upright.
    if jpeg:
        image.load()
        full_size = size[::-1] if reduced else None
        return Decoded(path, image, None, chunks, full_size, True)
    pixels = _grey8(image, data) if grey8 else _pixels(image, data)
    # Pillow would decode a whole PNG file to look for EXIF.
    orientation = orientation_of(image) if kind != "PNG" or chunks.keys() & _EXIF_CHUNKS else 1
    full_size = (size if orientation >= 5 else size[::-1]) if reduced else None
    plain = orientation == 1 and grey8
    return Decoded(path, image, upright(pixels, orientation), chunks, full_size, plain)


def _grey8(image: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """Decode a grey PNG file by kornia_rs, in a third of Pillow's time."""
    from kornia_rs import io as codec

    with contextlib.suppress(Exception):  # Pillow says what is wrong with the file
        return codec.decode_image_png_u8(data, image.size[::-1], "mono")
    return np.asarray(image)[..., None]


def _pixels(image: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    mode, kind = image.mode, image.format
    tags = getattr(image, "tag_v2", {})
    bits = data[24] if kind == "PNG" else tags.get(_BITS_PER_SAMPLE, (8,))[0]
    if _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        raise _Refused("holds signed pixels; expected unsigned ones of 8 or 16 bits")
    if bits == 16 and "transparency" in image.info:
        raise _Refused("is a 16-bit PNG with one transparent colour; save it with an alpha channel")
    if bits == 16 and mode in ("RGB", "RGBA"):
        return _colour16(image, data)
    if mode.startswith("I;16") or (mode == "I" and kind in ("PNG", "PPM")):
        if bits == 12:
            raise _Refused("holds 12-bit pixels; expected 8 or 16 bits a channel")
        grey = np.asarray(image)[..., None].astype(np.uint16)
        inverted = kind == "TIFF" and tags.get(_PHOTOMETRIC, 0) == _WHITE_IS_ZERO
        return ~grey if inverted else grey
    if mode in ("I", "F"):
        raise _Refused("holds 32-bit pixels; expected 8 or 16 bits a channel")
    if mode == "LAB":
        raise _Refused("holds CIELAB colours; expected grey, RGB or CMYK")
    if image.has_transparency_data:
        return np.asarray(image.convert("LA" if mode in ("LA", "La") else "RGBA"))
    if mode in ("1", "L"):
        return np.asarray(image.convert("L"))[..., None]
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _colour16(image: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """Decode twice: Pillow keeps the high bytes, or the low ones if told another byte order."""
    other = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
    low = _open(data)
    tiles: list[Any] = low.tile  # plain tuples in Pillow 10, named ones since
    separate = getattr(image, "tag_v2", {}).get(_PLANES) == _SEPARATE
    for index, tile in enumerate(tiles):
        arguments: tuple[Any, ...] = (tile[3],) if isinstance(tile[3], str) else tile[3] or ()
        order, *rest = arguments
        if separate or order[:-1] not in ("RGB;16", "RGBA;16", "RGBX;16"):
            raise _Refused(
                f"is a 16-bit {image.format} of grey with alpha, of separate colour planes, or of "
                "colours multiplied by alpha; save it in another layout"
            )
        order = order[:-1] + other[order[-1]]
        changed = (*tile[:3], (order, *rest) if rest else order)
        tiles[index] = tile._make(changed) if hasattr(tile, "_make") else changed
    return np.asarray(image).astype(np.uint16) << 8 | np.asarray(low)


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG file by name, without pixels; of one name the last."""
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(data) and b"IEND" not in chunks:
        size, name = struct.unpack_from(">I4s", data, at)
        if name != b"IDAT":
            chunks[name] = data[at + 8 : at + 8 + size]
        at += 12 + size
    return chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", checksum)


def _png16(pixels: np.ndarray) -> bytes:
    """Encode each line as its difference from the one above, in half the time of kornia_rs."""
    height, width, channels = pixels.shape
    lines = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, 1 + lines.shape[1]), np.uint8)
    filtered[:, 0] = 2  # the filter "up"
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    body = zlib.compress(filtered.data, level=1)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
