"""Composites of photos as files, with a contact sheet: the work of ``augment`` and ``demo``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harmaug.cli.arguments import check_outputs

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from harmaug.inputs import Inputs
    from harmaug.io.photos import Photo


class Source(NamedTuple):
    """A photo to make composites of."""

    name: str  # the start of the composites' names
    photo: Photo
    mask: Tensor  # (H, W) in [0, 1]
    files: tuple[Path, ...] = ()  # of photo and mask, if they are the user's


def write_composites(
    sources: Sequence[Source], options: argparse.Namespace, sheet: Path | None, columns: int
) -> None:
    """Write composites of photos, each before the next one is made, and a sheet of them."""
    from torch import Generator
    from tqdm import tqdm

    from harmaug.augment import open_augmenter
    from harmaug.io.contact_sheet import thumbnail
    from harmaug.io.photos import write_photo

    paths = [numbered(options.output, source.name, options.n, ".png") for source in sources]
    files = [path for some in paths for path in some]
    inputs = [file for source in sources for file in source.files]
    check_outputs([*files, sheet] if sheet else files, options.force, inputs)
    aug = open_augmenter(options.checkpoint)
    admitted = [admit(source.photo, source.mask, *map(str, source.files)) for source in sources]

    options.output.mkdir(parents=True, exist_ok=True)
    generator = Generator().manual_seed(options.seed)
    cells = []
    with tqdm(total=len(files), disable=None) as progress:
        for (name, photo, *_), seen, some in zip(sources, admitted, paths, strict=True):
            mask = seen.mask[0, 0].mul(255).round().byte().numpy()
            cells.append((name if sources[1:] else "real", thumbnail(photo.pixels)))
            cells.append(("mask", thumbnail(mask)))
            amounts = {"strength": options.strength, "spatial": options.spatial}
            decision = aug.decide(seen, options.n, generator=generator, **amounts)
            for k, path in enumerate(some):
                composite = photo.recoloured(aug.recolour(decision.luts[:, k], seen)[0])
                write_photo(path, composite, overwrite=options.force)
                cells.append((f"composite {k + 1}", thumbnail(composite.pixels)))
                progress.update()
    if sheet:
        write_sheet(sheet, cells, columns)
    print(f"Wrote {len(files)} composites to {options.output}{f', and {sheet}' if sheet else ''}.")


def numbered(folder: Path, stem: str, n: int, suffix: str) -> list[Path]:
    """Return the paths ``folder/stem_1.suffix`` to n, with as many digits as n has."""
    return [folder / f"{stem}_{k:0{len(str(n))}d}{suffix}" for k in range(1, n + 1)]


def write_sheet(path: Path, cells: Sequence[tuple[str, Image.Image]], columns: int) -> None:
    from harmaug.io.atomic import atomic_write
    from harmaug.io.contact_sheet import contact_sheet

    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    with atomic_write(path) as temporary:
        contact_sheet(rows).save(temporary)


def admit(photo: Photo, mask: Tensor, real: str = "real", name: str = "mask") -> Inputs:
    """Return a photo and mask that passed the door and have a foreground and a background.

    Args:
        photo: the photo.
        mask: (H, W) in [0, 1].
        real: what messages call the photo.
        name: what messages call the mask.
    """
    from harmaug.inputs import check_inputs

    inputs = check_inputs(photo.tensor(), mask, names=(real, name))
    if not inputs.foreground[0]:
        raise ValueError(f"{name} is empty: it is 0 everywhere and marks no foreground.")
    if inputs.mask.min() == 1:
        raise ValueError(f"{name} is full: it is 1 everywhere and leaves no background.")
    return inputs
