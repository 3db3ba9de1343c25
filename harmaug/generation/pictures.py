"""Photos and masks of a set: 8-bit pixels, and the file of the set that holds exactly them.

A file that every codebase reads alike goes into the set as it is. Any other is written anew, and
composites are made of what was written. So a set is consistent in itself.
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
from harmaug.generation.output import File
from harmaug.io.photos import read_mask, read_photo
from harmaug.io.pixels import ORIENTATION

_QUALITY = 95  # of photos that have to become JPEG files


class Picture(NamedTuple):
    """An upright picture, and the file that holds it.

    Attributes:
        image: in mode RGB, or L of a mask.
        file: the file; the source's own where that serves as it is.
        icc_profile: of a photo that has one.
        notes: a sentence for each thing that was lost.
    """

    image: Image.Image
    file: File
    icc_profile: bytes | None = None
    notes: tuple[str, ...] = ()


def open_photo(
    path: str, data: bytes, max_megapixels: float, kept: tuple[str, ...] = ("JPEG",)
) -> Picture:
    """Open a photo; what is not plain becomes a JPEG file.

    Args:
        path: of the file.
        data: its bytes.
        max_megapixels: refuse larger photos.
        kept: formats whose plain files serve as they are.

    Raises:
        ValueError: the file is damaged, no image, or too large.
    """
    header = _header(data, max_megapixels)
    if header is not None and header.format in kept and header.mode in ("RGB", "L"):
        with contextlib.suppress(Exception):  # `read_photo` says what is wrong
            profile = header.info.get("icc_profile")
            profile = profile if profile and profile[16:20] == b"RGB " else None
            header.load()
            image = header if header.mode == "RGB" else header.convert("RGB")
            return Picture(image, File(data, path), profile)
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
    return Picture(image, File(file), photo.icc_profile, tuple(notes))


def open_mask(path: str, data: bytes, max_megapixels: float) -> Picture:
    """Open a mask as a grey PNG file of 8 bits; soft edges are kept. See `open_photo`."""
    codes = _grey_codes(data, _header(data, max_megapixels))
    if codes is None or codes.max() < 255:  # it may hold labels; `read_mask` decides
        opacity = np.rint(read_mask(path, max_megapixels).numpy() * 255).astype(np.uint8)
        if codes is None or not np.array_equal(codes, opacity):
            image = Image.fromarray(opacity)
            return Picture(image, File(encode_png(image)))
    return Picture(Image.fromarray(codes), File(data, path))


class PatchedPng:
    """Encoder of pictures that differ from a photo within its foreground; see `PatchedJpeg`.

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
        """Return the photo with each of these (n, h, w, 3) in place of ``photo``, as PNG files."""
        files = []
        for box in boxes:
            self._picture.paste(Image.fromarray(box), self._box)
            files.append(encode_png(self._picture, self._icc_profile))
        return files


def encode_png(image: Image.Image, icc_profile: bytes | None = None) -> bytes:
    """Return a PNG file, compressed by runs alone (zlib's RLE strategy).

    Of photos it is within a few percent of the default's size, in a third of its time or less.
    """
    file = io.BytesIO()
    extra: dict[str, Any] = {"icc_profile": icc_profile or b""}
    image.save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE, **extra)
    return file.getvalue()


def _header(data: bytes, max_megapixels: float) -> Image.Image | None:
    """Return a picture that is not yet decoded; None where only the reader of `io` may read it.

    That is where it is no image, too large, turned, transparent, or of 16 bits a channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            header = Image.open(io.BytesIO(data))
        plain = header.width * header.height / 1e6 <= max_megapixels
        if header.format == "PNG":  # whose getexif would decode the picture
            plain &= data[24] == 8 and not header.has_transparency_data
            plain &= b"eXIf" not in data and b"Raw profile type exif" not in data
        else:
            plain &= header.getexif().get(ORIENTATION, 1) == 1
    except Exception:  # each format's reader has its own
        return None
    return header if plain else None


def _grey_codes(data: bytes, header: Image.Image | None) -> np.ndarray | None:
    """Return the codes (H, W) of a plain grey PNG, None of others; in a third of Pillow's time."""
    from kornia_rs import io as codec

    # The IHDR chunk says whether it is interlaced.
    if header is None or header.format != "PNG" or header.mode != "L" or data[28] != 0:
        return None
    shape = header.height, header.width
    try:
        return codec.decode_image_png_u8(data, shape, "mono").reshape(shape)
    except Exception:  # it has no class of its own
        return None
