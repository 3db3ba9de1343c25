"""``.cube`` files: a 1D LUT, a 3D LUT, or a 1D shaper before a 3D LUT, as text.

After Adobe's Cube LUT Specification 1.0 (2013), with what Resolve adds: both tables in one file,
``LUT_1D_INPUT_RANGE`` and ``LUT_3D_INPUT_RANGE``. Outputs may leave [0, 1].
"""

from __future__ import annotations

import os
import re

import numpy as np
import torch
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.lut.lut_file import Curves, LutFile, unit_domain
from harmaug.lut.tensors import file_rows
from harmaug.lut.text import LARGEST_SIZE, LutText, Rows, check_domain, cube_of

_Path = str | os.PathLike[str]
_SIZES = ("LUT_1D_SIZE", "LUT_3D_SIZE")
_RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE", "DOMAIN_MIN", "DOMAIN_MAX")


def read_cube(path: _Path) -> Tensor:
    """Read a 3D LUT from a ``.cube`` file.

    A domain other than 0..1 is resampled onto [0, 1] with the same number of nodes; colours outside
    the domain take its edge. `read_lut` keeps the domain, and reads files with a 1D table.

    Args:
        path: the file, in UTF-8, or in UTF-16 with a byte order mark; any line ends.

    Returns:
        (3, D, D, D), float32; values outside [0, 1] are kept.

    Raises:
        ValueError: the file is no text, its rows do not fill a 3D LUT, it holds a 1D LUT, a value
            lies beyond -16..16 (code values such as 0..255), or its domain is so wide that [0, 1]
            falls within one grid cell. The message names the file and the line or value.
    """
    found = _CubeReader(path, curves=False).read()
    assert found.lut is not None
    return found.sampled(found.lut.shape[-1])


def read_cube_file(path: _Path) -> LutFile:
    """Read all that a ``.cube`` file holds; see `read_lut`."""
    return _CubeReader(path, curves=True).read()


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
    if size > LARGEST_SIZE:
        raise ValueError(f"a .cube file holds at most {LARGEST_SIZE} nodes an axis, got {size}.")
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

    def __init__(self, path: _Path, curves: bool) -> None:
        self.text = LutText(path, ".cube")
        self.curves = curves
        self.sizes: dict[str, int] = {}
        self.ranges: dict[str, tuple[int, list[float]]] = {}  # with their lines
        self.tables: list[Rows] = []

    def read(self) -> LutFile:
        for line in self.text:
            if line.startswith("#"):
                continue
            word, *fields = line.split()
            if word[0].isalpha() and word.lower() not in ("nan", "inf", "infinity"):
                self._keyword(word, fields)
            else:
                self._row(line.split())
        if not self.sizes:
            self.text.refuse("it has no line LUT_3D_SIZE or LUT_1D_SIZE")
        self._start_tables()
        tables = [rows.colours() for rows in self.tables]
        curves = (self._curves(tables[0]),) if "LUT_1D_SIZE" in self.sizes else ()
        if "LUT_3D_SIZE" not in self.sizes:
            return LutFile(curves, None, unit_domain())
        if curves:
            self.tables[0].check_rising(tables[0])
        domain = self._domain("3D", self.sizes["LUT_3D_SIZE"])
        return LutFile(curves, cube_of(tables[-1]), domain)

    def _keyword(self, word: str, fields: list[str]) -> None:
        if word == "TITLE":
            return
        if word.startswith("LUT_1D_") and not self.curves:
            self.text.fail(
                f"{word} announces a 1D LUT, and read_cube gives one 3D LUT; "
                "harmaug.lut.read_lut reads such files"
            )
        if word not in (*_SIZES, *_RANGES):
            self.text.fail(f"unknown keyword {word[:40]!r}")
        if self.tables:
            self.text.fail(f"{word} must stand before the table")
        if word in _SIZES:
            if word in self.sizes:
                self.text.fail(f"expected one {word} with one whole number")
            read = self.text.size if word == "LUT_3D_SIZE" else self.text.length
            self.sizes[word] = read(word, fields)
        else:
            count = 2 if word.endswith("RANGE") else 3
            self.ranges[word] = self.text.number, self.text.numbers(fields, count)

    def _row(self, fields: list[str]) -> None:
        if not self.sizes:
            shown = " ".join(fields)[:40]
            self.text.fail(f"expected LUT_3D_SIZE before the table, got {shown!r}")
        self._start_tables()
        rows = self.tables[0] if len(self.tables[0]) < self.tables[0].count else self.tables[-1]
        if len(rows) == rows.count:
            what = " and ".join(rows.what for rows in self.tables)
            count = sum(rows.count for rows in self.tables)
            self.text.fail(f"one row too many: {what} takes {count}")
        rows.add(self.text.numbers(fields, 3))

    def _start_tables(self) -> None:
        if not self.tables:
            for word, power in (("LUT_1D_SIZE", 1), ("LUT_3D_SIZE", 3)):
                if word in self.sizes:
                    size = self.sizes[word]
                    self.tables.append(Rows(self.text, f"{word} {size}", size**power))

    def _curves(self, table: Tensor) -> Curves:
        return Curves(table.T.to(torch.float32).contiguous(), self._domain("1D", len(table)))

    def _domain(self, table: str, size: int) -> Tensor:
        """Return the domain of the 1D or the 3D table."""
        domain, number = unit_domain(), 0
        for word, (line, values) in self.ranges.items():
            if word.startswith("LUT") and word.replace("INPUT_RANGE", "SIZE") not in self.sizes:
                self.text.fail(f"{word} stands without its size", line)
            if word.startswith("DOMAIN") and len(self.sizes) == 2:
                self.text.fail(
                    f"{word} does not say of which table; a file with two says "
                    "LUT_1D_INPUT_RANGE and LUT_3D_INPUT_RANGE",
                    line,
                )
            if word == f"LUT_{table}_INPUT_RANGE":
                domain = torch.tensor(values, dtype=torch.float64)[:, None].repeat(1, 3)
                number = line
            elif word.startswith("DOMAIN"):
                domain[int(word == "DOMAIN_MAX")] = torch.tensor(values, dtype=torch.float64)
                number = line
        first = table == "1D" or len(self.sizes) == 1
        check_domain(self.text, number, domain, size if first else None)
        return domain
