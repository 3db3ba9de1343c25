"""Pairs to train on: true composites read from folders, and composites made by recipes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyFolder
from harmaug.data.recipes import Recipe, Retouch

_SMALLEST_FOREGROUND = 0.005  # of the frame; less holds too few colours to learn from


class Pairs(NamedTuple):
    """Photos, masks and composites.

    Attributes:
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W), 0 or 1.
        composite: (B, 3, H, W) in [0, 1].
    """

    real: Tensor
    mask: Tensor
    composite: Tensor


class Images(NamedTuple):
    """Photos and masks of one subset in memory, 8 bit.

    Attributes:
        real: (N, 3, S, S) uint8.
        mask: (N, 1, S, S) bool.
        composite: (N, 3, S, S) uint8, or None for photos without composites.
    """

    real: Tensor
    mask: Tensor
    composite: Tensor | None

    def __len__(self) -> int:
        return len(self.real)

    def pairs(self, rows: Tensor) -> Pairs:
        """The true pairs at those rows."""
        assert self.composite is not None
        real, composite = (values[rows].float() / 255 for values in (self.real, self.composite))
        return Pairs(real, self.mask[rows].float(), composite)


class PairSource:
    """Draws training pairs from photos through a recipe, and from true pairs.

    Args:
        photos: photos with masks, or None.
        pairs: true pairs, or None.
        recipe: makes composites of photos.
        pair_share: share of true pairs where there are both.
        jitter: chance that a photo is itself retouched first, so that few photos are many.
    """

    def __init__(
        self,
        photos: Images | None,
        pairs: Images | None,
        recipe: Recipe | None,
        pair_share: float = 0.1,
        jitter: float = 0.5,
    ) -> None:
        if photos is None and pairs is None:
            raise ValueError("there is nothing to train on: neither photos nor true pairs.")
        if photos is not None and recipe is None:
            raise ValueError("photos without composites need a recipe to make composites with.")
        self.photos, self.pairs, self.recipe = photos, pairs, recipe
        self.pair_share = 0.0 if pairs is None else 1.0 if photos is None else pair_share
        self.jitter = jitter

    def draw(self, count: int, generator: Generator) -> Pairs:
        """A batch of ``count`` pairs."""
        true = round(count * self.pair_share)
        parts: list[Pairs] = []
        if self.photos is not None and count > true:
            parts.append(self._make(count - true, generator))
        if self.pairs is not None and true:
            rows = torch.randint(len(self.pairs), (true,), generator=generator)
            parts.append(self.pairs.pairs(rows))
        return Pairs(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _make(self, count: int, generator: Generator) -> Pairs:
        assert self.photos is not None
        assert self.recipe is not None
        rows = torch.randint(len(self.photos), (count,), generator=generator)
        real, mask = self.photos.real[rows].float() / 255, self.photos.mask[rows].float()
        if self.jitter:
            retouched = Retouch(strength=0.5)(real, torch.ones_like(mask), generator)
            chosen = torch.rand(count, 1, 1, 1, generator=generator) < self.jitter
            real = torch.where(chosen, retouched, real)
        return Pairs(real, mask, self.recipe(real, mask, generator))


def read_images(
    roots: Sequence[str | Path], size: int, heldout_share: float = 0.1
) -> tuple[dict[str, Images], dict[str, Images]]:
    """Read folders in the iHarmony4 layout into memory, resized to ``size`` x ``size``.

    Where a folder has list files, ``train`` lists are learnt from and ``val`` and ``test`` lists
    held out. Where it has none, a share of the photos is held out with all that is made of them,
    chosen by name and so the same ones every time.

    Returns:
        Images by subset name: to learn from, and held out.
    """
    learnt: dict[str, Images] = {}
    heldout: dict[str, Images] = {}
    for root in map(Path, roots):
        if any(root.glob("*.txt")) or any(root.glob("*/*.txt")):
            for split, into in (("train", learnt), ("val", heldout), ("test", heldout)):
                if any(root.glob(f"*{split}.txt")) or any(root.glob(f"*/*{split}.txt")):
                    folder = HarmonyFolder(root, split, size=size)
                    into |= _read(folder, range(len(folder)))
        else:
            folder = HarmonyFolder(root, size=size)
            scores = [zlib.crc32(item.real.stem.encode()) / 2**32 for item in folder.items]
            learnt |= _read(folder, [i for i, s in enumerate(scores) if s >= heldout_share])
            heldout |= _read(folder, [i for i, s in enumerate(scores) if s < heldout_share])
    return learnt, heldout


def merge(parts: Sequence[Images]) -> Images | None:
    """One subset of several of a kind; None of none."""
    if not parts:
        return None
    real, mask, composite = zip(*parts, strict=True)
    made = None if composite[0] is None else torch.cat(composite)
    return Images(torch.cat(real), torch.cat(mask), made)


def _take(images: Images, rows: Tensor) -> Images:
    composite = None if images.composite is None else images.composite[rows]
    return Images(images.real[rows], images.mask[rows], composite)


def _read(folder: HarmonyFolder, rows: Sequence[int]) -> dict[str, Images]:
    subsets: dict[str, list[dict[str, Any]]] = {}
    for row in tqdm(rows, desc=f"read {folder.root.name}", disable=None):
        item = folder[row]
        subsets.setdefault(item["subset"], []).append(item)
    stacked = {name: _stack(items) for name, items in subsets.items()}
    return {name: images for name, images in stacked.items() if len(images)}


def _stack(items: list[dict[str, Any]]) -> Images:
    def bytes_of(key: str) -> Tensor:
        return torch.stack([(item[key] * 255).round().to(torch.uint8) for item in items])

    mask = torch.stack([item["mask"] >= 0.5 for item in items])
    composite = bytes_of("composite") if "composite" in items[0] else None
    enough = mask.float().mean((1, 2, 3)) >= _SMALLEST_FOREGROUND
    return _take(Images(bytes_of("real"), mask, composite), enough)
