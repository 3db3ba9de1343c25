"""The two evaluations, of an augmenter and of a harmonizer: read, measure, summarize and write."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.augmenter_report import augmenter_report, pair_rows
from harmaug.evaluation.figures import AugmenterEvaluation, summarize
from harmaug.evaluation.harmonizer import (
    HarmonizerEvaluation,
    find_predictions,
    score,
    summarize_scores,
)
from harmaug.evaluation.harmonizer_report import harmonizer_report
from harmaug.evaluation.measure import measure
from harmaug.evaluation.pairs import Scenes, look_like_cameras
from harmaug.evaluation.samplers import build_samplers, describe_samplers
from harmaug.io.tables import write_csv, write_json, write_text
from harmaug.recipes.transforms import read_transforms

AUGMENTER_FILES = ("figures.json", "pairs.csv", "report.html")
HARMONIZER_FILES = ("scores.json", "images.csv", "report.html")

_Path = str | os.PathLike[str]


def evaluate_augmenter(
    checkpoint: _Path,
    data: _Path,
    output: _Path,
    *,
    against: Sequence[_Path] = (),
    split: str | None = None,
    skip_missing: bool = False,
    image_size: int = 256,
    draws: int = 32,
    limit: int | None = None,
    baselines: bool = False,
    transforms: Sequence[_Path] = (),
    scenes: Scenes = "photo",
    seed: int = 0,
    overwrite: bool = False,
) -> AugmenterEvaluation:
    """Measure how the draws of a checkpoint agree with true composites.

    Args:
        checkpoint: name or path of the checkpoint.
        data: subset folder in the iHarmony4 layout, or a folder of them, with composites.
        output: folder to write `AUGMENTER_FILES` to.
        against: names or paths of other checkpoints, to compare with.
        split: take the composites that the lists ``<set>_<split>.txt`` name; None takes all.
        skip_missing: leave out listed composites whose files are absent instead of raising.
        image_size: pixels a side that the pairs are resized to.
        draws: number of draws for each pair.
        limit: take only so many pairs, spread evenly over the folder.
        baselines: compare with hand-made filters and with random mixtures of the LUT basis.
        transforms: ``.cube`` files, Hald images, ``.npz`` archives or folders of them; compare
            with random looks among these.
        scenes: what counts as one scene to the bootstrap, see `pairs.scene_of`.
        seed: of all that is drawn.
        overwrite: replace files of an earlier evaluation.

    Raises:
        FileExistsError: ``output`` holds an evaluation, and ``overwrite`` is False.
        FileNotFoundError: a file or folder is absent.
        ValueError: an argument is wrong, or no pair has a foreground.
    """
    paths = _output_paths(Path(output), AUGMENTER_FILES, overwrite)
    names = [os.fspath(name) for name in (checkpoint, *against)]
    augmenters = dict(zip(_labels(names), map(SycoNetAugment.from_pretrained, names), strict=True))
    aug = next(iter(augmenters.values()))
    folder = HarmonyFolder(data, split, composites=True, size=image_size, skip_missing=skip_missing)
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}.")
    if limit is not None and limit < len(folder):
        step = len(folder) / limit
        folder.items = [folder.items[int(number * step)] for number in range(limit)]
    _check_scenes(folder, scenes)
    looks = read_transforms([os.fspath(path) for path in transforms]).looks if transforms else None
    if transforms and looks is None:
        raise ValueError(f"{', '.join(map(str, transforms))}: no looks among these transforms.")

    samplers = build_samplers(augmenters, folder, baselines=baselines, looks=looks, seed=seed)
    measured = measure(aug.net, folder, samplers, draws, seed)
    found = AugmenterEvaluation(
        settings={
            "checkpoint": names[0],
            "data": os.fspath(data),
            "split": split,
            "size": image_size,
            "draws": draws,
            "limit": limit,
            "scenes": scenes,
            "seed": seed,
        },
        sha256=aug.card.get("sha256"),
        samplers=describe_samplers(samplers),
        skipped={"absent": len(folder.missing), "empty": len(folder) - len(measured.rows)},
        figures=summarize(measured, scenes, seed),
    )
    html = augmenter_report(aug, measured, found)
    _write(paths, vars(found), pair_rows(measured, scenes), html)
    return found


def evaluate_harmonizer(
    predictions: _Path,
    data: _Path,
    output: _Path,
    *,
    split: str | None = None,
    skip_missing: bool = False,
    image_size: int | None = 256,
    scenes: Scenes = "photo",
    seed: int = 0,
    overwrite: bool = False,
) -> HarmonizerEvaluation:
    """Score the predictions of a harmonizer beside the untouched composites.

    Args:
        predictions: folder that the harmonizer wrote, see `harmonizer.find_predictions`.
        data: subset folder in the iHarmony4 layout, or a folder of them, with composites.
        output: folder to write `HARMONIZER_FILES` to.
        split: take the composites that the lists ``<set>_<split>.txt`` name; None takes all.
        skip_missing: leave out composites whose files or predictions are absent.
        image_size: pixels a side that all pictures are resized to; None compares at the size of
            each photo.
        scenes: what counts as one scene to the bootstrap, see `pairs.scene_of`.
        seed: of the bootstrap.
        overwrite: replace files of an earlier evaluation.

    Raises:
        FileExistsError: ``output`` holds an evaluation, and ``overwrite`` is False.
        FileNotFoundError: a file or folder is absent.
        ImportError: torchmetrics is missing (extra ``eval``).
        ValueError: an argument is wrong, or sizes do not match.
    """
    paths = _output_paths(Path(output), HARMONIZER_FILES, overwrite)
    folder = HarmonyFolder(data, split, composites=True, skip_missing=skip_missing)
    pairs = find_predictions(predictions, folder.items, skip_missing=skip_missing)
    _check_scenes(folder, scenes)
    scores = score(pairs, image_size)
    found = HarmonizerEvaluation(
        settings={
            "predictions": os.fspath(predictions),
            "data": os.fspath(data),
            "split": split,
            "size": image_size,
            "scenes": scenes,
            "seed": seed,
            "missing": len(folder) - len(pairs),
        },
        figures=summarize_scores(scores, scenes, seed),
    )
    _write(paths, vars(found), [each.row() for each in scores], harmonizer_report(scores, found))
    return found


def _output_paths(output: Path, names: Sequence[str], overwrite: bool) -> list[Path]:
    """Return the files to write; raise before any work where they cannot be written."""
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"{output} is a file; name a folder to write to.")
    paths = [output / name for name in names]
    found = ", ".join(str(path) for path in paths if path.exists())
    if found and not overwrite:
        raise FileExistsError(
            f"{found}: choose another folder, or pass overwrite=True (--force) to replace."
        )
    return paths


def _labels(checkpoints: Sequence[str]) -> list[str]:
    """Return short names of checkpoints, or their paths where two short names are alike."""
    short = [Path(name).name.removesuffix(".safetensors") for name in checkpoints]
    return short if len(set(short)) == len(set(checkpoints)) else list(checkpoints)


def _check_scenes(folder: HarmonyFolder, scenes: Scenes) -> None:
    if look_like_cameras(folder.items) and scenes == "photo":
        warnings.warn(
            "these photos are named like those of a few static cameras; if they are, only scenes "
            "by prefix (--scenes prefix) give honest intervals.",
            stacklevel=3,
        )


def _write(paths: Sequence[Path], record: object, rows: Sequence[dict], html: str) -> None:
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    write_json(paths[0], record)
    write_csv(paths[1], rows)
    write_text(paths[2], html)
