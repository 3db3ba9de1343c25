"""Data of a training: folders read into memory, what is held out, and what recipes need."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.data import (
    HarmonyFolder,
    Timelapse,
    listed_splits,
    read_scenes,
    scene_folders,
    subset_folders,
)
from harmaug.recipes import Transforms, Transplant, build_recipe, read_transforms
from harmaug.training.config import TIMELAPSE, TrainConfig
from harmaug.training.heldout import make_heldout
from harmaug.training.net import read_basis
from harmaug.training.pairs import Images, Pairs, PairSource, merge

_SMALLEST_FOREGROUND = 0.005  # of the frame; less holds too few colours to learn from
_FEWEST = 10  # photos to learn from
_HELDOUT_SHARE = 0.1  # where no list says what is held out
_FITTED_AT_ONCE = 64  # pairs, to bound memory

_Part = tuple[HarmonyFolder, list[int], list[int]]  # rows to learn from, rows held out


def read_data(
    config: TrainConfig, progress: bool = True
) -> tuple[PairSource, dict[str, Pairs], dict[str, int]]:
    """Return what to learn from, held-out pairs by kind, and the number of samples by subset.

    The settings are complete. ``progress`` shows bars on a terminal.
    """
    aligned, others = config.roots()
    scenes, scenes_aside = _read_aligned(config, aligned, progress)
    learnt: dict[str, Images] = {}
    aside: dict[str, Images] = {}
    if others:
        learnt, aside = read_subsets(
            others, config.image_size, skip_missing=config.skip_missing, progress=progress
        )
    transforms, transforms_aside = Transforms(), Transforms()
    if config.transforms:
        transforms, transforms_aside = read_transforms(config.transforms).split()
    shares = {name: share for name, share in config.recipes.items() if name != TIMELAPSE}
    pairs, photos, transplant = _by_use(config, learnt, progress)
    _, photos_aside, transplant_aside = _by_use(config, aside, progress)
    if shares and photos is None:
        if scenes is None:
            raise ValueError(
                f"recipes need photos without composites, and {', '.join(config.data)} has none; "
                "leave the recipes out, or name transplant."
            )
        photos, photos_aside = _frames(scenes), _frames(scenes_aside)
    recipe = build_recipe(shares, transforms, transplant) if shares else None
    lapsed = config.recipes.get(TIMELAPSE, 0.0) / (sum(config.recipes.values()) or 1.0)
    source = PairSource(photos, pairs, recipe, config.pair_share, config.jitter, scenes, lapsed)
    kinds = {
        # If no pair is held out, held-out photos get the changes of training pairs.
        name: build_recipe({name: 1.0}, transforms_aside, transplant_aside or transplant)
        for name in shares
    }
    true = {name: images for name, images in aside.items() if images.composite is not None}
    generator = config.generator("heldout")
    heldout = make_heldout(photos_aside, kinds, true, config.heldout_pairs, generator, scenes_aside)
    if not heldout:
        raise ValueError(
            f"nothing of {', '.join(config.data)} is held out to measure on; add photos, or "
            "name some in a list file <set>_val.txt."
        )
    samples = {name: len(images) for name, images in learnt.items()}
    return source, heldout, samples | (dict(scenes.places) if scenes else {})


def _read_aligned(
    config: TrainConfig, roots: Sequence[Path], progress: bool
) -> tuple[Timelapse | None, Timelapse | None]:
    """Return aligned frames to learn from, and held out; None where there are none."""
    wanted, given = TIMELAPSE in config.recipes, ", ".join(map(str, roots))
    if roots and not wanted:
        raise ValueError(
            f"{given} holds aligned frames, which the recipe {TIMELAPSE} takes; add "
            f"{TIMELAPSE}=SHARE to the recipes, or leave the folder out."
        )
    if wanted and not roots:
        raise ValueError(
            f"the recipe {TIMELAPSE!r} needs aligned frames, <scene>/<frame>.jpg, and "
            f"{', '.join(config.data)} has none."
        )
    if not roots:
        return None, None
    folders = [folder for root in roots for folder in scene_folders(root)]
    scenes = Timelapse(read_scenes(folders, config.image_size, progress=progress))
    learnt, aside = scenes.split(_HELDOUT_SHARE)
    _check_enough(roots, len(learnt), "aligned frames")
    return learnt, aside


def _frames(scenes: Timelapse | None) -> Images | None:
    """Return as many photos with masks as there are frames."""
    if scenes is None:
        return None
    real, mask, _ = scenes.draw(len(scenes), torch.Generator().manual_seed(0))
    return Images((real * 255).round().to(torch.uint8), mask > 0, None)


def read_subsets(
    roots: Sequence[str | Path], size: int, *, skip_missing: bool = False, progress: bool = True
) -> tuple[dict[str, Images], dict[str, Images]]:
    """Read folders in the iHarmony4 layout into memory, resized to ``size`` x ``size``.

    If a subset has list files, its ``train`` list is learnt from, and its ``val`` and ``test``
    lists are held out. If it has none, or no list holds anything out, a tenth of the photos is held
    out with all their composites. They are chosen by their names, so they are always the same.

    Returns:
        Images by the name of their subset: to learn from, and held out.
    """
    folders = [folder for root in roots for folder in subset_folders(Path(root))]
    parts = [part for folder in folders for part in _parts(folder, size, skip_missing)]
    if not any(heldout for _, _, heldout in parts):
        parts = [_split_by_name(folder) for folder, _, _ in parts]
    photos = {folder.items[row].real for folder, rows, _ in parts for row in rows}
    _check_enough(roots, len(photos), "photos")
    learnt = _read([(folder, rows) for folder, rows, _ in parts], progress)
    _check_enough(roots, sum(map(len, learnt.values())), "foregrounds of 0.5 percent or more")
    return learnt, _read([(folder, rows) for folder, _, rows in parts], progress)


def _check_enough(roots: Sequence[str | Path], count: int, what: str) -> None:
    if count < _FEWEST:
        raise ValueError(
            f"{', '.join(map(str, roots))}: {count} {what} to learn from are too few, expected at "
            f"least {_FEWEST} besides those held out."
        )


def _parts(folder: Path, size: int, skip_missing: bool) -> Iterator[_Part]:
    """Yield a subset, or each list of it."""
    splits = listed_splits(folder)
    for split in splits:
        listed = HarmonyFolder(folder, split, size=size, skip_missing=skip_missing)
        rows = list(range(len(listed)))
        yield (listed, rows, []) if split == "train" else (listed, [], rows)
    if not splits:
        yield _split_by_name(HarmonyFolder(folder, size=size, skip_missing=skip_missing))


def _split_by_name(folder: HarmonyFolder) -> _Part:
    names = sorted({item.real.name for item in folder.items}, key=lambda n: zlib.crc32(n.encode()))
    aside = set(names[: max(round(len(names) * _HELDOUT_SHARE), 1)])
    rows: tuple[list[int], list[int]] = [], []
    for row, item in enumerate(folder.items):
        rows[item.real.name in aside].append(row)
    return (folder, *rows)


def _read(parts: list[tuple[HarmonyFolder, list[int]]], progress: bool) -> dict[str, Images]:
    """Return the rows of each subset whose foreground is large enough."""
    found: dict[str, list[Images]] = {}
    for folder, rows in parts:
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
        if columns["mask"]:
            made = torch.stack(columns["composite"]) if columns["composite"] else None
            images = Images(torch.stack(columns["real"]), torch.stack(columns["mask"]), made)
            found.setdefault(folder.root.name, []).append(images)
    for name, same in found.items():
        if len({images.composite is None for images in same}) > 1:
            raise ValueError(
                f"two subset folders are named {name} and only one of them has composites; "
                "rename one."
            )
    return {name: merge(images) for name, images in found.items()}


def _by_use(
    config: TrainConfig, subsets: Mapping[str, Images], progress: bool
) -> tuple[Images | None, Images | None, Transplant | None]:
    """Return true pairs, photos for recipes, and the transplants of the pairs if wanted."""
    true = [part for part in subsets.values() if part.composite is not None]
    photos = [part for part in subsets.values() if part.composite is None]
    pairs, transplant = merge(true) if true else None, None
    parts = [name.split("+") for name in config.recipes]
    if pairs is not None and any("transplant" in names for names in parts):
        transplant = _fit_transplant(config, pairs, progress)
        photos.append(Images(pairs.real, pairs.mask, None))
    return pairs, merge(photos) if photos else None, transplant


@torch.no_grad()
def _fit_transplant(config: TrainConfig, pairs: Images, progress: bool) -> Transplant:
    basis, corners = read_basis(config), bool(config.spatial)
    chunks = torch.arange(len(pairs)).split(_FITTED_AT_ONCE)
    bar = tqdm(chunks, desc="fit transplants", disable=None if progress else True)
    parts = [Transplant.fit(basis, *pairs.pairs(rows), corners=corners) for rows in bar]
    weights, gains = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("weights", "gains")
    )
    return Transplant(weights, gains, basis)
