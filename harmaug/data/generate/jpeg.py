"""JPEG files of one photo's composites: what they share is encoded once.

Composites of a photo differ in the rows of the foreground alone. With a restart marker after every
row of 8x8 blocks, each of these rows is coded by itself (ITU-T T.81, F.1.1.5), so that the rows
above and below the foreground are coded once for all composites and a file is put together of its
rows. It is byte for byte what encoding the whole composite with such markers gives.
"""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

_BLOCK = 8  # rows of pixels in a row of blocks, chroma being not subsampled
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")  # in coded data every other FF is followed by 00
_END = b"\xff\xd9"
_START_OF_FRAME, _START_OF_SCAN = 0xC0, 0xDA


def encode_jpeg(pixels: np.ndarray, quality: int, icc_profile: bytes | None = None) -> bytes:
    """(H, W, 3), uint8, as a JPEG file without chroma subsampling, coded row by row."""
    extra: dict[str, Any] = {} if icc_profile is None else {"icc_profile": icc_profile}
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(file, "JPEG", quality=quality, subsampling=0, restart_marker_rows=1, **extra)
    return file.getvalue()


class RowwiseJpeg:
    """Encodes pictures that differ from a photo in some rows only.

    Args:
        photo: (H, W, 3), uint8.
        rows: where others differ from it.
        quality: 1 to 100.
        icc_profile: goes into the files.
    """

    def __init__(
        self, photo: np.ndarray, rows: slice, quality: int, icc_profile: bytes | None = None
    ) -> None:
        self._quality = quality
        self._icc_profile = icc_profile
        self._height = len(photo)
        start = rows.start // _BLOCK * _BLOCK
        stop = min(-(-rows.stop // _BLOCK) * _BLOCK, self._height)
        self._rows = slice(start, stop)
        self._above = self._encode(photo[:start]).rows if start else []
        self._below = self._encode(photo[stop:]).rows if stop < self._height else []

    def encode(self, picture: np.ndarray) -> bytes:
        """A picture (H, W, 3), uint8, as a JPEG file; other rows are taken to be the photo's."""
        coded = self._encode(picture[self._rows])
        rows = [*self._above, *coded.rows, *self._below]
        restarts = (bytes((0xFF, 0xD0 + k % 8)) for k in range(len(rows) - 1))
        parts = [_with_height(coded.header, self._height), rows[0]]
        for restart, row in zip(restarts, rows[1:], strict=True):
            parts += (restart, row)
        return b"".join([*parts, _END])

    def _encode(self, pixels: np.ndarray) -> _Coded:
        file = encode_jpeg(pixels, self._quality, self._icc_profile)
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
