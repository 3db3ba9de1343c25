"""Photos and masks of a set: read as 8-bit pixels that a file of the output holds exactly.

A file that every codebase reads alike goes into the output as it is. Any other is written anew,
and what was written is what composites are made of, so that a set is consistent in itself.
"""

from __future__ import annotations

import contextlib
import io
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from harmaug.generation.jpeg import encode_jpeg
from harmaug.io.photos import read_mask, read_photo
from harmaug.io.pixels import ORIENTATION

_RUNS = zlib.Z_RLE
_QUALITY = 95  # of photos that have to become JPEG files


class Picture(NamedTuple):
    """An upright picture, and the file that holds it.

    Attributes:
        image: in mode RGB, or L of a mask.
        file: the bytes of the file; the source's own where ``kept``.
        kept: whether the source's file serves as it is.
        icc_profile: of a photo that has one.
        notes: what was lost, if anything.
    """

    image: Image.Image
    file: bytes
    kept: bool
    icc_profile: bytes | None = None
    notes: tuple[str, ...] = ()


def open_photo(path: str, data: bytes, max_megapixels: float) -> Picture:
    """A photo as a JPEG file.

    Args:
        path: of the file.
        data: what is in it.
        max_megapixels: refuse larger photos.
    """
    header = _header(data)
    plain = (
        header is not None
        and header.format == "JPEG"
        and header.mode in ("RGB", "L")
        and header.getexif().get(ORIENTATION, 1) == 1
    )
    if header is not None and plain:
        _check_size(path, header, max_megapixels)
        with contextlib.suppress(Exception):  # a careful reader says what is wrong with it
            profile = header.info.get("icc_profile")
            profile = profile if profile and profile[16:20] == b"RGB " else None
            header.load()
            image = header if header.mode == "RGB" else header.convert("RGB")
            return Picture(image, data, True, profile)
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
    file = encode_jpeg(Image.fromarray(pixels), _QUALITY, photo.icc_profile)
    image = Image.open(io.BytesIO(file))
    image.load()
    return Picture(image, file, False, photo.icc_profile, tuple(notes))


def open_mask(path: str, data: bytes, max_megapixels: float) -> Picture:
    """A mask as a grey PNG file of 8 bits; soft edges are kept.

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
                return Picture(Image.fromarray(pixels), data, True)
    pixels = np.rint(read_mask(path, max_megapixels).numpy() * 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    return Picture(image, encode_png(image), False)


class PatchedPng:
    """Encodes pictures that differ from a photo within its foreground.

    Args:
        photo: in mode RGB.
        mask: in mode L, of the same size; somewhere above 0.
        icc_profile: goes into the files.

    Attributes:
        photo: (h, w, 3), the box around the foreground.
        mask: (h, w), the mask there.
    """

    def __init__(
        self, photo: Image.Image, mask: Image.Image, icc_profile: bytes | None = None
    ) -> None:
        box = mask.getbbox()
        assert box is not None, "an empty mask is refused before"
        self._picture = photo.copy()
        self._box = box
        self._icc_profile = icc_profile
        self.photo, self.mask = (np.array(image.crop(box)) for image in (photo, mask))

    def encode(self, boxes: np.ndarray) -> list[bytes]:
        """The photo with each of these (n, h, w, 3) in place of ``photo``, as PNG files."""
        return [self._encode(Image.fromarray(box)) for box in boxes]

    def _encode(self, box: Image.Image) -> bytes:
        self._picture.paste(box, self._box)
        return encode_png(self._picture, self._icc_profile)


def encode_png(image: Image.Image, icc_profile: bytes | None = None) -> bytes:
    """A PNG file, compressed by runs alone (zlib's RLE strategy).

    Of photos it is within a few percent of the default's size, in a third of its time or less.
    """
    file = io.BytesIO()
    extra: dict[str, Any] = {"icc_profile": icc_profile or b""}
    image.save(file, "PNG", compress_level=1, compress_type=_RUNS, **extra)
    return file.getvalue()


def _header(data: bytes) -> Image.Image | None:
    """What Pillow reads without decoding; None leaves the errors to a careful reader."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data))
    except Exception:  # each format's reader has its own
        return None


def _check_size(path: str, header: Image.Image, max_megapixels: float) -> None:
    megapixels = header.width * header.height / 1e6
    if megapixels > max_megapixels:
        raise ValueError(
            f"{path} has {megapixels:.1f} megapixels, over the limit of {max_megapixels:g}; "
            "scale it down or raise the limit."
        )


def _decode_png(data: bytes, header: Image.Image) -> np.ndarray | None:
    """(H, W) of a grey file by kornia_rs, in a third of Pillow's time; None where it cannot."""
    from kornia_rs import io as codec

    if data[24] != 8 or data[28] != 0:  # bits and interlacing, in the IHDR chunk
        return None
    try:
        pixels = codec.decode_image_png_u8(data, (header.height, header.width), "mono")
    except Exception:  # it has no class of its own
        return None
    return pixels.reshape(header.height, header.width)
