"""How the time of a LUT composite grows with image, LUTs, grid size, threads and basis.

    python benchmarks/scaling.py [--rounds 9] [--out benchmarks/results/scaling.json]

float32 planar pictures, whole frame; nanoseconds are a pixel and LUT. Threads are those of torch;
all other tables are of one thread, in processor time. "mix" is the weighted sum of K basis LUTs
that makes one LUT before it is applied.
"""

from __future__ import annotations

import os
import time

import measure
import torch

from harmaug import apply_lut, mix_luts

SIDES = (64, 256, 512, 1024, 2048)


def main() -> None:
    options = measure.options(__doc__, rounds=9)
    figures = {}

    def show(title: str, series: dict[str, measure.Series], work: dict[str, int]) -> None:
        rows = []
        for name, one in series.items():
            nanoseconds = 1e6 * one.median / work[name]
            rows.append((name, one.median, nanoseconds))
            figures[f"{title} {name}"] = one.summary() | {"ns a pixel and LUT": nanoseconds}
        measure.table(title, ("", "ms", "ns"), rows)

    torch.set_num_threads(1)
    images = {side: measure.photo(side, side) for side in SIDES}
    lut = measure.luts(17)
    show(
        "side",
        measure.in_turn(
            {
                str(side): lambda image=image: apply_lut(image, lut)
                for side, image in images.items()
            },
            options.rounds,
            time.process_time,
        ),
        {str(side): side * side for side in SIDES},
    )

    image = images[1024]
    counts = {str(count): measure.luts(17, 1, count) for count in (1, 2, 4, 8, 16)}
    show(
        "LUTs",
        measure.in_turn(
            {name: lambda many=many: apply_lut(image, many) for name, many in counts.items()},
            options.rounds,
            time.process_time,
        ),
        {name: 1024 * 1024 * int(name) for name in counts},
    )

    sizes = {str(size): measure.luts(size) for size in (2, 9, 17, 25, 33, 36, 37, 64, 65)}
    show(
        "nodes an axis",
        measure.in_turn(
            {name: lambda one=one: apply_lut(image, one) for name, one in sizes.items()},
            options.rounds,
            time.process_time,
        ),
        {name: 1024 * 1024 for name in sizes},
    )

    bases = {str(count): measure.luts(17, count) for count in (4, 20, 64)}
    weights = {name: torch.rand(8, int(name)).softmax(1) for name in bases}
    show(
        "mix of K, 8 LUTs",
        measure.in_turn(
            {name: lambda name=name: mix_luts(weights[name], bases[name]) for name in bases},
            options.rounds,
            time.process_time,
        ),
        {name: 8 * 17**3 for name in bases},
    )

    large = measure.photo(2160, 3840)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = {str(count): count for count in (1, 2, 4, 8, 16) if count <= (available or 1)}

    def with_threads(count: int) -> object:
        torch.set_num_threads(count)
        return apply_lut(large, lut)

    series = measure.in_turn(
        {name: lambda count=count: with_threads(count) for name, count in threads.items()},
        options.rounds,
    )
    torch.set_num_threads(1)
    show("threads, 3840x2160", series, {name: 2160 * 3840 for name in threads})
    for name, one in series.items():
        times = series["1"].against(one)
        figures[f"threads, 3840x2160 {name}"]["times one thread"] = times
        print(f"{name} threads: {times:.2f} times one")
    measure.record(options.out, __doc__, {"figures": figures})


if __name__ == "__main__":
    main()
