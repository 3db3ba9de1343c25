"""3D LUT files: Adobe/Iridas ``.cube`` text and HaldCLUT images, both ways.

``.cube`` as in Adobe's Cube LUT Specification 1.0 (2013), with Resolve's ``LUT_3D_INPUT_RANGE``;
Hald images as ImageMagick's ``hald:LEVEL`` writes them. Both list the grid nodes with red fastest,
which is the memory order of ``lut[c, b, g, r]``. Inputs are colours in [0, 1]; outputs may leave
that range in a ``.cube`` but not in a Hald image.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.lut.tensors import check_lut

_Path = str | os.PathLike[str]
_LARGEST_CUBE = 256  # nodes an axis, by Adobe's specification
_LARGEST_FLOAT = float(np.finfo(np.float32).max)


def read_cube(path: _Path) -> Tensor:
    """Read a 3D LUT from a ``.cube`` file.

    A domain other than 0..1 is resampled onto [0, 1] with the same number of nodes, colours outside
    the domain taking its edge; it is refused where [0, 1] would fall within one grid cell,
    as in files made for code values 0..255 or 0..1023. 1D LUTs are refused.

    Returns:
        (3, D, D, D), float32; values outside [0, 1] are kept.
    """
    cube = _CubeReader(Path(path))
    for number, line in enumerate(_text_lines(cube.path), start=1):
        cube.take(number, line.strip())
    return cube.finish()


def write_cube(path: _Path, lut: Tensor, title: str | None = None) -> None:
    """Write a 3D LUT as a ``.cube`` file; `read_cube` gives the very float32 values back.

    Args:
        path: the file; an existing one is replaced.
        lut: (3, D, D, D), finite, D at most 256.
        title: one line without double quotes.
    """
    rows = _rows(lut)
    size = lut.shape[-1]
    if size > _LARGEST_CUBE:
        raise ValueError(f"a .cube file holds at most {_LARGEST_CUBE} nodes an axis, got {size}.")
    if title is not None and re.search(r'["\r\n]', title):
        raise ValueError(f"title must be one line without double quotes, got {title!r}.")
    lines = [f'TITLE "{title}"'] if title is not None else []
    lines += [f"LUT_3D_SIZE {size}", "DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.0 1.0 1.0", ""]
    # The shortest digits that give the float32 back; no exponents, which some readers lack.
    lines += [" ".join(np.format_float_positional(x, trim="0") for x in row) for row in rows]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_hald(path: _Path) -> Tensor:
    """Read a 3D LUT from a HaldCLUT image, 8 or 16 bits a channel.

    Returns:
        (3, D, D, D), float32 in [0, 1]: D = L² for an image of level L, which is L³ x L³.
    """
    from harmaug.io.photos import read_photo

    pixels = read_photo(path).pixels
    height, width = pixels.shape[:2]
    level = round(width ** (1 / 3))
    if height != width or level**3 != width or level < 2:
        raise ValueError(
            f"{path} is no Hald image: a side must be 8, 27, 64, 125, ... pixels (a cube number) "
            f"and both equal, got {width} x {height}."
        )
    size = level**2
    lut = torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max)
    return lut.reshape(size, size, size, 3).permute(3, 0, 1, 2).contiguous()


def write_hald(path: _Path, lut: Tensor, bits: int = 8) -> None:
    """Write a 3D LUT as a HaldCLUT image in PNG.

    A Hald image has L² nodes an axis; a LUT of another size is refused rather than resampled in
    silence: call `resize_lut` first, for example ``resize_lut(lut, 64)``.

    Args:
        path: the file, ending in .png; an existing one is replaced.
        lut: (3, D, D, D), D = 4, 9, 16, 25, ...; values are clamped to [0, 1] and rounded.
        bits: 8 or 16 a channel.
    """
    from harmaug.io.photos import Photo, write_photo

    if bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, got {bits}.")
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"a Hald image is written as .png, got {path}.")
    rows = _rows(lut)
    size = lut.shape[-1]
    level = math.isqrt(size)
    if level**2 != size:
        raise ValueError(
            f"a Hald image needs a square number of nodes an axis (4, 9, 16, ..., 64), got {size}; "
            f"resample first, for example resize_lut(lut, {(level + 1) ** 2})."
        )
    top = 2**bits - 1
    codes = np.floor(rows.clip(0, 1).astype(np.float64) * top + 0.5)
    pixels = codes.astype(np.uint8 if bits == 8 else np.uint16).reshape(level**3, level**3, 3)
    write_photo(path, Photo(pixels), overwrite=True)


class _CubeReader:
    """Takes the lines of one ``.cube`` file in turn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size: int | None = None
        self.low, self.high = [0.0] * 3, [1.0] * 3
        self.domain_line = 0
        self.rows: list[list[float]] = []
        self.last_row = 0

    def take(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        keyword, *values = line.split()
        if keyword[0].isalpha() and keyword.lower().strip("+-") not in ("nan", "inf", "infinity"):
            self._keyword(number, keyword, values)
            return
        if self.size is None:
            self._fail(
                number, f"expected LUT_3D_SIZE before the first row of numbers, got {line!r}"
            )
        if len(self.rows) == self.size**3:
            self._fail(number, f"a row too many: LUT_3D_SIZE {self.size} takes {self.size**3}")
        self.rows.append(self._numbers(number, line.split(), 3))
        self.last_row = number

    def finish(self) -> Tensor:
        if self.size is None:
            raise ValueError(f"{self.path} is no .cube file: it has no line LUT_3D_SIZE.")
        if len(self.rows) != self.size**3:
            raise ValueError(
                f"{self.path}: LUT_3D_SIZE {self.size} takes {self.size**3} rows of numbers, "
                f"got {len(self.rows)}; the last is line {self.last_row}."
            )
        lut = torch.tensor(self.rows, dtype=torch.float64)
        lut = lut.reshape(self.size, self.size, self.size, 3).permute(3, 0, 1, 2)
        return self._onto_unit_domain(lut).to(torch.float32).contiguous()

    def _keyword(self, number: int, keyword: str, values: list[str]) -> None:
        if keyword == "TITLE":
            return
        if self.rows:
            self._fail(number, f"expected a row of numbers, got {keyword}")
        if keyword == "LUT_3D_SIZE":
            if len(values) != 1 or not values[0].isdecimal() or self.size is not None:
                self._fail(number, "expected one LUT_3D_SIZE with one whole number")
            self.size = int(values[0])
            if not 2 <= self.size <= _LARGEST_CUBE:
                self._fail(number, f"LUT_3D_SIZE must be 2 to {_LARGEST_CUBE}, got {self.size}")
        elif keyword == "DOMAIN_MIN":
            self.low, self.domain_line = self._numbers(number, values, 3), number
        elif keyword == "DOMAIN_MAX":
            self.high, self.domain_line = self._numbers(number, values, 3), number
        elif keyword == "LUT_3D_INPUT_RANGE":
            low, high = self._numbers(number, values, 2)
            self.low, self.high, self.domain_line = [low] * 3, [high] * 3, number
        elif keyword.startswith("LUT_1D_"):
            self._fail(number, f"{keyword} announces a 1D LUT; only 3D LUTs can be read")
        else:
            self._fail(number, f"unknown keyword {keyword!r}")

    def _numbers(self, number: int, fields: list[str], count: int) -> list[float]:
        if len(fields) != count:
            self._fail(number, f"expected {count} numbers, got {len(fields)}")
        try:
            values = [float(field) for field in fields]
        except ValueError:
            self._fail(number, f"expected {count} numbers, got {' '.join(fields)!r}")
        if not all(abs(value) <= _LARGEST_FLOAT for value in values):  # NaN is not either
            self._fail(number, f"expected finite float32 numbers, got {' '.join(fields)!r}")
        return values

    def _onto_unit_domain(self, lut: Tensor) -> Tensor:
        assert self.size is not None
        node = torch.linspace(0, 1, self.size, dtype=torch.float64)
        for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if (low, high) == (0, 1):
                continue
            if low >= high or high - low >= (self.size - 1):
                self._fail(
                    self.domain_line,
                    f"the domain {low:g}..{high:g} cannot serve colours in [0, 1] "
                    "(empty, or so wide that [0, 1] falls within one grid cell)",
                )
            position = ((node - low) / (high - low)).clamp(0, 1) * (self.size - 1)
            cell = position.floor().clamp(max=self.size - 2).long()
            fraction = (position - cell).reshape([-1 if a == 3 - axis else 1 for a in range(4)])
            below, above = lut.index_select(3 - axis, cell), lut.index_select(3 - axis, cell + 1)
            lut = below + fraction * (above - below)  # red is the last axis
        return lut

    def _fail(self, number: int, what: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {number}: {what}.")


def _text_lines(path: Path) -> list[str]:
    data = path.read_bytes()
    if b"\0" in data:
        raise ValueError(f"{path} is no .cube file: it is not plain text.")
    # A title or comment may be in any encoding; everything that counts is ASCII.
    return re.split(r"\r\n|\r|\n", data.decode("utf-8-sig", errors="replace"))


def _rows(lut: Tensor) -> np.ndarray:
    """(3, D, D, D) -> (D³, 3) float32, in file order; raise if it is not one finite LUT."""
    check_lut(lut)
    if lut.ndim != 4:
        raise ValueError(f"lut must be one LUT (3, D, D, D), got {tuple(lut.shape)}.")
    rows = lut.detach().to("cpu", torch.float32).permute(1, 2, 3, 0).reshape(-1, 3).numpy()
    if not np.isfinite(rows).all():
        raise ValueError("lut must be finite, got NaN or infinity.")
    return rows
