"""``harmaug demo``: composites of the packaged photos, and a sheet of them."""

from __future__ import annotations

import argparse

from harmaug.cli.arguments import (
    Commands,
    add_command,
    add_output,
    add_sampling,
    check_absent,
    load_augmenter,
)
from harmaug.cli.augment import composites, mask_thumbnail


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "demo",
        "turn the packaged photos into composites and a contact sheet",
        "  harmaug demo\n  harmaug demo -n 10 --seed 7 -o more",
    )
    add_output(parser, default="harmaug-demo")
    add_sampling(parser, n=6)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from torch import Generator
    from tqdm import tqdm

    from harmaug.data.demo import demo_photos
    from harmaug.io.atomic import atomic_write
    from harmaug.io.contact_sheet import contact_sheet, thumbnail
    from harmaug.io.photos import write_photo

    photos = list(demo_photos())
    sheet = options.output / "sheet.png"
    digits = len(str(options.n))
    paths = {
        name: [options.output / f"{name}_{k:0{digits}d}.png" for k in range(1, options.n + 1)]
        for name, _, _ in photos
    }
    check_absent([sheet, *(path for some in paths.values() for path in some)], options.force)
    augmenter = load_augmenter(options.checkpoint)

    options.output.mkdir(parents=True, exist_ok=True)
    generator = Generator().manual_seed(options.seed)
    rows = []
    for name, photo, mask in tqdm(photos, disable=None):
        row = [(name, thumbnail(photo.pixels)), ("mask", mask_thumbnail(mask))]
        results = composites(augmenter, photo, mask, options.n, generator, options.strength)
        for k, (path, composite) in enumerate(zip(paths[name], results, strict=True), start=1):
            write_photo(path, composite, overwrite=options.force)
            row.append((f"composite {k}", thumbnail(composite.pixels)))
        rows.append(row)
    with atomic_write(sheet) as temporary:
        contact_sheet(rows).save(temporary)
    print(f"Wrote {options.n * len(photos)} composites and {sheet}.")
