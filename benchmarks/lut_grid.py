"""Time grids of LUTs, between which the colour change varies over the frame, beside one LUT.

    python benchmarks/lut_grid.py [--rounds 15] [--out FILE.json]

1920x1080, float32 planes, LUTs of 17 nodes an axis, one thread, processor time. "times one" is
beside one LUT for the whole frame, of the same direction and foreground. The foreground of a tenth
is a disc. "plain torch" is the same composite by the definition in `reference.py`. Backward gives
the gradients of LUTs, picture and mask. The small pictures are those of networks: 4 of 64x64 with 8
results each, and one of 256x256 with 8.
"""

from __future__ import annotations

import time
from functools import partial

import measure
import torch

from harmaug.lut import reference
from harmaug.lut.ops import lut_composite

HEIGHT, WIDTH, SIZE = 1080, 1920, 17
GRIDS = {"one LUT": (), "2x2": (2, 2), "4x4": (4, 4)}


def backward(
    grad: torch.Tensor, image: torch.Tensor, mask: torch.Tensor | None, luts: torch.Tensor
) -> object:
    gradients = torch.ops.harmaug.lut_composite_backward
    return gradients(grad, image, mask, luts, True, mask is not None, True)


def main() -> None:
    options = measure.options(__doc__, rounds=15)
    torch.set_num_threads(1)
    image, tenth = measure.photo(HEIGHT, WIDTH), measure.disc(HEIGHT, WIDTH, 0.1)
    grad = torch.randn(1, 1, 3, HEIGHT, WIDTH)
    rows, figures = [], {}

    def show(title: str, candidates: dict, rounds: int) -> None:
        series = measure.in_turn(candidates, rounds, time.process_time)
        for name, one in series.items():
            times = one.against(series["one LUT"])
            summary = one.summary() | {"times one": times}
            figures[f"{title}: {name}"] = summary
            rows.append((f"{title}: {name}", one.median, summary["p10"], summary["p90"], times))

    for share, mask in (("whole frame", None), ("tenth", tenth)):
        luts = {name: measure.luts(SIZE, 1, 1, *grid) for name, grid in GRIDS.items()}
        composites = {name: partial(lut_composite, image, mask, lut) for name, lut in luts.items()}
        plain = {
            f"{name}, plain torch": partial(reference.composite, image, mask, luts[name])
            for name in ("one LUT", "2x2")
        }
        show(f"forward, {share}", composites | plain, options.rounds)
        gradients = {name: partial(backward, grad, image, mask, lut) for name, lut in luts.items()}
        show(f"backward, {share}", gradients, max(3, options.rounds // 3))
    for batch, side in ((4, 64), (1, 256)):
        small = measure.photo(side, side, batch)
        show(
            f"forward, {batch} x {side}x{side}, 8 results",
            {
                name: partial(lut_composite, small, None, measure.luts(SIZE, batch, 8, *grid))
                for name, grid in GRIDS.items()
            },
            options.rounds,
        )
    measure.table("grids of LUTs", ("", "ms", "p10", "p90", "times one"), rows)
    measure.record(options.out, __doc__, {"figures": figures})


if __name__ == "__main__":
    main()
