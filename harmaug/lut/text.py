"""LUT files as text: lines, numbers, and errors that name the file and the line."""

from __future__ import annotations

import codecs
import io
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from harmaug.lut.tensors import check_values

LARGEST_SIZE = 256  # nodes an axis of a 3D table, by Adobe's specification
_LONGEST_1D = 1 << 16  # rows of a 1D table, by the same
_LONGEST_LINE = 1 << 16  # characters
_LARGEST_CODES = (255, 1023, 4095, 16383, 65535)
_LARGEST_FLOAT = torch.finfo(torch.float32).max
_SHOWN = 40  # characters of a line in a message


class LutText:
    """The lines of one LUT file in turn, without line ends and empty lines.

    Attributes:
        path: the file.
        number: of the line read last, from 1.
    """

    def __init__(
        self, path: str | os.PathLike[str], kind: str, longest: int = _LONGEST_LINE
    ) -> None:
        """Name the file; iterating opens it.

        Args:
            path: the file, in UTF-8, or in UTF-16 with a byte order mark; any line ends.
            kind: suffix of such files, ``.cube`` for one.
            longest: characters of a line; a file with longer ones is no text.
        """
        self.path = Path(path)
        self.kind = kind
        self.number = 0
        self._longest = longest

    def __iter__(self) -> Iterator[str]:
        """Yield the lines that are not empty; raise where the file is no text."""
        with self.path.open("rb") as file:
            wide = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            # A title or comment may be in any encoding; everything that counts is ASCII.
            text = io.TextIOWrapper(file, "utf-16" if wide else "utf-8-sig", errors="replace")
            for number, line in enumerate(iter(partial(text.readline, self._longest), ""), start=1):
                self.number = number
                if "\0" in line or len(line) == self._longest:
                    self.refuse("it is not plain text")
                if line := line.strip():
                    yield line

    def refuse(self, why: str) -> NoReturn:
        """Raise ValueError: the file is none of its kind."""
        raise ValueError(f"{self.path} is no {self.kind} file: {why}.")

    def fail(self, what: str, number: int | None = None) -> NoReturn:
        """Raise ValueError that names the file and a line, by default the one read last."""
        raise ValueError(f"{self.path}, line {number or self.number}: {what}.")

    def numbers(self, fields: Sequence[str], count: int) -> list[float]:
        """Return so many finite numbers of the present line."""
        text = " ".join(fields)
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != count or "_" in text:  # Python reads 1_0 as 10
            got = len(values) if len(values) > 3 else repr(text[:_SHOWN])
            hint = "; decimals take a point, columns a space" if "," in text else ""
            self.fail(f"expected {count} numbers, got {got}{hint}")
        if not all(abs(value) <= _LARGEST_FLOAT for value in values):
            self.fail(f"expected finite numbers, got {text[:_SHOWN]!r}")
        return values

    def whole_numbers(self, fields: Sequence[str]) -> list[int]:
        """Return the whole numbers of the present line."""
        if not all(field.isdecimal() and len(field) < 10 for field in fields):
            text = " ".join(fields)
            hint = "; numbers take a space between them" if "," in text else ""
            self.fail(f"expected whole numbers, got {text[:_SHOWN]!r}{hint}")
        return [int(field) for field in fields]

    def size(self, word: str, fields: Sequence[str], largest: int = LARGEST_SIZE) -> int:
        """Return the size that a line states after a word."""
        if len(fields) != 1 or not re.fullmatch("[0-9]{1,9}", fields[0]):
            self.fail(f"expected one {word} with one whole number")
        size = int(fields[0])
        if not 2 <= size <= largest:
            self.fail(f"{word} must be 2 to {largest}, got {size}")
        return size

    def length(self, word: str, fields: Sequence[str]) -> int:
        """Return the number of rows of a 1D table that a line states after a word."""
        return self.size(word, fields, _LONGEST_1D)


class Rows:
    """The rows of numbers of one table, with the line of each."""

    def __init__(self, text: LutText, what: str, count: int) -> None:
        """Expect ``count`` rows, which ``what`` announces, such as LUT_3D_SIZE 17."""
        self.text, self.what, self.count = text, what, count
        self.values = array("d")
        self.lines = array("l")

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, values: Sequence[float]) -> None:
        """Take the numbers of the line read last."""
        self.values.extend(values)
        self.lines.append(self.text.number)

    def table(self) -> Tensor:
        """Return all rows as (count, columns), float64; raise where some are missing."""
        if len(self) != self.count:
            last = f"the last is line {self.lines[-1]}" if self.lines else "there is none"
            raise ValueError(
                f"{self.text.path}: {self.what} takes {self.count} rows of numbers, "
                f"got {len(self)}; {last}."
            )
        return torch.frombuffer(self.values, dtype=torch.float64).reshape(self.count, -1)

    def colours(self) -> Tensor:
        """Return `table`; raise where values are no colours but codes, and name the largest."""
        table = self.table()
        row = int(table.abs().amax(1).argmax())
        check_values(table, f"the table of {self.text.path} (line {self.lines[row]})")
        return table

    def check_rising(self, table: Tensor) -> None:
        """Raise where a column of a shaper falls from one row to the next."""
        falls = (table.diff(dim=0) < 0).any(1).nonzero()
        if len(falls):
            row = int(falls[0]) + 1
            self.text.fail("a shaper before a 3D LUT must rise, and here it falls", self.lines[row])


def cube_of(table: Tensor) -> Tensor:
    """Return rows (D³, 3), red fastest, as (3, D, D, D), float32."""
    size = round(len(table) ** (1 / 3))
    return table.reshape(size, size, size, 3).permute(3, 0, 1, 2).to(torch.float32).contiguous()


def check_domain(text: LutText, number: int, domain: Tensor, size: int | None) -> None:
    """Raise where a domain (2, 3) is empty, or that of code values.

    Args:
        text: the file.
        number: line of the domain.
        domain: (2, 3), lowest and highest colours.
        size: nodes along an axis of the table that takes the photo; None where another comes first.
    """
    for low, high in domain.T.tolist():
        if low >= high:
            text.fail(f"the domain {low:g}..{high:g} is empty", number)
        wide = size is not None and (low, high) != (0, 1) and high - low >= size - 1
        if wide or (low == 0 and high in _LARGEST_CODES):
            text.fail(
                f"the domain {low:g}..{high:g} is that of code values; colours in [0, 1] would "
                "fall into its first steps",
                number,
            )
