"""Time a 3D LUT on a picture, beside other programs and a copy of the picture.

    python benchmarks/lut_forward.py [--rounds 15] [--out FILE.json]

1920x1080, one LUT of 17 nodes an axis, one thread, processor time, whole frame. float32 results are
planar in [0, 1]. "copy" writes the image to allocated memory; "clone" allocates too, as harmaug
does. Times with 8 LUTs are per LUT. "photograph" is a real one, whose neighbouring pixels are more
alike than those of the made picture. grid_sample's grid is made beforehand. OpenColorIO gets
planes, as harmaug does, and packed RGBA, in which it computes and which is a third more to read and
write; its results and timecube's go to allocated memory. Peers must give harmaug's values before
they are timed, with the same interpolation. FFmpeg is timed as a program, processor time a frame
with the filter minus that without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import measure
import peers
import torch

from harmaug import apply_lut

HEIGHT, WIDTH, SIZE = 1080, 1920, 17
TOLERANCE = 1e-5


def main() -> None:
    options = measure.options(__doc__, rounds=15)
    torch.set_num_threads(1)
    image, lut = measure.photo(HEIGHT, WIDTH), measure.luts(SIZE)
    bytes_ = image.mul(255).round().byte()
    packed = bytes_.contiguous(memory_format=torch.channels_last)
    target, count = torch.empty_like(image), 8
    many = measure.luts(SIZE, 1, count)

    missing: list[str] = []

    def open_color_io(interpolation: str, layout: str) -> peers.Peer:
        return peers.open_color_io(image, lut, interpolation, layout)

    def present(candidates: dict[str, Callable[[], peers.Peer]]) -> dict[str, peers.Peer]:
        found = {}
        for name, prepare in candidates.items():
            try:
                found[name] = prepare()
            except (ImportError, FileNotFoundError):
                missing.append(name)
        return found

    trilinear = present(
        {
            "grid_sample": lambda: peers.grid_sample(image, lut),
            "torch.compile of the reference": lambda: peers.compiled_reference(image, lut),
            "OpenColorIO trilinear": lambda: open_color_io("linear", "planar"),
            "OpenColorIO trilinear, RGBA": lambda: open_color_io("linear", "rgba"),
            "timecube trilinear": lambda: peers.timecube(image, lut, "linear"),
        }
    )
    tetrahedral = present(
        {
            "OpenColorIO tetrahedral": lambda: open_color_io("tetrahedral", "planar"),
            "OpenColorIO tetrahedral, RGBA": lambda: open_color_io("tetrahedral", "rgba"),
            "timecube tetrahedral": lambda: peers.timecube(image, lut, "tetrahedral"),
        }
    )

    def walk(picture: torch.Tensor, lut: torch.Tensor) -> torch.Tensor:
        return apply_lut(picture, lut, interpolation="tetrahedral")

    for lookup, those in (apply_lut, trilinear), (walk, tetrahedral):
        expected = lookup(image, lut)
        for name, run in those.items():
            error = (run().clamp(0, 1) - expected).abs().max().item()
            if not error <= TOLERANCE:
                raise SystemExit(f"{name} and harmaug differ by {error:.2g}.")
    fine, scene = measure.luts(33), measure.photograph(HEIGHT, WIDTH)
    floats = measure.in_turn(
        {
            "harmaug": lambda: apply_lut(image, lut),
            "harmaug tetrahedral": lambda: walk(image, lut),
            "copy": lambda: target.copy_(image),
            "clone": image.clone,
            f"harmaug, {count} LUTs": lambda: apply_lut(image, many),
            "harmaug, 33 nodes": lambda: apply_lut(image, fine),
            "harmaug tetrahedral, 33 nodes": lambda: walk(image, fine),
            "harmaug, photograph": lambda: apply_lut(scene, lut),
            "harmaug tetrahedral, photograph": lambda: walk(scene, lut),
            "harmaug, photograph, 33 nodes": lambda: apply_lut(scene, fine),
            **trilinear,
            **tetrahedral,
        },
        options.rounds,
        time.process_time,
    )
    eights = measure.in_turn(
        {
            "harmaug, planar": lambda: apply_lut(bytes_, lut),
            "harmaug, packed": lambda: apply_lut(packed, lut),
            **present(
                {
                    "Pillow Color3DLUT": lambda: peers.pillow(image, lut),
                    "pillow_lut": lambda: peers.pillow_lut(image, lut),
                }
            ),
        },
        options.rounds,
        time.process_time,
    )
    for interpolation in ("trilinear", "tetrahedral"):
        name = f"FFmpeg lut3d {interpolation}"
        try:
            rounds = max(3, options.rounds // 3)
            seconds = [peers.ffmpeg_seconds(image, lut, interpolation, 30) for _ in range(rounds)]
        except FileNotFoundError:
            missing.append(name)
        else:
            floats[name] = measure.Series([1000 * value for value in seconds])

    per_lut = [value / count for value in floats[f"harmaug, {count} LUTs"].milliseconds]
    floats[f"harmaug, {count} LUTs"].milliseconds[:] = per_lut
    figures = {}
    for title, series, base in (
        ("float32, planar", floats, "harmaug"),
        ("8 bit", eights, "harmaug, packed"),
    ):
        rows = []
        for name, one in series.items():
            paired = len(one.milliseconds) == len(series[base].milliseconds)
            times = one.against(series[base]) if paired else one.median / series[base].median
            figures[f"{title}: {name}"] = one.summary() | {"times": times}
            rows.append((name, one.median, min(one.milliseconds), times))
        measure.table(title, ("", "ms", "least ms", f"times {base}"), rows)
    print("\nnot installed:", ", ".join(missing) or "none")
    print("no 3D LUT to compare: OpenCV, kornia")
    measure.record(options.out, __doc__, {"figures": figures, "not installed": missing})


if __name__ == "__main__":
    main()
