"""``harmaug augment``: composites of one photo, at its full size and bit depth."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harmaug.cli.arguments import (
    Commands,
    add_command,
    add_output,
    add_sampling,
    check_absent,
    load_augmenter,
    megapixels,
)

if TYPE_CHECKING:
    from PIL import Image
    from torch import Generator, Tensor

    from harmaug.augment import SycoNetAugment
    from harmaug.io.photos import Photo

_COLUMNS = 5  # of the contact sheet
_MEGAPIXELS = 100.0  # float32 copies of a photo that large take 1.2 GB each


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "augment",
        "make composites of a photo and its foreground mask",
        "  harmaug augment photo.jpg mask.png -o composites\n"
        "  harmaug augment photo.tiff mask.png -n 20 -o composites --sheet --seed 7",
        "Writes PNG files with the size, bit depth, transparency, colour profile and EXIF of the "
        "photo. Where the mask is 0 every pixel keeps its value.",
    )
    parser.add_argument("real", metavar="REAL", type=Path, help="the photo, 8 or 16 bits")
    parser.add_argument(
        "mask", metavar="MASK", type=Path, help="its foreground, white on black; of its size"
    )
    add_output(parser)
    add_sampling(parser, n=8)
    parser.add_argument("--sheet", action="store_true", help="also write a contact sheet")
    parser.add_argument(
        "--size-limit",
        type=megapixels,
        default=_MEGAPIXELS,
        metavar="MP",
        help=f"refuse photos of more megapixels than this (default: {_MEGAPIXELS:g})",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from torch import Generator
    from tqdm import tqdm

    from harmaug.io.atomic import atomic_write
    from harmaug.io.contact_sheet import contact_sheet, thumbnail
    from harmaug.io.photos import read_mask, read_photo, write_photo

    stem, digits = options.real.stem, len(str(options.n))
    paths = [options.output / f"{stem}_{k:0{digits}d}.png" for k in range(1, options.n + 1)]
    sheet = options.output / f"{stem}_sheet.png"
    photo = read_photo(options.real, options.size_limit)
    mask = read_mask(options.mask, options.size_limit)
    _check_mask(mask, photo, options)
    check_absent([*paths, sheet] if options.sheet else paths, options.force)
    augmenter = load_augmenter(options.checkpoint)

    options.output.mkdir(parents=True, exist_ok=True)
    row = [("real", thumbnail(photo.pixels)), ("mask", mask_thumbnail(mask))]
    generator = Generator().manual_seed(options.seed)
    results = composites(augmenter, photo, mask, options.n, generator, options.strength)
    progress = tqdm(results, total=options.n, disable=None)
    for k, (path, composite) in enumerate(zip(paths, progress, strict=True), start=1):
        write_photo(path, composite, overwrite=options.force)
        row.append((f"composite {k}", thumbnail(composite.pixels)))
    print(f"Wrote {options.n} composites to {options.output}.")
    if options.sheet:
        rows = [row[start : start + _COLUMNS] for start in range(0, len(row), _COLUMNS)]
        with atomic_write(sheet) as temporary:
            contact_sheet(rows).save(temporary)
        print(f"Wrote {sheet}.")


def composites(
    augmenter: SycoNetAugment,
    photo: Photo,
    mask: Tensor,
    n: int,
    generator: Generator,
    strength: float,
) -> Iterator[Photo]:
    """n composites of one photo, one at a time so that only one is held in memory.

    Args:
        mask: (H, W), in [0, 1].
    """
    from harmaug.lut import composite_lut

    real = photo.tensor()
    for lut in augmenter.sample(real, mask, n, generator=generator, strength=strength):
        yield photo.recoloured(composite_lut(real, mask, lut))


def mask_thumbnail(mask: Tensor) -> Image.Image:
    from harmaug.io.contact_sheet import thumbnail

    return thumbnail(mask.mul(255).round().byte().numpy())


def _check_mask(mask: Tensor, photo: Photo, options: argparse.Namespace) -> None:
    height, width = photo.pixels.shape[:2]
    if tuple(mask.shape) != (height, width):
        raise ValueError(
            f"the mask must have the size of the photo: {options.mask} is {mask.shape[1]} x "
            f"{mask.shape[0]} pixels, {options.real} is {width} x {height}."
        )
    if mask.max() == 0:
        raise ValueError(f"{options.mask} is empty: it is 0 everywhere and marks no foreground.")
    if mask.min() == 1:
        raise ValueError(f"{options.mask} is full: it is 1 everywhere and leaves no background.")
