"""Any LUT file by its suffix."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from harmaug.lut.cinespace import read_csp
from harmaug.lut.cube import read_cube_file
from harmaug.lut.hald import read_hald
from harmaug.lut.lustre import read_3dl
from harmaug.lut.lut_file import LutFile, unit_domain
from harmaug.lut.spi import read_spi1d, read_spi3d

_Path = str | os.PathLike[str]


def read_lut(path: _Path) -> LutFile:
    """Read a LUT file: ``.cube``, ``.3dl``, ``.csp``, ``.spi1d``, ``.spi3d``, or a Hald picture.

    >>> look = harmaug.lut.read_lut("look.cube")
    >>> picture = look(photo)
    >>> lut = look.to_lut3d(33).lut  # for `apply_lut`, `composite_lut`, `write_cube`

    A file may hold 1D curves, a 3D LUT or both, for colours of any domain; all of it is kept. Most
    programs write LUTs for colours as they are shown (sRGB). LUTs for log-encoded footage expect
    log-encoded colours, and nothing in a file says so but its name or title.

    Args:
        path: the file; its suffix says the format. Text may have any line ends and a byte order
            mark.

    Returns:
        The LUT, to be called on pictures.

    Raises:
        ValueError: another suffix, or a file that does not keep to its format; one sentence with
            the file and the line.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        raise ValueError(f"{path} is no LUT file: expected the suffix {', '.join(LUT_SUFFIXES)}.")
    return _READERS[suffix](path)


def _read_picture(path: _Path) -> LutFile:
    return LutFile((), read_hald(path), unit_domain())


_READERS: dict[str, Callable[[_Path], LutFile]] = {
    ".cube": read_cube_file,
    ".3dl": read_3dl,
    ".csp": read_csp,
    ".spi1d": read_spi1d,
    ".spi3d": read_spi3d,
    ".png": _read_picture,
    ".tif": _read_picture,
    ".tiff": _read_picture,
}
LUT_SUFFIXES = tuple(_READERS)
