"""``.3dl`` files of Flame and Lustre: a 3D LUT of whole numbers, after a line with its shaper.

Rows run with blue fastest. The shaper's values are those at evenly spaced inputs. The largest value
says how many bits a table has, because most files do not; OpenColorIO 2 reads them so.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from harmaug.lut.lut_file import Curves, LutFile, unit_domain
from harmaug.lut.text import LARGEST_SIZE, LutText, Rows, cube_of

_WORDS = ("3DMESH", "MESH", "GAMMA", "LUT8", "LUT10", "LUT12", "LUT16")
_LEAST_TOP = 128  # of a table of 8 bits or more
_TOLERANCE = 2  # codes by which a shaper may leave the straight line and still stand for none


def read_3dl(path: str | os.PathLike[str]) -> LutFile:
    """Read a ``.3dl`` file; see `read_lut`."""
    text = LutText(path, ".3dl")
    shaper: tuple[int, list[int]] | None = None
    rows, depth = Rows(text, "a 3D LUT", LARGEST_SIZE**3), None
    for line in text:
        word, *fields = line.split()
        if word.startswith("#"):
            continue
        if word.upper() in _WORDS:
            if word.upper() == "MESH":
                if len(fields) != 2:
                    text.fail("expected Mesh with two numbers, the bits of inputs and of outputs")
                depth = text.whole_numbers(fields)[1]
            elif word.upper() == "GAMMA" and text.numbers(fields, 1) != [1.0]:
                text.fail(f"expected gamma 1.0, got {fields[0]}; such files are not read")
            continue
        values = text.whole_numbers(line.split())
        if len(values) > 3:
            if shaper or rows:
                text.fail(f"expected 3 whole numbers, got {len(values)}")
            shaper = text.number, values
        elif len(values) == 3:
            rows.add(values)
        else:
            text.fail(f"expected 3 whole numbers, got {len(values)}")
    size = round(len(rows) ** (1 / 3))
    if size < 2 or size**3 != len(rows) or size > LARGEST_SIZE:
        text.refuse(
            f"its {len(rows)} rows, up to line {text.number}, fill no cube of 2 to {LARGEST_SIZE} "
            "nodes an axis"
        )
    rows.count = len(rows)
    codes = rows.table()
    table = codes / _top(text, "3D table", codes, depth)
    # Red is the slowest here and the fastest in `cube_of`.
    table = table.reshape(size, size, size, 3).transpose(0, 2).reshape(-1, 3)
    curves = (_curves(text, *shaper),) if shaper else ()
    return LutFile(tuple(one for one in curves if one), cube_of(table), unit_domain())


def _top(text: LutText, what: str, codes: Tensor, depth: int | None = None) -> int:
    """Return the code that stands for 1: 255, 1023, 4095 or 65535."""
    most = int(codes.max())
    if most < _LEAST_TOP:
        text.refuse(f"the largest value of its {what} is {most}, less than 8 bits have")
    if depth is None:  # the largest value is between half and twice the top
        depth = next((bits for bits in (8, 10, 12) if most < 2 ** (bits + 1)), 16)
    if depth not in (8, 10, 12, 14, 16):
        text.refuse(f"its {what} has {depth} bits, expected 8, 10, 12, 14 or 16")
    return 2**depth - 1


def _curves(text: LutText, number: int, codes: list[int]) -> Curves | None:
    """Return the shaper, None where it is a straight line."""
    values = torch.tensor(codes, dtype=torch.float64)
    top = _top(text, "shaper", values)
    if (values.diff() < 0).any():
        text.fail("a shaper before a 3D LUT must rise, and here it falls", number)
    straight = torch.linspace(0, top, len(codes), dtype=torch.float64)
    if ((values - straight).abs() < _TOLERANCE).all():
        return None
    return Curves((values / top).to(torch.float32).expand(3, -1).contiguous(), unit_domain())
