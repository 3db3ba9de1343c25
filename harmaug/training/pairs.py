"""Pairs to train on: true composites read from folders, and composites made by recipes."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyFolder, listed_splits, subset_folders
from harmaug.recipes import Recipe, Retouch

_SMALLEST_FOREGROUND = 0.005  # of the frame; less holds too few colours to learn from
_FEWEST_PHOTOS = 10
_HELDOUT_SHARE = 0.1  # where no list says what is held out


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

    def names(self) -> list[int]:
        """A number for each row's photo, the same for the same pixels."""
        return [zlib.crc32(photo.numpy().tobytes()) for photo in self.real]

    def split(self, aside: set[int]) -> tuple[Images, Images]:
        """Two parts, the second of the photos of those names."""
        rows = torch.tensor([name in aside for name in self.names()], dtype=torch.bool)
        return self._at(~rows), self._at(rows)

    def _at(self, rows: Tensor) -> Images:
        composite = None if self.composite is None else self.composite[rows]
        return Images(self.real[rows], self.mask[rows], composite)


class PairSource:
    """Draws training pairs from photos through a recipe, and from true pairs.

    Args:
        photos: photos with masks, or None.
        pairs: true pairs, or None.
        recipe: makes composites of photos.
        pair_share: share of true pairs where there are both.
        jitter: chance that a photo is itself retouched first, or both of a true pair alike, so that
            few are many.
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
            parts.append(self._seen_by_another_camera(self.pairs.pairs(rows), generator))
        return Pairs(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def split(self, share: float) -> tuple[PairSource, PairSource | None]:
        """Two sources that have no photo in common, the second None where there are too few."""
        kinds, aside = (self.photos, self.pairs), set[int]()
        for images in kinds:
            names = [] if images is None else sorted(set(images.names()))
            aside |= set(names[: round(len(names) * share)])
        parts = [(None, None) if images is None else images.split(aside) for images in kinds]
        sources = []
        for side in (0, 1):
            photos, pairs = (part[side] or None for part in parts)  # no photos are None
            if photos is None and pairs is None:
                return self, None
            sources.append(PairSource(photos, pairs, self.recipe, self.pair_share, self.jitter))
        return sources[0], sources[1]

    def _make(self, count: int, generator: Generator) -> Pairs:
        assert self.photos is not None
        assert self.recipe is not None
        drawn = max(count, 2)  # recipes may take one photo's colours for another
        rows = torch.randint(len(self.photos), (drawn,), generator=generator)
        real, mask = self.photos.real[rows].float() / 255, self.photos.mask[rows].float()
        real = self._jittered(real, generator)
        composite = self.recipe(real, mask, generator)
        return Pairs(real[:count], mask[:count], composite[:count])

    def _seen_by_another_camera(self, pairs: Pairs, generator: Generator) -> Pairs:
        """The pairs, some of them with photo and composite retouched alike."""
        side_by_side = torch.cat((pairs.real, pairs.composite), 3)
        real, composite = self._jittered(side_by_side, generator).chunk(2, 3)
        return Pairs(real, pairs.mask, composite)

    def _jittered(self, images: Tensor, generator: Generator) -> Tensor:
        if not self.jitter:
            return images
        retouched = Retouch(strength=0.4)(images, torch.ones_like(images[:, :1]), generator)
        chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < self.jitter
        return torch.where(chosen, retouched, images)


def read_images(
    roots: Sequence[str | Path],
    size: int,
    *,
    skip_missing: bool = False,
    progress: bool = True,
) -> tuple[dict[str, Images], dict[str, Images]]:
    """Read folders in the iHarmony4 layout into memory, resized to ``size`` x ``size``.

    Where a subset has list files, ``train`` lists are learnt from and ``val`` and ``test`` lists
    held out. Of a subset without, and where no list holds anything out, a tenth of the photos is
    held out with all that is made of them, chosen by name and so the same ones every time.

    Args:
        roots: subset folders, or folders of subset folders.
        size: pixels a side.
        skip_missing: go on without samples whose files are absent.
        progress: show progress on a terminal.

    Returns:
        Images by subset name: to learn from, and held out.
    """
    folders = [folder for root in roots for folder in subset_folders(Path(root))]
    parts = [part for folder in folders for part in _parts(folder, size, skip_missing)]
    if not any(part.heldout for part in parts):
        parts = [_split_by_name(part.folder) for part in parts]
    photos = {part.folder.items[row].real for part in parts for row in part.learnt}
    if len(photos) < _FEWEST_PHOTOS:
        raise ValueError(
            f"{', '.join(map(str, roots))}: {len(photos)} photos to learn from are too few, "
            f"expected at least {_FEWEST_PHOTOS} besides those held out."
        )
    learnt: dict[str, Images] = {}
    heldout: dict[str, Images] = {}
    for part in parts:
        for rows, into in ((part.learnt, learnt), (part.heldout, heldout)):
            images = _read(part.folder, rows, progress)
            if images is not None:
                name = part.folder.root.name
                into[name] = _joined(into[name], images) if name in into else images
    return learnt, heldout


def merge(parts: Sequence[Images]) -> Images | None:
    """One subset of several of a kind; None of none."""
    if not parts:
        return None
    real, mask, composite = zip(*parts, strict=True)
    made = None if composite[0] is None else torch.cat(composite)
    return Images(torch.cat(real), torch.cat(mask), made)


def _joined(first: Images, second: Images) -> Images:
    if (first.composite is None) != (second.composite is None):
        raise ValueError(
            "two subset folders have one name, and only one of them has composites; rename one."
        )
    joined = merge([first, second])
    assert joined is not None
    return joined


class _Part(NamedTuple):
    """A subset, or one list of it, and which of its rows are learnt from and held out."""

    folder: HarmonyFolder
    learnt: list[int]
    heldout: list[int]


def _parts(folder: Path, size: int, skip_missing: bool) -> Iterator[_Part]:
    splits = listed_splits(folder)
    for split in splits:
        listed = HarmonyFolder(folder, split, size=size, skip_missing=skip_missing)
        rows = list(range(len(listed)))
        yield _Part(listed, rows, []) if split == "train" else _Part(listed, [], rows)
    if not splits:
        yield _split_by_name(HarmonyFolder(folder, size=size, skip_missing=skip_missing))


def _split_by_name(folder: HarmonyFolder) -> _Part:
    names = sorted({item.real.name for item in folder.items}, key=lambda n: zlib.crc32(n.encode()))
    aside = set(names[: max(round(len(names) * _HELDOUT_SHARE), 1)])
    rows: tuple[list[int], list[int]] = [], []
    for row, item in enumerate(folder.items):
        rows[item.real.name in aside].append(row)
    return _Part(folder, *rows)


def _read(folder: HarmonyFolder, rows: list[int], progress: bool) -> Images | None:
    """The rows whose foreground is large enough; None of none."""
    columns: dict[str, list[Tensor]] = {"real": [], "mask": [], "composite": []}
    show = None if progress and rows else True
    for row in tqdm(rows, desc=f"read {folder.root.name}", disable=show):
        item = folder[row]
        mask = item["mask"] >= 0.5
        if mask.float().mean() >= _SMALLEST_FOREGROUND:
            columns["mask"].append(mask)
            for key in ("real", "composite"):
                if key in item:
                    columns[key].append((item[key] * 255).round().to(torch.uint8))
    if not columns["mask"]:
        return None
    composite = torch.stack(columns["composite"]) if columns["composite"] else None
    return Images(torch.stack(columns["real"]), torch.stack(columns["mask"]), composite)
