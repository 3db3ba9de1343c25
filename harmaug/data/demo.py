"""Demo photos that come with the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from harmaug.io.photos import Photo, read_mask, read_photo

_FOLDER = Path(__file__).with_name("photos")


def demo_photos() -> Iterator[tuple[str, Photo, Tensor]]:
    """Yield name, photo and mask (H, W) of the demo photos, of at most 512 pixels a side.

    ``data/photos/CREDITS.md`` names the author and the terms of each.
    """
    for path in sorted(_FOLDER.glob("*.jpg")):
        yield path.stem, read_photo(path), read_mask(path.with_name(f"{path.stem}_mask.png"))
