"""Scores of a harmonizer's predictions: every metric an image, beside the untouched composite."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyItem
from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap
from harmaug.evaluation.figures import OVERALL
from harmaug.evaluation.metrics import all_metrics, foreground_ratio
from harmaug.evaluation.pairs import Scenes, scene_of
from harmaug.io.photos import read_mask, read_photo
from harmaug.io.pixels import to_8_bits

METRICS = ("MSE", "fMSE", "PSNR", "fPSNR", "SSIM", "fSSIM")
# Foreground ratios that the field reports apart (Cong et al., 2020).
BINS = {"0-5 %": (0.0, 0.05), "5-15 %": (0.05, 0.15), "15-100 %": (0.15, 1.0)}
_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_NAMED = 3  # missing files that an error names


class Images(NamedTuple):
    """The pictures of one prediction, of one size."""

    real: Tensor  # (1, 3, H, W) uint8
    mask: Tensor  # (1, 1, H, W) in [0, 1]
    composite: Tensor  # (1, 3, H, W) uint8
    prediction: Tensor  # (1, 3, H, W) uint8


class ImageScores(NamedTuple):
    """Metrics of one prediction and of its untouched composite."""

    item: HarmonyItem
    path: Path  # of the prediction
    ratio: float  # share of the frame that is foreground
    prediction: dict[str, float]  # by metric
    composite: dict[str, float]

    def row(self) -> dict[str, Any]:
        """Return a row of a CSV file."""
        row = {"subset": self.item.subset, "name": self.item.name, "foreground": self.ratio}
        return row | self.prediction | {f"composite {m}": v for m, v in self.composite.items()}


class GroupScores(TypedDict):
    """Mean metrics of a group of images; those of the foreground leave out empty masks."""

    images: int
    scenes: int
    prediction: dict[str, Estimate]  # by metric
    composite: dict[str, Estimate]
    worse: Estimate  # share of images whose MSE is larger than that of the composite


@dataclass(frozen=True)
class HarmonizerEvaluation:
    """The record of one evaluation of a harmonizer: the content of ``scores.json``."""

    settings: dict[str, Any]  # and "missing": number of composites without a prediction
    figures: dict[str, GroupScores]  # over all, by subset, by foreground ratio


def find_predictions(
    root: str | os.PathLike[str], items: Sequence[HarmonyItem], *, skip_missing: bool = False
) -> list[tuple[HarmonyItem, Path]]:
    """Pair composites with predictions of the same name, whatever their suffix.

    Predictions may lie in one folder or in any folders below it. Those in a folder named like a
    subset belong to that subset.

    Args:
        root: the folder that the harmonizer wrote.
        items: the composites.
        skip_missing: leave out composites without a prediction instead of raising.

    Raises:
        FileNotFoundError: predictions are missing.
        ValueError: a composite has several predictions, or a prediction fits several composites.
    """
    root = Path(root)
    files = _image_files(root, {item.subset for item in items})
    found: dict[Path, HarmonyItem] = {}
    missing: list[HarmonyItem] = []
    for item in items:
        assert item.composite is not None
        stem = item.composite.stem
        paths = files.get((item.subset, stem)) or files.get((None, stem))
        if paths is None:
            missing.append(item)
            continue
        if len(paths) > 1:
            names = ", ".join(str(path.relative_to(root)) for path in paths)
            raise ValueError(f"{_name(item)} has several predictions: {names}; keep one of them.")
        if paths[0] in found:
            raise ValueError(
                f"{paths[0]} could be the prediction for {_name(found[paths[0]])} and for "
                f"{_name(item)}; sort predictions into folders named like the subsets."
            )
        found[paths[0]] = item
    if not missing or (skip_missing and found):
        return [(item, path) for path, item in found.items()]
    shown = ", ".join(map(_name, missing[:_NAMED])) + (", ..." if missing[_NAMED:] else "")
    advice = "name a split, or pass skip_missing=True (--skip-missing) to leave them out"
    if not found:
        example = next(iter(files.values()))[0].relative_to(root)
        advice = f"predictions are named like the composites, and there is {example}"
    raise FileNotFoundError(
        f"{len(missing)} of {len(items)} composites have no prediction in {root} ({shown}); "
        f"{advice}."
    )


def score(
    predictions: Sequence[tuple[HarmonyItem, Path]], size: int | None = 256
) -> list[ImageScores]:
    """Score predictions as the field does, at ``(size, size)`` or the size of each photo."""
    scores = []
    for item, path in tqdm(predictions, desc="score", unit="image", disable=None):
        real, mask, composite, predicted = read_images(item, path, size)
        found = [
            {name: value.item() for name, value in all_metrics(image, real, mask).items()}
            for image in (predicted, composite)
        ]
        scores.append(ImageScores(item, path, foreground_ratio(mask).item(), *found))
    return scores


def summarize_scores(
    scores: Sequence[ImageScores], scenes: Scenes = "photo", seed: int = 0
) -> dict[str, GroupScores]:
    """Return mean metrics over all images, by subset and by foreground ratio."""
    subsets = list(dict.fromkeys(each.item.subset for each in scores))
    groups = {OVERALL: scores} if len(subsets) > 1 else {}
    groups |= {name: [each for each in scores if each.item.subset == name] for name in subsets}
    for name, (low, high) in BINS.items():
        inside = [each for each in scores if low <= each.ratio < high or each.ratio == high == 1]
        groups |= {f"foreground {name}": inside} if inside else {}
    return {name: _means(group, scenes, seed) for name, group in groups.items()}


def read_images(item: HarmonyItem, prediction: Path, size: int | None) -> Images:
    """Return the pictures of one prediction at ``(size, size)``; None keeps the photo's size.

    Raises:
        ValueError: a picture has another size than the photo, and is no prediction of
            ``(size, size)``.
    """
    assert item.composite is not None
    paths = (item.real, item.composite, prediction)
    real, composite, predicted = (to_8_bits(read_photo(path).pixels) for path in paths)
    mask = read_mask(item.mask).numpy()
    shape = real.shape[:2]
    for path, found in ((item.composite, composite), (item.mask, mask)):
        if found.shape[:2] != shape:
            raise ValueError(
                f"{path} is {_size(found)} pixels but its photo {item.real.name} is {_size(real)}; "
                "they must have one size."
            )
    if predicted.shape[:2] not in (shape, (size, size)):
        also = f", or {size}x{size}" if size else "; --image-size 256 takes predictions of 256x256"
        raise ValueError(
            f"{prediction} is {_size(predicted)} pixels, expected {_size(real)} as its photo{also}."
        )
    pictures = [_resized(pixels, size) for pixels in (real, mask, composite, predicted)]
    return Images(*(torch.from_numpy(pixels).movedim(-1, 0).unsqueeze(0) for pixels in pictures))


def _image_files(root: Path, subsets: set[str]) -> dict[tuple[str | None, str], list[Path]]:
    """Return image files below a folder by the subset that they lie in, if any, and stem."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder of predictions.")
    files: dict[tuple[str | None, str], list[Path]] = {}
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.suffix.lower() in _SUFFIXES and not any(part.startswith(".") for part in parts):
            for subset in subsets.intersection(parts[:-1]) or [None]:
                files.setdefault((subset, path.stem), []).append(path)
    if not files:
        raise FileNotFoundError(f"{root} holds no image ({', '.join(_SUFFIXES)}).")
    return files


def _name(item: HarmonyItem) -> str:
    return f"{item.subset}/{item.name}"


def _means(scores: Sequence[ImageScores], scenes: Scenes, seed: int) -> GroupScores:
    boot = SceneBootstrap([scene_of(each.item, scenes) for each in scores], seed=seed)

    def mean(values: Iterable[float]) -> Estimate:
        return boot.mean(np.array([*values], np.float64))

    return {
        "images": len(scores),
        "scenes": boot.scenes,
        "prediction": {m: mean(each.prediction[m] for each in scores) for m in METRICS},
        "composite": {m: mean(each.composite[m] for each in scores) for m in METRICS},
        "worse": mean(each.prediction["MSE"] > each.composite["MSE"] for each in scores),
    }


def _resized(pixels: np.ndarray, size: int | None) -> np.ndarray:
    """Return (H, W, C), resized bilinearly with antialiasing, as torchvision does with Pillow."""
    if size is not None and pixels.shape[:2] != (size, size):
        picture = Image.fromarray(pixels)
        pixels = np.array(picture.resize((size, size), Image.Resampling.BILINEAR))
    return np.array(pixels if pixels.ndim == 3 else pixels[..., None])  # torch wants to own it


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
