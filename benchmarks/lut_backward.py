"""Time the gradients of a LUT lookup, beside those of 5-D grid_sample.

    python benchmarks/lut_backward.py [--rounds 9] [--out FILE.json]

Gradients of a picture for its LUT and itself, or for the LUT alone (enough to train a network that
predicts LUTs); one thread, processor time, float32, the backward operators by themselves.
grid_sample is trilinear; its time is without the clamp and the grid's layout and scale.
"""

from __future__ import annotations

import time

import measure
import torch

from harmaug.lut import ops  # noqa: F401  importing registers the operator

CASES = ((1, 1080, 1920, 17), (8, 256, 256, 17), (1, 1080, 1920, 33))


def main() -> None:
    options = measure.options(__doc__, rounds=9)
    torch.set_num_threads(1)
    figures, rows = {}, []
    for batch, height, width, size in CASES:
        image = measure.photo(height, width, batch)
        lut = measure.luts(size, batch, 1)
        grad = torch.randn(batch, 1, 3, height, width)
        grid = image.mul(2).sub(1).permute(0, 2, 3, 1).unsqueeze(1).contiguous()
        flat, volume = grad.transpose(1, 2).contiguous(), lut[:, 0].contiguous()

        def harmaug(
            need_image: bool, walk: bool = False, arguments: tuple = (grad, image, None, lut)
        ) -> object:
            backward = torch.ops.harmaug.lut_composite_backward
            return backward(*arguments, need_image, False, True, tetrahedral=walk)

        def grid_sample(need_grid: bool, arguments: tuple = (flat, volume, grid)) -> object:
            # bilinear, border, align_corners
            backward = torch.ops.aten.grid_sampler_3d_backward
            return backward(*arguments, 0, 1, True, [True, need_grid])

        series = measure.in_turn(
            {
                "LUT and image": lambda: harmaug(True),
                "grid_sample": lambda: grid_sample(True),
                "LUT alone": lambda: harmaug(False),
                "grid_sample, LUT alone": lambda: grid_sample(False),
                "tetrahedral, LUT and image": lambda: harmaug(True, True),
                "tetrahedral, LUT alone": lambda: harmaug(False, True),
            },
            options.rounds,
            time.process_time,
        )
        shape = f"{batch} x {width}x{height}, {size} nodes"
        for mine, theirs in (
            ("LUT and image", "grid_sample"),
            ("LUT alone", "grid_sample, LUT alone"),
            ("tetrahedral, LUT and image", "grid_sample"),
            ("tetrahedral, LUT alone", "grid_sample, LUT alone"),
        ):
            times = series[theirs].against(series[mine])
            rows.append((f"{shape}: {mine}", series[mine].median, series[theirs].median, times))
            figures[f"{shape}: {mine}"] = {
                "harmaug": series[mine].summary(),
                "grid_sample": series[theirs].summary(),
                "times": times,
            }
    measure.table("backward", ("", "harmaug ms", "grid_sample ms", "times harmaug"), rows)
    measure.record(options.out, __doc__, {"figures": figures})


if __name__ == "__main__":
    main()
