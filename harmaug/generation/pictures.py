"""Photos and masks of a set: 8-bit pixels, and the file of the set that holds exactly them.

A file that every codebase reads alike goes into the set as it is. Any other is written anew, and
composites are made of what was written. So a set is consistent in itself.
"""

from __future__ import annotations

import io
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from harmaug.generation.jpeg import encode_jpeg
from harmaug.generation.output import File
from harmaug.io import decode, mask_of, photo_of, to_8_bits
from harmaug.io.photos import rgb_profile

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


def open_photo(path: str, data: bytes, max_megapixels: float) -> Picture:
    """Open a photo; what is no plain JPEG file becomes one.

    Args:
        path: of the file.
        data: its bytes.
        max_megapixels: refuse larger photos.

    Raises:
        ValueError: the file is damaged, no image, or too large.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decoded = decode(path, max_megapixels, data)
        if decoded.plain and decoded.image.format == "JPEG":
            image = decoded.image if decoded.image.mode == "RGB" else decoded.image.convert("RGB")
            return Picture(image, File(data, path), rgb_profile(decoded.image))
        photo = photo_of(decoded)
    notes = [str(warning.message).rstrip(".") for warning in caught]
    if photo.pixels.dtype == np.uint16:
        notes.append(f"{path} has 16 bits a channel and is written with 8")
    if photo.alpha is not None:
        notes.append(f"{path} has transparency, which is left out")
    if photo.lost_in_jpeg:
        notes.append(f"{path} names its colour space in {photo.lost_in_jpeg}, which is left out")
    pixels = Image.fromarray(to_8_bits(photo.pixels))
    file = encode_jpeg(pixels, _QUALITY, photo.icc_profile)
    image = Image.open(io.BytesIO(file))
    image.load()
    return Picture(image, File(file), photo.icc_profile, tuple(notes))


def open_mask(path: str, data: bytes, max_megapixels: float) -> Picture:
    """Open a mask as a grey PNG file of 8 bits; soft edges are kept. See `open_photo`."""
    decoded = decode(path, max_megapixels, data)
    codes = decoded.pixels[..., 0]
    plain = decoded.plain and decoded.image.format == "PNG"
    if not plain or codes.max() < 255:  # lower codes may be labels
        opacity = np.rint(mask_of(decoded).numpy() * 255).astype(np.uint8)
        if not plain or not np.array_equal(codes, opacity):
            image = Image.fromarray(opacity)
            return Picture(image, File(encode_png(image)))
    return Picture(Image.fromarray(codes), File(data, path))


class PatchedPng:
    """Encoder of pictures that differ from a photo within its foreground; see `PatchedJpeg`.

    Attributes:
        box: left, top, right and bottom of the box around the foreground, in pixels.
        photo: (h, w, 3), the photo in that box.
        mask: (h, w), the mask there.
    """

    def __init__(
        self, photo: Image.Image, mask: Image.Image, icc_profile: bytes | None = None
    ) -> None:
        box = mask.getbbox()
        assert box is not None, "an empty mask is refused before"
        self._picture = photo.copy()
        self.box = box
        self._icc_profile = icc_profile
        self.photo, self.mask = (np.array(image.crop(box)) for image in (photo, mask))

    def arranged(self, boxes: np.ndarray) -> np.ndarray:
        """Return pictures (n, h, w, 3) of the box as `encode` takes them."""
        return boxes

    def encode(self, boxes: np.ndarray) -> list[bytes]:
        """Return the photo with each of these (n, h, w, 3) in place of ``photo``, as PNG files."""
        files = []
        for box in boxes:
            self._picture.paste(Image.fromarray(box), self.box)
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
