"""Photos and masks of a set: read as 8-bit pixels that a file of the output holds exactly.

A file that every codebase reads alike goes into the output as it is. Any other is written anew,
and what was written is what composites are made of, so that a set is consistent in itself.
kornia_rs decodes JPEG and grey PNG files, to the same bits as Pillow in half the time; Pillow does
all else.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from harmaug.data.generate.jpeg import encode_jpeg
from harmaug.photos import read_mask, read_photo
from harmaug.pixels import ORIENTATION

_QUALITY = 95  # of photos that have to become JPEG files


class Picture(NamedTuple):
    """Pixels, and the file that holds them.

    Attributes:
        pixels: (H, W, 3) of a photo, (H, W) of a mask, uint8.
        file: the bytes of the file; the source's own where ``kept``.
        kept: whether the source's file serves as it is.
        icc_profile: of a photo that has one.
        notes: what was lost, if anything.
    """

    pixels: np.ndarray
    file: bytes
    kept: bool
    icc_profile: bytes | None = None
    notes: tuple[str, ...] = ()


def open_photo(path: str, data: bytes, max_megapixels: float) -> Picture:
    """A photo, upright, as a JPEG file.

    Args:
        path: of the file.
        data: what is in it.
        max_megapixels: refuse larger photos.
    """
    header = _header(data)
    if header is not None and header.format == "JPEG" and header.mode == "RGB" and _up(header):
        _check_size(path, header, max_megapixels)
        pixels = _decode_jpeg(data)
        if pixels is not None:
            profile = header.info.get("icc_profile")
            profile = profile if profile and profile[16:20] == b"RGB " else None
            return Picture(pixels, data, True, profile)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        photo = read_photo(path, max_megapixels)
    notes = [str(warning.message).rstrip(".") for warning in caught]
    pixels = photo.pixels
    if pixels.dtype == np.uint16:
        notes.append(f"{path} has 16 bits a channel and is written with 8")
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if photo.alpha is not None:
        notes.append(f"{path} has transparency, which is left out")
    if (
        header is not None
        and header.format == "JPEG"
        and header.mode in ("RGB", "L")
        and _up(header)
    ):
        return Picture(pixels, data, True, photo.icc_profile, tuple(notes))
    file = encode_jpeg(pixels, _QUALITY, photo.icc_profile)
    with Image.open(io.BytesIO(file)) as image:
        pixels = np.array(image)
    return Picture(pixels, file, False, photo.icc_profile, tuple(notes))


def open_mask(path: str, data: bytes, max_megapixels: float) -> Picture:
    """A mask, upright, as a grey PNG file of 8 bits; soft edges are kept.

    Args:
        path: of the file.
        data: what is in it.
        max_megapixels: refuse larger masks.
    """
    header = _header(data)
    if header is not None and header.format == "PNG" and header.mode == "L":
        _check_size(path, header, max_megapixels)
        # Where it may be turned or transparent, a careful reader is to look.
        if not any(chunk in data for chunk in (b"eXIf", b"Raw profile type exif", b"tRNS")):
            pixels = _decode_png(data, header)
            if pixels is not None and pixels.max() != 1:  # no reader expects labels 0 and 1
                return Picture(pixels, data, True)
    pixels = np.rint(read_mask(path, max_megapixels).numpy() * 255).astype(np.uint8)
    return Picture(pixels, encode_png(pixels), False)


def encode_png(pixels: np.ndarray, icc_profile: bytes | None = None) -> bytes:
    """(H, W, 3) or (H, W), uint8, as a PNG file.

    Compressed by runs alone (zlib's RLE strategy): on photos within a few percent of
    the default's size, in a third of its time or less.
    """
    extra: dict[str, Any] = {"compress_level": 1, "compress_type": 3}
    if icc_profile is not None:
        extra["icc_profile"] = icc_profile
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **extra)
    return file.getvalue()


def _header(data: bytes) -> Image.Image | None:
    """What Pillow reads without decoding; None leaves the errors to a careful reader."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except Exception:  # each format's reader has its own
        return None


def _up(header: Image.Image) -> bool:
    return header.getexif().get(ORIENTATION, 1) == 1


def _check_size(path: str, header: Image.Image, max_megapixels: float) -> None:
    megapixels = header.width * header.height / 1e6
    if megapixels > max_megapixels:
        raise ValueError(
            f"{path} has {megapixels:.1f} megapixels, over the limit of {max_megapixels:g}; "
            "scale it down or raise the limit."
        )


def _decode_jpeg(data: bytes) -> np.ndarray | None:
    """(H, W, 3); None where the file is damaged, which Pillow may know how to mend."""
    from kornia_rs import io as codec

    try:
        return codec.decode_image_jpegturbo(data, "rgb")
    except Exception:  # it has no class of its own
        return None


def _decode_png(data: bytes, header: Image.Image) -> np.ndarray | None:
    """(H, W) of a grey file; None where it is damaged or of a kind that kornia_rs does not take."""
    from kornia_rs import io as codec

    if data[24] != 8 or data[28] != 0:  # bits and interlacing, in the IHDR chunk
        return None
    try:
        pixels = codec.decode_image_png_u8(data, (header.height, header.width), "mono")
    except Exception:  # it has no class of its own
        return None
    return pixels.reshape(header.height, header.width)
