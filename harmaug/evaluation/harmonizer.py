"""Scoring a harmonizer's predictions: every metric an image, beside the untouched composite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyItem
from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap, weighted_mean
from harmaug.evaluation.metrics import all_metrics, foreground_ratio
from harmaug.evaluation.pairs import scene_of
from harmaug.io.photos import read_mask, read_photo

METRICS = ("MSE", "fMSE", "PSNR", "fPSNR", "SSIM", "fSSIM")
# Foreground ratios that the field reports apart (Cong et al., 2020).
BINS = {"0-5 %": (0.0, 0.05), "5-15 %": (0.05, 0.15), "15-100 %": (0.15, 1.0)}
OVERALL = "all"


class Images(NamedTuple):
    """The pictures of one prediction, of one size.

    Attributes:
        real: (1, 3, H, W) uint8.
        mask: (1, 1, H, W) in [0, 1].
        composite: (1, 3, H, W) uint8.
        prediction: (1, 3, H, W) uint8.
    """

    real: Tensor
    mask: Tensor
    composite: Tensor
    prediction: Tensor


@dataclass(frozen=True)
class Scores:
    """Metrics of N predictions.

    Attributes:
        items: the composites.
        paths: the predictions.
        ratio: (N,) share of the frame that is foreground.
        prediction: metric -> (N,).
        composite: metric -> (N,), of the composite as it is.
    """

    items: list[HarmonyItem]
    paths: list[Path]
    ratio: np.ndarray
    prediction: dict[str, np.ndarray]
    composite: dict[str, np.ndarray]


def score(predictions: Sequence[tuple[HarmonyItem, Path]], size: int | None = 256) -> Scores:
    """Score predictions as the field does.

    Args:
        predictions: of `find_predictions`.
        size: compare at ``(size, size)``; None compares at the size of the photos.
    """
    ratios: list[Tensor] = []
    rows: dict[str, list[dict[str, Tensor]]] = {"prediction": [], "composite": []}
    for item, path in tqdm(predictions, desc="score", unit="image", disable=None):
        images = read_images(item, path, size)
        ratios.append(foreground_ratio(images.mask))
        for name, of in rows.items():
            of.append(all_metrics(getattr(images, name), images.real, images.mask))
    columns = {
        name: {
            metric: torch.cat([row[metric] for row in of]).double().numpy() for metric in METRICS
        }
        for name, of in rows.items()
    }
    items, paths = (list(column) for column in zip(*predictions, strict=True))
    return Scores(items, paths, torch.cat(ratios).double().numpy(), **columns)


def summarize_scores(
    scores: Scores, scenes: str = "photo", seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Means of every metric with their intervals: over all, by subset, by foreground ratio.

    A foreground metric leaves out images whose mask is empty.
    """
    subsets = np.array([item.subset for item in scores.items])
    groups = {subset: subsets == subset for subset in dict.fromkeys(subsets.tolist())}
    if len(groups) > 1:
        groups = {OVERALL: np.ones(len(subsets), bool)} | groups
    for name, (low, high) in BINS.items():
        below = scores.ratio < high if high < 1 else True
        groups[f"foreground {name}"] = (scores.ratio >= low) & below
    return {
        name: _means(scores, inside, scenes, seed)
        for name, inside in groups.items()
        if inside.any()
    }


def score_rows(scores: Scores) -> list[dict[str, Any]]:
    """A row of figures for each image, for a CSV file."""
    rows = []
    for row, item in enumerate(scores.items):
        figures: dict[str, Any] = {
            "subset": item.subset,
            "name": item.name,
            "foreground": scores.ratio[row].item(),
        }
        figures |= {metric: scores.prediction[metric][row].item() for metric in METRICS}
        figures |= {f"composite {m}": scores.composite[m][row].item() for m in METRICS}
        rows.append(figures)
    return rows


def read_images(item: HarmonyItem, prediction: Path, size: int | None) -> Images:
    """The pictures of one prediction at ``(size, size)``, or at the photo's size where it is None.

    A prediction must have the size of its photo, or be of ``(size, size)`` already.
    """
    assert item.composite is not None
    real, composite, predicted = (_rgb(path) for path in (item.real, item.composite, prediction))
    mask = read_mask(item.mask).numpy()
    shape = real.shape[:2]
    for path, found in ((item.composite, composite), (item.mask, mask)):
        if found.shape[:2] != shape:
            raise ValueError(
                f"{path} is {_size(found)} pixels but its photo {item.real.name} is {_size(real)}; "
                "they must have one size."
            )
    if predicted.shape[:2] not in (shape, (size, size)):
        also = f", or {size}x{size}" if size else "; --size 256 takes predictions of 256x256"
        raise ValueError(
            f"{prediction} is {_size(predicted)} pixels, expected {_size(real)} as its photo{also}."
        )
    pictures = [_resized(pixels, size) for pixels in (real, mask, composite, predicted)]
    return Images(*(torch.from_numpy(pixels).movedim(-1, 0).unsqueeze(0) for pixels in pictures))


def _means(scores: Scores, inside: np.ndarray, scenes: str, seed: int) -> dict[str, Any]:
    rows = np.flatnonzero(inside)
    boot = SceneBootstrap([scene_of(scores.items[row], scenes) for row in rows], seed=seed)
    found: dict[str, Any] = {"images": len(rows), "scenes": boot.scenes}

    def mean(values: np.ndarray) -> Estimate:
        return boot(lambda weights: weighted_mean(values[rows], weights))

    found["prediction"] = {name: mean(values) for name, values in scores.prediction.items()}
    found["composite"] = {name: mean(values) for name, values in scores.composite.items()}
    worse = scores.prediction["MSE"] > scores.composite["MSE"]
    return found | {"worse": mean(worse.astype(np.float64))}


def _rgb(path: Path) -> np.ndarray:
    """Upright (H, W, 3) uint8."""
    pixels = read_photo(path).pixels
    return pixels if pixels.dtype == np.uint8 else (pixels / 257).round().astype(np.uint8)


def _resized(pixels: np.ndarray, size: int | None) -> np.ndarray:
    """(H, W, C); bilinear with antialiasing, like torchvision on a Pillow image."""
    if size is not None and pixels.shape[:2] != (size, size):
        picture = Image.fromarray(pixels)
        pixels = np.array(picture.resize((size, size), Image.Resampling.BILINEAR))
    return np.array(pixels if pixels.ndim == 3 else pixels[..., None])  # torch wants to own it


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
