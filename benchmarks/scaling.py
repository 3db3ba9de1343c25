"""Time a LUT composite against the size of image, grid and basis, and against LUTs and threads.

    python benchmarks/scaling.py [--rounds 9] [--out FILE.json]

float32 planar pictures, whole frame; nanoseconds are per pixel and LUT. Threads are those of torch;
all other tables are of one thread, in processor time. "mix" is the weighted sum of K basis LUTs
that makes one LUT before it is applied.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial

import measure
import torch

from harmaug import apply_lut, mix_luts


def main() -> None:
    options = measure.options(__doc__, rounds=9)
    figures: dict[str, dict[str, float]] = {}

    def show(
        title: str,
        candidates: Mapping[int, Callable[[], object]],
        work: Callable[[int], int],
        clock: Callable[[], float] = time.process_time,
    ) -> dict[str, measure.Series]:
        """Time candidates and print their rows; ``work`` gives their pixels times LUTs."""
        named = {str(value): run for value, run in candidates.items()}
        series = measure.in_turn(named, options.rounds, clock)
        rows = []
        for value, one in zip(candidates, series.values(), strict=True):
            nanoseconds = 1e6 * one.median / work(value)
            rows.append((value, one.median, nanoseconds))
            figures[f"{title} {value}"] = one.summary() | {"ns a pixel and LUT": nanoseconds}
        measure.table(title, ("", "ms", "ns"), rows)
        return series

    torch.set_num_threads(1)
    lut = measure.luts(17)
    images = {side: measure.photo(side, side) for side in (64, 256, 512, 1024, 2048)}
    sides = {side: partial(apply_lut, image, lut) for side, image in images.items()}
    show("side", sides, lambda side: side**2)

    image = images[1024]
    counts = {k: partial(apply_lut, image, measure.luts(17, 1, k)) for k in (1, 2, 4, 8, 16)}
    show("LUTs", counts, lambda count: 1024**2 * count)

    sizes = (2, 9, 17, 25, 33, 36, 37, 64, 65)
    grids = {size: partial(apply_lut, image, measure.luts(size)) for size in sizes}
    show("nodes an axis", grids, lambda size: 1024**2)

    mixes = {
        k: partial(mix_luts, torch.rand(8, k).softmax(1), measure.luts(17, k)) for k in (4, 20, 64)
    }
    show("mix of K, 8 LUTs", mixes, lambda size: 8 * 17**3)

    large = measure.photo(2160, 3840)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

    def with_threads(count: int) -> object:
        torch.set_num_threads(count)
        return apply_lut(large, lut)

    threads = {k: partial(with_threads, k) for k in (1, 2, 4, 8, 16) if k <= (available or 1)}
    title = "threads, 3840x2160"
    series = show(title, threads, lambda count: 2160 * 3840, time.perf_counter)
    torch.set_num_threads(1)
    for name, one in series.items():
        times = series["1"].against(one)
        figures[f"{title} {name}"]["times one thread"] = times
        print(f"{name} threads: {times:.2f} times one")
    measure.record(options.out, __doc__, {"figures": figures})


if __name__ == "__main__":
    main()
