"""Photos and pairs in memory, 8 bit at one size, read once and kept on disk for all jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyFolder
from harmaug.io.atomic import atomic_write

SIZE = 128  # pixels a side that harmonizers are tested at
_SMALLEST = 0.01  # of the frame; a smaller foreground is a few pixels of a thumbnail


@dataclass(frozen=True)
class Photos:
    """Photos with masks, and composites where there are any.

    Attributes:
        real: (N, 3, S, S) uint8.
        mask: (N, 1, S, S) bool.
        composite: (N, 3, S, S) uint8, or None.
        names: file names.
    """

    real: Tensor
    mask: Tensor
    composite: Tensor | None
    names: list[str]

    def __len__(self) -> int:
        return len(self.real)

    def take(self, rows: Sequence[int] | Tensor) -> Photos:
        """Return the photos of some rows."""
        rows = torch.as_tensor(rows, dtype=torch.int64)
        composite = None if self.composite is None else self.composite[rows]
        names = [self.names[row] for row in rows.tolist()]
        return Photos(self.real[rows], self.mask[rows], composite, names)

    def digest(self) -> str:
        """Return sixteen hexadecimal digits that depend on every pixel."""
        found = hashlib.sha256()
        for values in (self.real, self.mask, self.composite):
            if values is not None:
                found.update(values.numpy().tobytes())
        return found.hexdigest()[:16]


def read(
    folders: Sequence[Path], split: str | None, cache: Path, smallest: float = _SMALLEST
) -> Photos:
    """Return all samples of a split, except those with a small foreground or none.

    Args:
        folders: subset folders in the iHarmony4 layout, all with composites or all without.
        split: "train", "val", "test", or None for all files.
        cache: folder that keeps what was read.
        smallest: share of the frame that a foreground must have (default: 1 %).
    """
    subsets = [HarmonyFolder(folder, split, size=SIZE) for folder in folders]
    listed = "\n".join(f"{item.subset}/{item.name}" for one in subsets for item in one.items)
    key = hashlib.sha256(f"{SIZE} {smallest}\n{listed}".encode()).hexdigest()[:16]
    kept = cache / f"photos-{key}.npz"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        arrays = _decode(subsets, smallest)
        with atomic_write(kept) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    with np.load(kept) as archive:
        composite = archive["composite"]
        return Photos(
            torch.from_numpy(archive["real"]),
            torch.from_numpy(archive["mask"]),
            torch.from_numpy(composite) if len(composite) else None,
            archive["names"].tolist(),
        )


def _decode(subsets: Sequence[HarmonyFolder], smallest: float) -> dict[str, np.ndarray]:
    columns: dict[str, list[np.ndarray]] = {"real": [], "mask": [], "composite": []}
    names = []
    for folder in subsets:
        for row in tqdm(range(len(folder)), desc=f"read {folder.root.name}", disable=None):
            sample = folder[row]
            mask = sample["mask"] >= 0.5
            if not mask.any() or mask.float().mean() < smallest:
                continue
            names.append(sample["name"])
            columns["mask"].append(mask.numpy())
            for key in sample.keys() & {"real", "composite"}:
                columns[key].append((sample[key] * 255).round().byte().numpy())
    arrays = {key: np.stack(values) if values else np.empty(0) for key, values in columns.items()}
    return arrays | {"names": np.array(names)}


def picture(image: Tensor) -> Image.Image:
    """Return the picture of values (1 or 3, H, W), uint8."""
    values = image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()
    return Image.fromarray(np.ascontiguousarray(values))
