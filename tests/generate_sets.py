"""Small photos with masks to make sets of, and ways to look at what was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_photos(root, count=6, size=(48, 64), seed=0):
    """Noisy gradients as JPEG with an ellipse each, in the iHarmony4 layout."""
    draw = np.random.default_rng(seed)
    for folder in ("real_images", "masks"):
        (Path(root) / folder).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    for k in range(count):
        start, end = draw.uniform(0.1, 0.8, (2, 3))
        photo = start + (end - start) * x[..., None] + draw.normal(0, 0.03, (*size, 3))
        centre, radius = draw.uniform(0.3, 0.7, 2), draw.uniform(0.15, 0.3)
        disk = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        pixels = (photo.clip(0, 1) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(Path(root) / "real_images" / f"p{k}.jpg", quality=92)
        mask = (disk * 255).astype(np.uint8)
        Image.fromarray(mask).save(Path(root) / "masks" / f"p{k}_1.png")
    return Path(root)


def contents(folder):
    """Name -> bytes of all files of a set but what a run keeps for itself."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if ".harmaug" not in path.parts
    }
