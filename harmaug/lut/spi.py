"""``.spi1d`` and ``.spi3d`` files of Sony Pictures Imageworks: 1D and 3D LUTs."""

from __future__ import annotations

import os

import torch

from harmaug.lut.lut_file import Curves, LutFile, unit_domain
from harmaug.lut.text import LutText, Rows, check_domain, cube_of

_Path = str | os.PathLike[str]


def read_spi1d(path: _Path) -> LutFile:
    """Read a ``.spi1d`` file; see `read_lut`."""
    text = LutText(path, ".spi1d")
    lines = iter(text)
    domain, number, stated = unit_domain(), 0, {}
    for line in lines:
        word, *fields = line.split()
        if word == "{":
            break
        if word == "From":
            values = torch.tensor(text.numbers(fields, 2), dtype=torch.float64)
            domain, number = values[:, None].repeat(1, 3), text.number
        elif word == "Length":
            stated[word] = text.length(word, fields)
        elif word in ("Version", "Components"):
            allowed = [1] if word == "Version" else [1, 3]
            values_stated = text.whole_numbers(fields)
            if len(values_stated) != 1 or values_stated[0] not in allowed:
                wanted = " or ".join(map(str, allowed))
                text.fail(f"expected {word} {wanted}, got {' '.join(fields)[:40]!r}")
            stated[word] = values_stated[0]
        elif not word.startswith("#"):
            text.fail(f"unknown keyword {word[:40]!r}")
    for word in ("Version", "Length", "Components"):
        if word not in stated:
            text.refuse(f"it has no line {word} before the brace that opens the table")
    check_domain(text, number, domain, stated["Length"])
    rows = Rows(text, f"Length {stated['Length']}", stated["Length"])
    for line in lines:
        if line == "}":
            break
        if len(rows) == rows.count:
            text.fail(f"one row too many: {rows.what} takes {rows.count}")
        rows.add(text.numbers(line.split(), stated["Components"]))
    values = rows.table().T.to(torch.float32).expand(3, -1).contiguous()
    return LutFile((Curves(values, domain),), None, unit_domain())


def read_spi3d(path: _Path) -> LutFile:
    """Read a ``.spi3d`` file; see `read_lut`."""
    text = LutText(path, ".spi3d")
    lines = (line for line in text if not line.startswith("#"))
    if not next(lines, "").upper().startswith("SPILUT"):
        text.refuse("its first line is not SPILUT 1.0")
    if next(lines, "").split() != ["3", "3"]:
        text.fail("expected 3 3, the numbers of channels in and out")
    fields = next(lines, "").split()
    if len(fields) != 3 or len(set(fields)) != 1:
        text.fail(f"expected the same size for three axes, got {' '.join(fields)[:40]!r}")
    size = text.size("the size of an axis", fields[:1])
    rows, places = Rows(text, f"the size {size}", size**3), dict[int, None]()  # in their order
    for line in lines:
        fields = line.split()
        red, green, blue = index = text.whole_numbers([*fields, "", "", ""][:3])
        if not all(0 <= axis < size for axis in index):
            text.fail(f"the node {red} {green} {blue} lies outside the size {size}")
        place = (blue * size + green) * size + red
        if place in places:
            text.fail(f"the node {red} {green} {blue} stands here for the second time")
        places[place] = None
        rows.add(text.numbers(fields[3:], 3))
    table = rows.colours()
    ordered = torch.empty_like(table)
    ordered[torch.tensor(list(places))] = table
    return LutFile((), cube_of(ordered), unit_domain())
