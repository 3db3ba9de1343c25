"""``harmaug luts``: the LUT basis of a checkpoint as files and as one picture."""

from __future__ import annotations

import argparse

from harmaug.cli.arguments import Commands, add_command, add_output, check_outputs
from harmaug.cli.composites import numbered, write_sheet

_COLUMNS = 6


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "luts",
        "write the LUT basis of a checkpoint as .cube files and a picture",
        "  harmaug luts unified -o basis",
        "The picture shows a photo and a colour chart through each LUT.",
    )
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="name or path of a checkpoint")
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import numpy as np
    import torch

    from harmaug.augment import SycoNetAugment
    from harmaug.cli.chart import colour_chart
    from harmaug.data.demo import demo_photos
    from harmaug.io.contact_sheet import thumbnail
    from harmaug.lut import apply_lut, write_cube

    basis = SycoNetAugment.from_pretrained(options.checkpoint).basis.detach().cpu()
    paths = numbered(options.output, "lut", len(basis), ".cube")
    sheet = options.output / "luts.png"
    check_outputs([*paths, sheet], options.force)

    photo = next(photo for name, photo, _ in demo_photos() if name == "astronaut")
    picture = np.asarray(thumbnail(photo.pixels, 200))
    picture = np.concatenate((picture, colour_chart(60, picture.shape[1])))
    pixels = torch.from_numpy(picture).permute(2, 0, 1)
    cells = [("unchanged", thumbnail(picture, 260))]
    options.output.mkdir(parents=True, exist_ok=True)
    for path, lut in zip(paths, basis, strict=True):
        write_cube(path, lut, title=path.stem)
        cells.append((path.stem, thumbnail(apply_lut(pixels, lut).permute(1, 2, 0).numpy(), 260)))
    write_sheet(sheet, cells, _COLUMNS)
    print(f"Wrote {len(basis)} LUTs to {options.output}, and {sheet}.")
