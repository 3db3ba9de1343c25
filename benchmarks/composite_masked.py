"""Time a recoloured foreground, beside the whole frame and a plain copy: a mask saves time.

    python benchmarks/composite_masked.py [--rounds 15] [--out FILE.json]

1920x1080 float32 planar, one LUT of 17 nodes an axis, one thread, processor time. The foreground is
a disc that covers a share of the frame; "soft" blends everywhere. "lookup, then blend" is the same
composite in plain torch around harmaug's own lookup, "reference" all of it in plain torch.
"""

from __future__ import annotations

import time
from functools import partial

import measure
import torch

from harmaug import apply_lut, composite_lut
from harmaug.lut import reference

HEIGHT, WIDTH, SIZE = 1080, 1920, 17


def main() -> None:
    options = measure.options(__doc__, rounds=15)
    torch.set_num_threads(1)
    image, lut = measure.photo(HEIGHT, WIDTH), measure.luts(SIZE)
    target = torch.empty_like(image)
    tenth = measure.disc(HEIGHT, WIDTH, 0.1)
    masks = {
        "empty": torch.zeros_like(tenth),
        "1 %": measure.disc(HEIGHT, WIDTH, 0.01),
        "10 %": tenth,
        "10 %, bool": tenth > 0,
        "30 %": measure.disc(HEIGHT, WIDTH, 0.3),
        "soft": torch.rand_like(tenth),
    }

    def blend() -> torch.Tensor:
        return torch.lerp(image, apply_lut(image, lut), tenth)

    series = measure.in_turn(
        {
            "copy": lambda: target.copy_(image),
            "clone": image.clone,
            **{
                f"foreground {name}": partial(composite_lut, image, mask, lut)
                for name, mask in masks.items()
            },
            "no mask": lambda: apply_lut(image, lut),
            "lookup, then blend": blend,
            "reference": lambda: reference.composite(image, tenth, lut[None, None]),
        },
        options.rounds,
        time.process_time,
    )
    rows, figures = [], {}
    for name, one in series.items():
        times = one.against(series["copy"])
        figures[name] = one.summary() | {"times copy": times}
        rows.append((name, one.median, min(one.milliseconds), times))
    measure.table("composite", ("", "ms", "least ms", "times copy"), rows)
    measure.record(options.out, __doc__, {"figures": figures})


if __name__ == "__main__":
    main()
