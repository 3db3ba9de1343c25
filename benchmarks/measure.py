"""How the benchmarks time, print and record: candidates in turn, medians, one JSON file each.

The candidates of a table run one after the other, round after round, so that a machine that slows
down does so for all of them. "times" is the median over the rounds of the ratio within a round.
Each candidate is called twice in a row and only the second call is timed, so that no candidate pays
for the caches of another; the first round is not counted. glibc's malloc is told to keep freed
memory: page faults of fresh memory would count for the candidate that happens to run.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import harmaug

PACKAGES = ("torch", "numpy", "pillow", "pillow_lut", "opencolorio", "opencv-python-headless")


@dataclass
class Series:
    """Milliseconds of one candidate, one figure a round."""

    milliseconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)

    def against(self, other: Series) -> float:
        """Return how many times as long as ``other`` it takes."""
        pairs = zip(self.milliseconds, other.milliseconds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)

    def summary(self) -> dict[str, float]:
        """Return median, tenth and ninetieth percentile and minimum."""
        ordered = sorted(self.milliseconds)
        last = len(ordered) - 1
        return {
            "median": self.median,
            "p10": ordered[round(0.1 * last)],
            "p90": ordered[round(0.9 * last)],
            "min": ordered[0],
        }


def in_turn(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Series]:
    """Time every candidate once a round, in milliseconds.

    Args:
        candidates: functions by name.
        rounds: number of rounds, besides the first, which is not counted.
        clock: `time.process_time` for work of one thread of this process: other programs disturb
            it less.
    """
    series = {name: Series() for name in candidates}
    for count in range(rounds + 1):
        for name, run in candidates.items():
            run()
            begin = clock()
            kept = run()
            elapsed = clock() - begin
            del kept  # freeing memory is not part of the time
            if count > 0:
                series[name].milliseconds.append(1000 * elapsed)
    return series


def photo(height: int, width: int, batch: int = 1) -> Tensor:
    """Return smooth noise with grain (B, 3, H, W): neighbours share grid cells as in a photo."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(batch, 3, 12, 16, generator=generator)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth + 0.01 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def photograph(height: int, width: int) -> Tensor:
    """Return a real photo (1, 3, H, W), repeated to fill the frame."""
    from skimage import data

    photo = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float().div(255)
    times = (1, -(-height // photo.shape[1]), -(-width // photo.shape[2]))
    return photo.repeat(times)[None, :, :height, :width].contiguous()


def luts(size: int, *lead: int) -> Tensor:
    """Return LUTs (..., 3, D, D, D) near the identity, as those of a colour transfer."""
    generator = torch.Generator().manual_seed(1)
    identity = harmaug.identity_lut(size)
    return identity + 0.1 * torch.randn(*lead, *identity.shape, generator=generator)


def disc(height: int, width: int, share: float) -> Tensor:
    """Return a round foreground (1, 1, H, W) that covers ``share`` of the frame."""
    rows = torch.arange(height)[:, None] - height / 2
    columns = torch.arange(width) - width / 2
    return (rows**2 + columns**2 < share * height * width / torch.pi).float()[None, None]


def machine() -> dict[str, Any]:
    """Return the machine and the versions that a result belongs to."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "kernel": harmaug.backends()["cpu"],
        "versions": versions,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def recycle_memory() -> None:
    """Start the program again with a malloc that keeps freed memory; only glibc can be told to."""
    settings = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
    if platform.libc_ver()[0] == "glibc" and not settings.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | settings)


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks share."""
    found = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    found.add_argument("--rounds", type=int, default=rounds, help=f"default: {rounds}")
    found.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return found


def options(description: str | None, rounds: int) -> argparse.Namespace:
    """Return the shared options; the program starts again first, see `recycle_memory`."""
    recycle_memory()
    return parser(description, rounds).parse_args()


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows with aligned columns; numbers with three significant digits."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for first, *others in cells:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print(first.ljust(widths[0]), *right, sep="  ")


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def record(out: Path | None, method: str | None, figures: Mapping[str, Any]) -> None:
    """Write figures with machine and method to a JSON file, if there is one to write."""
    if out is not None:
        content = {"machine": machine(), "method": method, **figures}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(content, indent=1) + "\n")
