"""JPEG files of one photo's composites: what the composites share is encoded once.

Composites of a photo differ in its foreground alone. Restart markers cut each row of 8x8 blocks
into strips, and each strip is coded by itself (ITU-T T.81, E.1.4). The photo is coded once. Of each
composite only the strips that hold foreground are coded: they form a smaller picture, the sheet,
and its strips take the place of the photo's own. The file is byte for byte that of the whole
composite encoded with such markers.
"""

from __future__ import annotations

import io
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

_BLOCK = 8  # pixels of a block's side, chroma being not subsampled
# A marker takes about 3 bytes and a block of a photo 25 at quality 95, so that strips of 8 blocks
# make a file 2 percent longer.
_SHORTEST = 8  # blocks of a strip
_END = b"\xff\xd9"
_MARKER, _MARKERS = 0xD0, 8  # the first restart marker's code, and how many take turns
_START_OF_SCAN = 0xDA
_TALLEST = 65500  # pixels of a picture's height that encoders accept


def encode_jpeg(image: Image.Image, quality: int, icc_profile: bytes | None = None) -> bytes:
    """Return a JPEG file without chroma subsampling, coded strip by strip."""
    return _encode(image, _strip(image.width), quality, icc_profile)


class PatchedJpeg:
    """Encoder of pictures that differ from a photo within its foreground.

    Args:
        photo: in mode RGB.
        mask: in mode L, of the same size; somewhere above 0.
        quality: 1 to 100.
        icc_profile: goes into the files.

    Attributes:
        box: left, top, right and bottom of the strips around the foreground, in pixels.
        photo: (h, w, 3), the sheet of those strips that hold foreground.
        mask: (h, w), the mask of that sheet.
    """

    def __init__(
        self, photo: Image.Image, mask: Image.Image, quality: int, icc_profile: bytes | None = None
    ) -> None:
        self._strip = _strip(photo.width)
        self._quality = quality
        self._icc_profile = icc_profile
        wide = self._strip * _BLOCK

        # Only the strips around the foreground are searched.
        box = mask.getbbox()
        assert box is not None, "an empty mask is refused before"
        left, right = box[0] // wide, -(-box[2] // wide)
        top, bottom = box[1] // _BLOCK, -(-box[3] // _BLOCK)
        corner = min(right * wide, photo.width), min(bottom * _BLOCK, photo.height)
        self.box = (left * wide, top * _BLOCK, *corner)
        pixels, region = (_in_whole_blocks(np.asarray(i.crop(self.box))) for i in (photo, mask))
        self._columns = right - left
        held = region.reshape(-1, _BLOCK, self._columns, wide).max(1).any(2)
        self._found = np.flatnonzero(held)
        self.photo, self.mask = (_sheet(p, self._found, self._columns) for p in (pixels, region))

        # Neighbouring strips are cut out in one piece with the markers between them.
        row, column = held.nonzero()
        strips = (top + row) * -(-photo.width // wide) + left + column
        self._first = np.flatnonzero(np.diff(strips, prepend=-2) != 1)
        self._last = np.flatnonzero(np.diff(strips, append=-2) != 1)
        self._numbers = _MARKER + strips % _MARKERS
        file = self._encode(photo)
        starts, ends = _strips(file)
        after = [0, *ends[strips[self._last]].tolist()]
        before = [*starts[strips[self._first]].tolist(), len(file)]
        self._between = [file[start:end] for start, end in zip(after, before, strict=True)]

    def arranged(self, boxes: np.ndarray) -> np.ndarray:
        """Return pictures (n, h, w, 3) of the box as sheets, which `encode` takes."""
        whole = (_in_whole_blocks(pixels) for pixels in boxes)
        return np.stack([_sheet(pixels, self._found, self._columns) for pixels in whole])

    def encode(self, sheets: np.ndarray) -> list[bytes]:
        """Return the photo with each of these (n, h, w, 3) in place of ``photo``, as JPEG files."""
        files = []
        at_once = max(_TALLEST // sheets.shape[1], 1)
        for row in range(0, len(sheets), at_once):
            some = sheets[row : row + at_once]
            file = self._encode(Image.fromarray(some.reshape(-1, *sheets.shape[2:])))
            codes = np.frombuffer(file, np.uint8).copy()
            for starts, ends in zip(*(np.split(p, len(some)) for p in _strips(file)), strict=True):
                # The last strips of a sheet may be there only to fill it up.
                ends = ends[: len(self._numbers)]
                codes[ends + 1] = self._numbers
                places = zip(starts[self._first].tolist(), ends[self._last].tolist(), strict=True)
                runs = (codes.data[start:end] for start, end in places)
                pairs = zip(self._between, [*runs, b""], strict=True)
                files.append(b"".join(chain.from_iterable(pairs)))
        return files

    def _encode(self, image: Image.Image) -> bytes:
        return _encode(image, self._strip, self._quality, self._icc_profile)


def _strip(width: int) -> int:
    """Return the blocks of a strip; a whole number of strips makes a row."""
    blocks = -(-width // _BLOCK)
    return next((k for k in range(_SHORTEST, blocks // 2 + 1) if blocks % k == 0), blocks)


def _in_whole_blocks(pixels: np.ndarray) -> np.ndarray:
    """Return pixels (H, W, ...) up to whole blocks: the last repeated, as encoders do."""
    missing = [(0, -side % _BLOCK) for side in pixels.shape[:2]]
    if not any(after for _, after in missing):
        return pixels
    return np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), "edge")


def _sheet(pixels: np.ndarray, strips: np.ndarray, columns: int) -> np.ndarray:
    """Return strips of a picture (H, W, ...) of so many columns as a picture, filled up."""
    rows = -(-len(strips) // columns)
    across = -(-len(strips) // rows)
    row, column = divmod(np.resize(strips, (rows, 1, across)), columns)
    lines = (row * _BLOCK + np.arange(_BLOCK)[:, None]) * columns + column
    found = pixels.reshape(len(pixels) * columns, -1).take(lines.ravel(), 0)
    return found.reshape(rows * _BLOCK, -1, *pixels.shape[2:])


def _encode(image: Image.Image, strip: int, quality: int, icc_profile: bytes | None) -> bytes:
    # An empty profile keeps Pillow from taking one of the picture's own.
    extra: dict[str, Any] = {"icc_profile": icc_profile or b"", "restart_marker_blocks": strip}
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0, **extra)
    return file.getvalue()


def _strips(file: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the places in a file where each strip's coded data begins and ends."""
    start, end = _start_of_scan(file), len(file) - len(_END)
    codes = np.frombuffer(file, np.uint8, end - start, start)
    marked = codes[1:] // _MARKERS == _MARKER // _MARKERS  # any other FF in the data precedes 00
    marks = np.flatnonzero(marked & (codes[:-1] == 0xFF)) + start
    return np.concatenate(([start], marks + 2)), np.concatenate((marks, [end]))


def _start_of_scan(file: bytes) -> int:
    """Return the place where the coded data begins, after all segments."""
    at = 2  # after the start of image
    while True:
        kind, size = file[at + 1], 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        at += size
        if kind == _START_OF_SCAN:
            return at
