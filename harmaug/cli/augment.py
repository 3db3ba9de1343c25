"""``harmaug augment``: composites of one photo, at its full size and bit depth."""

from __future__ import annotations

import argparse
from pathlib import Path

from harmaug.cli.arguments import Commands, add_command, add_output, add_sampling, number
from harmaug.cli.composites import Source, write_composites

_COLUMNS = 5  # of the contact sheet
_MEGAPIXELS = 100.0  # a float32 copy of such a photo takes 1.2 GB


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "augment",
        "make composites of a photo and its foreground mask",
        "  harmaug augment photo.jpg mask.png -o composites\n"
        "  harmaug augment photo.tiff mask.png -o composites -n 20 --seed 7 --sheet\n"
        "  harmaug augment photo.jpg mask.png -o composites --checkpoint retouch",
        "The composites are PNG files with the size, bit depth, transparency, colour profile and "
        "EXIF of the photo. Where the mask is 0, every pixel keeps its value.",
    )
    parser.add_argument("real", metavar="REAL", type=Path, help="the photo, with 8 or 16 bits")
    parser.add_argument(
        "mask", metavar="MASK", type=Path, help="its mask, of the same size: foreground is white"
    )
    add_output(parser)
    add_sampling(parser, n=8)
    parser.add_argument("--sheet", action="store_true", help="also write a contact sheet")
    parser.add_argument(
        "--size-limit",
        type=number,
        default=_MEGAPIXELS,
        metavar="MP",
        help=f"refuse a photo of more megapixels (default: {_MEGAPIXELS:g})",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from harmaug.io.photos import read_mask, read_photo

    photo = read_photo(options.real, options.size_limit)
    mask = read_mask(options.mask, options.size_limit)
    source = Source(options.real.stem, photo, mask, (options.real, options.mask))
    sheet = options.output / f"{source.name}_sheet.png" if options.sheet else None
    write_composites([source], options, sheet, _COLUMNS)
