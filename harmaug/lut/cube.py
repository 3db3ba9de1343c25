"""``.cube`` files: 3D LUTs as text.

After Adobe's Cube LUT Specification 1.0 (2013), with Resolve's ``LUT_3D_INPUT_RANGE``. Inputs are
colours in [0, 1]; outputs may leave that range.
"""

from __future__ import annotations

import codecs
import io
import math
import os
import re
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.lut.tensors import check_values, file_rows

_Path = str | os.PathLike[str]
_LARGEST_SIZE = 256  # nodes an axis, by Adobe's specification
_LONGEST_LINE = 1 << 16  # characters


def read_cube(path: _Path) -> Tensor:
    """Read a 3D LUT from a ``.cube`` file.

    A domain other than 0..1 is resampled onto [0, 1] with the same number of nodes; colours outside
    the domain take its edge.

    Args:
        path: the file, in UTF-8, or in UTF-16 with a byte order mark; any line ends.

    Returns:
        (3, D, D, D), float32; values outside [0, 1] are kept.

    Raises:
        ValueError: the file is no text, its rows do not fill a 3D LUT, it holds a 1D LUT, a value
            lies beyond -16..16 (code values such as 0..255), or its domain is so wide that [0, 1]
            falls within one grid cell. The message names the file and the line or value.
    """
    cube = _CubeReader(Path(path))
    for number, line in enumerate(_lines(cube.path), start=1):
        cube.take(number, line.strip())
    return cube.finish()


def write_cube(path: _Path, lut: Tensor, title: str | None = None) -> None:
    """Write a 3D LUT as a ``.cube`` file; `read_cube` returns exactly the same float32 values.

    Args:
        path: the file; an existing one is replaced.
        lut: (3, D, D, D), values within -16..16, D at most 256.
        title: one line without double quotes.

    Raises:
        ValueError: ``lut`` is not one LUT with such values, or the title has more than one line.
    """
    rows = file_rows(lut)
    size = lut.shape[-1]
    if size > _LARGEST_SIZE:
        raise ValueError(f"a .cube file holds at most {_LARGEST_SIZE} nodes an axis, got {size}.")
    if title is not None and re.search(r'["\r\n]', title):
        raise ValueError(f"title must be one line without double quotes, got {title!r}.")
    lines = [f'TITLE "{title}"'] if title is not None else []
    lines += [f"LUT_3D_SIZE {size}", "DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.0 1.0 1.0", ""]
    # The shortest digits that give the float32 back; no exponents, which some readers lack.
    lines += [" ".join(np.format_float_positional(x, trim="0") for x in row) for row in rows]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


class _CubeReader:
    """Takes the lines of one ``.cube`` file in turn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size: int | None = None
        self.low, self.high = [0.0] * 3, [1.0] * 3
        self.domain_line = 0
        self.table = array("d")
        self.last_row = 0

    def take(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        keyword, *values = line.split()
        if keyword[0].isalpha() and keyword.lower() not in ("nan", "inf", "infinity"):
            self._keyword(number, keyword, values)
            return
        if self.size is None:
            self._fail(number, f"expected LUT_3D_SIZE before the table, got {line[:40]!r}")
        if len(self.table) == 3 * self.size**3:
            self._fail(number, f"one row too many: LUT_3D_SIZE {self.size} takes {self.size**3}")
        self.table.extend(self._numbers(number, line.split(), 3))
        self.last_row = number

    def finish(self) -> Tensor:
        if self.size is None:
            raise ValueError(f"{self.path} is no .cube file: it has no line LUT_3D_SIZE.")
        rows = len(self.table) // 3
        if rows != self.size**3:
            raise ValueError(
                f"{self.path}: LUT_3D_SIZE {self.size} takes {self.size**3} rows of numbers, "
                f"got {rows}; the last is line {self.last_row}."
            )
        lut = torch.frombuffer(self.table, dtype=torch.float64)
        check_values(lut, f"the table of {self.path}")
        lut = lut.reshape(self.size, self.size, self.size, 3).permute(3, 0, 1, 2)
        return self._onto_unit_domain(lut).to(torch.float32).contiguous()

    def _keyword(self, number: int, keyword: str, values: list[str]) -> None:
        if keyword == "TITLE":
            return
        if keyword.startswith("LUT_1D_"):
            self._fail(number, f"{keyword} announces a 1D LUT; only a 3D LUT alone can be read")
        if keyword not in ("LUT_3D_SIZE", "LUT_3D_INPUT_RANGE", "DOMAIN_MIN", "DOMAIN_MAX"):
            self._fail(number, f"unknown keyword {keyword[:40]!r}")
        if self.table:
            self._fail(number, f"{keyword} must stand before the table")
        if keyword == "LUT_3D_SIZE":
            if self.size is not None or not re.fullmatch("[0-9]{1,9}", " ".join(values)):
                self._fail(number, "expected one LUT_3D_SIZE with one whole number")
            self.size = int(values[0])
            if not 2 <= self.size <= _LARGEST_SIZE:
                self._fail(number, f"LUT_3D_SIZE must be 2 to {_LARGEST_SIZE}, got {self.size}")
        elif keyword == "DOMAIN_MIN":
            self.low, self.domain_line = self._numbers(number, values, 3), number
        elif keyword == "DOMAIN_MAX":
            self.high, self.domain_line = self._numbers(number, values, 3), number
        else:
            low, high = self._numbers(number, values, 2)
            self.low, self.high, self.domain_line = [low] * 3, [high] * 3, number

    def _numbers(self, number: int, fields: list[str], count: int) -> list[float]:
        text = " ".join(fields)
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != count or "_" in text:  # Python reads 1_0 as 10
            hint = "; decimals take a point, columns a space" if "," in text else ""
            self._fail(number, f"expected {count} numbers, got {text[:40]!r}{hint}")
        if not all(map(math.isfinite, values)):
            self._fail(number, f"expected finite numbers, got {text[:40]!r}")
        return values

    def _onto_unit_domain(self, lut: Tensor) -> Tensor:
        size = lut.shape[-1]
        node = torch.linspace(0, 1, size, dtype=torch.float64)
        for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if (low, high) == (0, 1):
                continue
            if low >= high or high - low >= size - 1:
                self._fail(
                    self.domain_line,
                    f"the domain {low:g}..{high:g} cannot serve colours in [0, 1] "
                    "(empty, or so wide that [0, 1] falls within one grid cell)",
                )
            position = ((node - low) / (high - low)).clamp(0, 1) * (size - 1)
            cell = position.floor().clamp(max=size - 2).long()
            fraction = (position - cell).reshape([-1 if a == 3 - axis else 1 for a in range(4)])
            below, above = lut.index_select(3 - axis, cell), lut.index_select(3 - axis, cell + 1)
            lut = below + fraction * (above - below)  # red is the last axis
        return lut

    def _fail(self, number: int, what: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {number}: {what}.")


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, whatever ends them; raise where it is no text."""
    with path.open("rb") as file:
        wide = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        # A title or comment may be in any encoding; everything that counts is ASCII.
        text = io.TextIOWrapper(file, "utf-16" if wide else "utf-8-sig", errors="replace")
        for line in iter(partial(text.readline, _LONGEST_LINE), ""):
            if "\0" in line or len(line) == _LONGEST_LINE:
                raise ValueError(f"{path} is no .cube file: it is not plain text.")
            yield line
