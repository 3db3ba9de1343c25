"""Make the two pictures of README.md, from the packaged photos and checkpoints.

    python docs/readme_pictures.py

Run it when a checkpoint or the look of the sheet has changed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from PIL import Image

import harmaug
from harmaug.cli import main as command
from harmaug.data import demo_photos

STATIC = Path(__file__).with_name("_static")
WIDTH, GAP = 1328, 8
PHOTO, COMPOSITES, SEED = "coffee", 4, 3


def sheet() -> Image.Image:
    """Return the contact sheet of ``harmaug demo``."""
    with tempfile.TemporaryDirectory() as folder:
        command(["demo", "-o", folder])
        with Image.open(Path(folder) / "sheet.png") as picture:
            return picture.convert("RGB")


def strip() -> Image.Image:
    """Return one photo and composites of it, side by side."""
    photo, mask = next((photo, mask) for name, photo, mask in demo_photos() if name == PHOTO)
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    generator = torch.Generator().manual_seed(SEED)
    composites = aug.augment(photo.tensor(), mask, n=COMPOSITES, generator=generator)
    tiles = [photo.pixels, *(photo.recoloured(one).pixels for one in composites)]
    height, width = photo.pixels.shape[:2]
    picture = Image.new("RGB", (len(tiles) * (width + GAP) - GAP, height), "white")
    for column, tile in enumerate(tiles):
        picture.paste(Image.fromarray(tile), (column * (width + GAP), 0))
    return picture


def main() -> None:
    for name, picture in (("sheet.jpg", sheet()), ("strip.jpg", strip())):
        small = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
        small.save(STATIC / name, quality=88)
        print(f"wrote docs/_static/{name}")


if __name__ == "__main__":
    main()
