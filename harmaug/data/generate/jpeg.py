"""JPEG files of one photo's composites: what they share is encoded once.

Composites of a photo differ in the box around its foreground alone. Restart markers cut each row of
8x8 blocks into a few intervals that are coded each by itself (ITU-T T.81, E.1.4), so that those
outside the box are coded once for all composites, and a file is put together of its intervals. It
is byte for byte what encoding the whole composite with such markers gives.
"""

from __future__ import annotations

import io
import re
from itertools import chain
from typing import Any

from PIL import Image

_BLOCK = 8  # pixels of a block's side, chroma being not subsampled
# A marker takes about 3 bytes and a block of a photo 25 at quality 95, so that intervals of 8
# blocks make a file 2 percent longer.
_SHORTEST, _MOST = 8, 8  # blocks of an interval, intervals of a row
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")  # in coded data every other FF is followed by 00
_RESTARTS = [bytes((0xFF, 0xD0 + k)) for k in range(8)]
_END = b"\xff\xd9"
_START_OF_FRAME, _START_OF_SCAN = 0xC0, 0xDA


def encode_jpeg(image: Image.Image, quality: int, icc_profile: bytes | None = None) -> bytes:
    """A JPEG file without chroma subsampling, coded interval by interval."""
    return _encode(image, _interval(image.width), quality, icc_profile)


class PatchedJpeg:
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
        self._interval = _interval(photo.width)
        self._quality = quality
        self._icc_profile = icc_profile
        self._size = width, height = photo.size
        wide = self._interval * _BLOCK
        self._columns = -(-width // wide)  # intervals of a row
        count = self._columns * -(-height // _BLOCK)
        self._coded = [b""] * count
        self._markers = [*(_RESTARTS * count)[: count - 1], _END]

        # The box, grown to whole intervals.
        left, top = box[0] // wide * wide, box[1] // _BLOCK * _BLOCK
        right = min(-(-box[2] // wide) * wide, width)
        bottom = min(-(-box[3] // _BLOCK) * _BLOCK, height)
        for shared in (
            (0, 0, width, top),
            (0, top, left, bottom),
            (right, top, width, bottom),
            (0, bottom, width, height),
        ):
            if shared[0] < shared[2] and shared[1] < shared[3]:
                self._code(photo.crop(shared), shared[:2], self._coded)
        self._corner = (left, top)
        self._offset = (box[0] - left, box[1] - top)
        self._inside = photo.crop((left, top, right, bottom))

    def encode(self, patch: Image.Image) -> bytes:
        """The photo with this in place of the box, as a JPEG file."""
        self._inside.paste(patch, self._offset)
        coded = list(self._coded)
        header = self._code(self._inside, self._corner, coded)
        pairs = zip(coded, self._markers, strict=True)
        return b"".join([_with_size(header, self._size), *chain.from_iterable(pairs)])

    def _code(self, part: Image.Image, corner: tuple[int, int], coded: list[bytes]) -> bytes:
        """Put a part's intervals where they belong; gives all before the coded data."""
        file = _encode(part, self._interval, self._quality, self._icc_profile)
        scan = _segment(file, _START_OF_SCAN)
        start = scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big")
        intervals = _RESTART.split(file[start : -len(_END)])
        wide = self._interval * _BLOCK
        at = corner[1] // _BLOCK * self._columns + corner[0] // wide
        columns = -(-part.width // wide)
        for first in range(0, len(intervals), columns):
            coded[at : at + columns] = intervals[first : first + columns]
            at += self._columns
        return file[:start]


def _interval(width: int) -> int:
    """Blocks of an interval, of which a whole number makes a row."""
    blocks = -(-width // _BLOCK)
    most = min(max(blocks // _SHORTEST, 1), _MOST)
    return blocks // next(parts for parts in range(most, 0, -1) if blocks % parts == 0)


def _encode(image: Image.Image, interval: int, quality: int, icc_profile: bytes | None) -> bytes:
    # An empty profile keeps Pillow from taking one of the picture's own.
    extra: dict[str, Any] = {"icc_profile": icc_profile or b"", "restart_marker_blocks": interval}
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0, **extra)
    return file.getvalue()


def _with_size(header: bytes, size: tuple[int, int]) -> bytes:
    at = _segment(header, _START_OF_FRAME) + 5  # after marker, length and precision
    width, height = (side.to_bytes(2, "big") for side in size)
    return header[:at] + height + width + header[at + 4 :]


def _segment(file: bytes, kind: int) -> int:
    """Where the first marker segment of a kind begins."""
    at = 2  # after the start of image
    while file[at + 1] != kind:
        at += 2 + int.from_bytes(file[at + 2 : at + 4], "big")
    return at
