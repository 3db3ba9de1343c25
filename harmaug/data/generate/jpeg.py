"""JPEG files of one photo's composites: what they share is encoded once.

Composites of a photo differ in the box around its foreground alone. With a restart marker after
every row of 8x8 blocks, each of these rows is coded by itself (ITU-T T.81, E.1.4), so that the rows
above and below the box are coded once for all composites and a file is put together of its rows. It
is byte for byte what encoding the whole composite with such markers gives.
"""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

from PIL import Image

_BLOCK = 8  # rows of pixels in a row of blocks, chroma being not subsampled
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")  # in coded data every other FF is followed by 00
_RESTARTS = [bytes((0xFF, 0xD0 + k)) for k in range(8)]
_END = b"\xff\xd9"
_START_OF_FRAME, _START_OF_SCAN = 0xC0, 0xDA


def encode_jpeg(image: Image.Image, quality: int, icc_profile: bytes | None = None) -> bytes:
    """A JPEG file without chroma subsampling, coded row by row."""
    # An empty profile keeps Pillow from taking one of the picture's own.
    extra: dict[str, Any] = {"icc_profile": icc_profile or b""}
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0, restart_marker_rows=1, **extra)
    return file.getvalue()


class RowwiseJpeg:
    """Encodes pictures that differ from a photo within a box.

    Args:
        photo: in mode RGB.
        box: left, top, right and bottom of where others differ from it.
        quality: 1 to 100.
        icc_profile: goes into the files.
    """

    def __init__(
        self,
        photo: Image.Image,
        box: tuple[int, int, int, int],
        quality: int,
        icc_profile: bytes | None = None,
    ) -> None:
        self._quality = quality
        self._icc_profile = icc_profile
        self._height = photo.height
        left, top, _, bottom = box
        start = top // _BLOCK * _BLOCK
        stop = min(-(-bottom // _BLOCK) * _BLOCK, photo.height)
        self._corner = (left, top - start)
        above, self._rows, below = (
            photo.crop((0, first, photo.width, last))
            for first, last in ((0, start), (start, stop), (stop, photo.height))
        )
        self._above = self._encode(above).rows if above.height else []
        self._below = self._encode(below).rows if below.height else []

    def encode(self, patch: Image.Image) -> bytes:
        """The photo with this in place of the box, as a JPEG file."""
        self._rows.paste(patch, self._corner)
        coded = self._encode(self._rows)
        rows = [*self._above, *coded.rows, *self._below]
        parts = [_with_height(coded.header, self._height), rows[0]]
        for k, row in enumerate(rows[1:]):
            parts += (_RESTARTS[k % 8], row)
        return b"".join([*parts, _END])

    def _encode(self, image: Image.Image) -> _Coded:
        file = encode_jpeg(image, self._quality, self._icc_profile)
        scan = _segment(file, _START_OF_SCAN)
        start = scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big")
        return _Coded(file[:start], _RESTART.split(file[start : -len(_END)]))


class _Coded(NamedTuple):
    """A JPEG file taken apart: all before the coded data, and the data of each row of blocks."""

    header: bytes
    rows: list[bytes]


def _with_height(header: bytes, height: int) -> bytes:
    at = _segment(header, _START_OF_FRAME) + 5  # after marker, length and precision
    return header[:at] + height.to_bytes(2, "big") + header[at + 2 :]


def _segment(file: bytes, kind: int) -> int:
    """Where the first marker segment of a kind begins."""
    at = 2  # after the start of image
    while file[at + 1] != kind:
        at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return at
