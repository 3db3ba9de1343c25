"""LUT files as programs write them: looks, and every format that `read_lut` reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

Rng = np.random.Generator
Look = Callable[[np.ndarray], np.ndarray]


class Written(NamedTuple):
    """A file, and colours (N, 3) to look up in it, some of them outside its domain."""

    path: Path
    colours: np.ndarray


def look(rng: Rng) -> Look:
    """A grade as editors sell them: matrix, saturation, split tones, contrast, fade."""
    matrix = np.eye(3) + rng.normal(0, 0.08, (3, 3))
    saturation, contrast = rng.uniform(0, 1.6), rng.uniform(0.6, 1.6)
    shadows, lights = rng.normal(0, 0.06, (2, 3))
    fade, gamma = rng.uniform(0, 0.1), rng.uniform(0.7, 1.4)

    def graded(colours: np.ndarray) -> np.ndarray:
        colours = np.clip(colours @ matrix.T, 0, None) ** gamma
        luma = colours @ [[0.2126], [0.7152], [0.0722]]
        colours = luma + saturation * (colours - luma)
        colours = 0.5 + contrast * (colours - 0.5)
        colours = colours + shadows * (1 - luma) + lights * luma
        return fade + (1 - fade) * colours.clip(-0.1, 1.1)

    return graded


def log_curve(colours: np.ndarray) -> np.ndarray:
    """Colours in a log encoding: 0.18 lies at about 0.4, 1 at 0.57, 16 at 1."""
    return np.clip(np.log2(np.maximum(colours, 0) * 64 + 1) / np.log2(16 * 64 + 1), 0, 1)


def grid(size: int, low: np.ndarray | float = 0.0, high: np.ndarray | float = 1.0) -> np.ndarray:
    """Colours (size³, 3) at the nodes of a cube, red fastest."""
    blue, green, red = np.meshgrid(*[np.linspace(0, 1, size)] * 3, indexing="ij")
    return low + (high - low) * np.stack((red, green, blue), -1).reshape(-1, 3)


def rows(table: np.ndarray) -> str:
    return "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in table.tolist())


def triple(values: np.ndarray) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def probes(rng: Rng, low: float = -0.2, high: float = 1.2) -> np.ndarray:
    """Colours for a domain, some outside it, with the corners and the edges."""
    inside = rng.uniform(low, high, (4000, 3))
    return np.concatenate((inside, grid(9), grid(2, low, high))).astype(np.float32)


def size_of(rng: Rng) -> int:
    return int(
        rng.choice([2, 3, 5, 8, 9, 13, 16, 17, 25, 33], p=[0.08] * 5 + [0.1] * 3 + [0.2, 0.1])
    )


def domain_of(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(-0.3, 0.1, 3).round(3), rng.uniform(0.9, 1.3, 3).round(3)


def cube(path: Path, rng: Rng) -> Written:
    """Adobe's: a 3D LUT on 0..1."""
    size = size_of(rng)
    text = f'TITLE "look"\nLUT_3D_SIZE {size}\n' + rows(look(rng)(grid(size)))
    path.write_text(text)
    return Written(path, probes(rng))


def cube_domain(path: Path, rng: Rng) -> Written:
    """Adobe's: a 3D LUT on a domain of its own in each channel."""
    size, (low, high) = max(size_of(rng), 3), domain_of(rng)
    head = f"LUT_3D_SIZE {size}\nDOMAIN_MIN {triple(low)}\nDOMAIN_MAX {triple(high)}\n"
    path.write_text(head + rows(look(rng)(grid(size, low, high))))
    return Written(path, probes(rng, -0.5, 1.5))


def cube_range(path: Path, rng: Rng) -> Written:
    """Resolve's: a 3D LUT with its input range."""
    size, low, high = max(size_of(rng), 3), rng.uniform(-0.2, 0.1), rng.uniform(0.9, 1.4)
    head = f"LUT_3D_SIZE {size}\nLUT_3D_INPUT_RANGE {low:.4f} {high:.4f}\n"
    path.write_text(head + rows(look(rng)(grid(size, low, high))))
    return Written(path, probes(rng, -0.5, 1.5))


def _curves(rng: Rng, places: np.ndarray) -> np.ndarray:
    gamma, gain = rng.uniform(0.5, 2, 3), rng.uniform(0.8, 1.1, 3)
    return gain * np.clip(places[:, None], 0, None) ** gamma


def cube_1d(path: Path, rng: Rng) -> Written:
    """Adobe's: a 1D LUT, falling for some."""
    size, (low, high) = int(rng.choice([2, 16, 256, 1024])), domain_of(rng)
    if size == 2:
        low, high = np.zeros(3), np.ones(3)
    table = _curves(rng, np.linspace(0, 1, size))
    table = 1 - table if rng.random() < 0.3 else table
    head = f"LUT_1D_SIZE {size}\nDOMAIN_MIN {triple(low)}\nDOMAIN_MAX {triple(high)}\n"
    path.write_text(head + rows(table))
    return Written(path, probes(rng, -0.5, 1.5))


def cube_1d_range(path: Path, rng: Rng) -> Written:
    """Resolve's: a 1D LUT with its input range."""
    size, high = int(rng.choice([64, 1024, 4096])), rng.uniform(0.9, 4)
    head = f"LUT_1D_SIZE {size}\nLUT_1D_INPUT_RANGE 0.0 {high:.4f}\n"
    path.write_text(head + rows(_curves(rng, np.linspace(0, 1, size))))
    return Written(path, probes(rng, -0.2, high + 0.3))


def cube_shaper(path: Path, rng: Rng) -> Written:
    """Resolve's: a shaper before a 3D LUT, each with its range; linear light up to 16."""
    size, low, high = size_of(rng), rng.uniform(-0.1, 0), rng.uniform(1, 1.1)
    shaper = np.repeat(log_curve(np.linspace(0, 16, 4096))[:, None], 3, 1)
    head = f"LUT_1D_SIZE 4096\nLUT_1D_INPUT_RANGE 0.0 16.0\nLUT_3D_SIZE {size}\n"
    head += f"LUT_3D_INPUT_RANGE {low:.4f} {high:.4f}\n"
    path.write_text(head + rows(shaper) + rows(look(rng)(grid(size, low, high))))
    colours = np.concatenate((probes(rng), probes(rng, -1, 17)))
    return Written(path, colours)


def cube_short_shaper(path: Path, rng: Rng) -> Written:
    """Resolve's: a short shaper before a 3D LUT, without ranges."""
    size, length = size_of(rng), int(rng.integers(2, 12))
    shaper = np.sort(rng.uniform(0, 1, (length, 3)), 0)
    head = f"LUT_1D_SIZE {length}\nLUT_3D_SIZE {size}\n"
    path.write_text(head + rows(shaper) + rows(look(rng)(grid(size))))
    return Written(path, probes(rng))


def _codes(rng: Rng, size: int, bits: int) -> str:
    blue_fastest = grid(size)[:, ::-1]
    table = look(rng)(blue_fastest).clip(0, 1)
    table /= table.max()  # of a dark look other programs guess too few bits
    codes = np.rint(table * (2**bits - 1)).astype(int)
    return "\n".join(f"{r} {g} {b}" for r, g, b in codes.tolist())


def flame_3dl(path: Path, rng: Rng) -> Written:
    """Flame's: the line of the shaper is straight and means none."""
    size, bits = max(size_of(rng), 5), int(rng.choice([10, 12, 16]))
    shaper = np.rint(np.linspace(0, 1023, size)).astype(int)
    path.write_text(" ".join(map(str, shaper)) + "\n\n" + _codes(rng, size, bits) + "\n")
    return Written(path, probes(rng))


def lustre_3dl(path: Path, rng: Rng) -> Written:
    """Lustre's: words around the table."""
    size = int(rng.choice([9, 17, 33], p=[0.5, 0.4, 0.1]))
    head = f"#Tokens required - do not edit\n3DMESH\nMesh {int(np.log2(size - 1))} 12\n"
    tail = "\n\n#Tokens required - do not edit\n\nLUT8\ngamma 1.0\n"
    shaper = np.rint(np.linspace(0, 1023, size)).astype(int)
    path.write_text(head + " ".join(map(str, shaper)) + "\n\n" + _codes(rng, size, 12) + tail)
    return Written(path, probes(rng))


def shaped_3dl(path: Path, rng: Rng) -> Written:
    """A curved shaper, as Kodak's files have it."""
    size, length = max(size_of(rng), 5), int(rng.choice([17, 33, 256]))
    shaper = np.rint(np.linspace(0, 1, length) ** rng.uniform(0.5, 2) * 1023).astype(int)
    path.write_text(" ".join(map(str, shaper)) + "\n" + _codes(rng, size, 12) + "\n")
    return Written(path, probes(rng))


def spi1d(path: Path, rng: Rng) -> Written:
    """One or three columns, for linear light or for a log encoding."""
    length, columns = int(rng.choice([16, 1024, 4096])), int(rng.choice([1, 3]))
    low, high = rng.uniform(-0.2, 0.05), rng.uniform(0.95, 2)
    table = _curves(rng, np.linspace(0, 1, length))[:, :columns]
    lines = "\n".join("  " + triple(row) for row in table)
    head = f"Version 1\nFrom {low:.4f} {high:.4f}\nLength {length}\nComponents {columns}\n"
    path.write_text(head + "{\n" + lines + "\n}\n")
    return Written(path, probes(rng, -0.5, 2.2))


def spi3d(path: Path, rng: Rng) -> Written:
    """Rows in any order; each says its node."""
    size = size_of(rng)
    nodes = np.rint(grid(size) * (size - 1)).astype(int)
    table = look(rng)(grid(size))
    order = rng.permutation(len(table)) if rng.random() < 0.5 else np.arange(len(table))
    lines = (f"{' '.join(map(str, nodes[i]))} {triple(table[i])}\n" for i in order)
    path.write_text(f"SPILUT 1.0\n3 3\n{size} {size} {size}\n" + "".join(lines))
    return Written(path, probes(rng))


def _csp(path: Path, kind: str, shaper: list[tuple[np.ndarray, np.ndarray]], table: str) -> None:
    lines = ["CSPLUTV100", kind, "", "BEGIN METADATA", '"a look"', "END METADATA", ""]
    for places, values in shaper:
        lines += [str(len(places)), triple(places), triple(values)]
    path.write_text("\n".join(lines) + "\n\n" + table)


def csp(path: Path, rng: Rng) -> Written:
    """A 3D LUT behind a shaper that changes nothing, or only scales."""
    size, high = size_of(rng), rng.choice([1.0, 4.0])
    shaper = [(np.array([0.0, high]), np.array([0.0, 1.0]))] * 3
    _csp(path, "3D", shaper, f"{size} {size} {size}\n" + rows(look(rng)(grid(size))))
    return Written(path, probes(rng, -0.2, high + 0.2))


def csp_shaper(path: Path, rng: Rng) -> Written:
    """A 3D LUT behind a curve through uneven points, another number of them in each channel."""
    size, shaper = size_of(rng), []
    for count in rng.integers(2, 12, 3):
        places = np.cumsum(rng.uniform(0.2, 1, count))
        places = (places - places[0]) / (places[-1] - places[0]) * rng.uniform(1, 3)
        shaper.append((places, (places / places[-1]) ** rng.uniform(0.5, 1)))
    _csp(path, "3D", shaper, f"{size} {size} {size}\n" + rows(look(rng)(grid(size))))
    return Written(path, probes(rng, -0.2, 3.2))


def csp_1d(path: Path, rng: Rng) -> Written:
    """A 1D LUT behind a shaper."""
    length = int(rng.choice([2, 16, 1024]))
    shaper = [(np.array([0.0, 0.3, 2.0]), np.array([0.0, 0.6, 1.0]))] * 3
    _csp(path, "1D", shaper, f"{length}\n" + rows(_curves(rng, np.linspace(0, 1, length))))
    return Written(path, probes(rng, -0.2, 2.2))


# How to write each kind of file, by its suffix.
KINDS: dict[Callable[[Path, Rng], Written], str] = {
    cube: ".cube",
    cube_domain: ".cube",
    cube_range: ".cube",
    cube_1d: ".cube",
    cube_1d_range: ".cube",
    cube_shaper: ".cube",
    cube_short_shaper: ".cube",
    flame_3dl: ".3dl",
    lustre_3dl: ".3dl",
    shaped_3dl: ".3dl",
    spi1d: ".spi1d",
    spi3d: ".spi3d",
    csp: ".csp",
    csp_shaper: ".csp",
    csp_1d: ".csp",
}
