"""``.csp`` files of cineSpace: a shaper of uneven steps, then a 1D or a 3D LUT.

The format has no written standard that is still public; where files are ambiguous this reader does
as OpenColorIO 2 does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import torch

from harmaug.lut.lut_file import Curves, LutFile, unit_domain
from harmaug.lut.tensors import LARGEST_VALUE
from harmaug.lut.text import LutText, Rows, cube_of

_SAMPLES = 1 << 16  # of a shaper whose steps are uneven, as in OpenColorIO
_LONGEST_LINE = 1 << 21  # characters: all points of a channel's shaper stand on one line


def read_csp(path: str | os.PathLike[str]) -> LutFile:
    """Read a ``.csp`` file; see `read_lut`."""
    text = LutText(path, ".csp", _LONGEST_LINE)
    lines = _content(text)
    kind = _next(lines, text)
    shaper = _shaper(text, lines, kind)
    fields = _next(lines, text).split()
    lut, curves = None, [] if shaper is None else [shaper]
    if kind == "1D":
        rows = _rows(text, lines, text.length("the size of the 1D table", fields))
        values = rows.table().T.to(torch.float32).contiguous()
        curves.append(Curves(values, unit_domain()))
    else:
        if len(fields) != 3 or len(set(fields)) != 1:
            text.fail(f"expected the same size for three axes, got {' '.join(fields)[:40]!r}")
        rows = _rows(text, lines, text.size("the size of an axis", fields[:1]) ** 3)
        lut = cube_of(rows.colours())
    for _ in lines:
        text.fail(f"one row too many: the size {fields[0]} takes {rows.count}")
    return LutFile(tuple(curves), lut, unit_domain())


def _content(text: LutText) -> Iterator[str]:
    """Yield "1D" or "3D", then the lines after the metadata."""
    lines = iter(text)
    if next(lines, "").upper() != "CSPLUTV100":
        text.refuse("its first line is not CSPLUTV100")
    kind = next(lines, "").upper()
    if kind not in ("1D", "3D"):
        text.fail(f"expected 1D or 3D, got {kind[:40]!r}")
    yield kind
    metadata = False
    for line in lines:
        word = line.upper()
        if word in ("BEGIN METADATA", "END METADATA"):
            metadata = word.startswith("BEGIN")
        elif not metadata:
            yield line


def _next(lines: Iterator[str], text: LutText) -> str:
    line = next(lines, None)
    if line is None:
        text.fail("the file ends here, before its tables are whole")
    return line


def _rows(text: LutText, lines: Iterator[str], count: int) -> Rows:
    rows = Rows(text, "its size", count)
    for _ in range(count):
        rows.add(text.numbers(_next(lines, text).split(), 3))
    return rows


def _shaper(text: LutText, lines: Iterator[str], kind: str) -> Curves | None:
    """Return the shaper, None where it is that of a file without one."""
    channels = [_channel(text, lines, kind) for _ in range(3)]
    if all(np.array_equal(channel, [[0, 1], [0, 1]]) for channel in channels):
        return None
    domain = torch.tensor([[channel[0, end] for channel in channels] for end in (0, -1)])
    straight = all(channel.shape == (2, 2) for channel in channels)
    curves = [channel[1] if straight else _smooth(*channel) for channel in channels]
    return Curves(torch.from_numpy(np.stack(curves)).to(torch.float32), domain)


def _channel(text: LutText, lines: Iterator[str], kind: str) -> np.ndarray:
    """Return the points (2, N) of a channel's shaper: inputs and outputs."""
    points, *more = text.whole_numbers(_next(lines, text).split())
    if more:
        text.fail("expected one whole number, the points of a channel's shaper")
    if points in (0, 1):  # no shaper in this channel
        return np.array([[0.0, 1.0], [0.0, 1.0]])
    places, values = (
        np.array(text.numbers(_next(lines, text).split(), points)) for _ in ("inputs", "outputs")
    )
    if (np.diff(places) <= 0).any():
        text.fail("the inputs of a shaper, on the line above, must rise")
    if places[1] - places[0] > LARGEST_VALUE:
        text.fail("the inputs of the shaper, on the line above, are code values")
    if kind == "3D" and (np.diff(values) < 0).any():
        text.fail("a shaper before a 3D LUT must rise, and here it falls")
    return np.stack((places, values))


def _smooth(places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return samples of the cubic Hermite curve through points, evenly spaced.

    Its slope at a point is that between the point's two neighbours; the outermost pieces are
    parabolas. OpenColorIO draws shapers so.
    """
    ends = np.diff(values) / np.diff(places)
    slopes = np.repeat(ends, 2)
    if len(places) > 2:
        inner = (values[2:] - values[:-2]) / (places[2:] - places[:-2])
        slopes = np.concatenate(([2 * ends[0] - inner[0]], inner, [2 * ends[-1] - inner[-1]]))
    sample = np.linspace(places[0], places[-1], _SAMPLES)
    piece = (np.searchsorted(places, sample, side="right") - 1).clip(0, len(places) - 2)
    width = places[piece + 1] - places[piece]
    z = (sample - places[piece]) / width
    start, change = values[piece], values[piece + 1] - values[piece]
    first, last = slopes[piece] * width, slopes[piece + 1] * width
    cubic = first + last - 2 * change
    quadratic = 3 * change - 2 * first - last
    return np.asarray(start + z * (first + z * (quadratic + z * cubic)))
