"""The figures of an augmenter, with intervals over scenes, as ``figures.json`` holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch

from harmaug.augment import SycoNetAugment
from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap, frechet_distance, moments
from harmaug.evaluation.draws import ACTIVE_VARIANCE, coverage, strength
from harmaug.evaluation.measure import Drawn, Measured, mean_lab
from harmaug.evaluation.metrics import foreground_error
from harmaug.evaluation.pairs import Pair, Scenes, scene_of
from harmaug.lut.ops import lut_composite

OVERALL = "all"
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CANDIDATES = (1, 2, 4, 8, 16, 32)
_PIXELS = 2048  # of a foreground, for responses
_DRAWS = 8  # for each pair and setting, for responses


class Shift(TypedDict):
    """Change of the mean Lab colour of the foreground."""

    mean: list[float]
    covariance: list[list[float]] | None  # None of one composite


class DrawFigures(TypedDict):
    """Figures of the draws of one sampler; `augmenter_report.TERMS` says what they mean."""

    coverage: Estimate
    checkpoint_coverage_over_this: Estimate
    fMSE_to_photo: Estimate
    strength: Estimate
    frechet: Estimate
    shift: Shift
    clipped: Estimate
    roughness: Estimate | None  # None where no LUT was drawn


class SubsetFigures(TypedDict):
    """Figures of a checkpoint on one subset, and of samplers beside it."""

    pairs: int
    scenes: int
    composites: dict[str, Any]  # fMSE and clipped: Estimate; shift: Shift
    reconstruction: dict[str, Estimate]  # fMSE, PSNR, limit_fMSE, limit_PSNR, over_limit
    latent: dict[str, Any]  # dimensions: int; active: int, None of one pair; KL: Estimate
    draws: dict[str, DrawFigures]  # by sampler, the checkpoint first


class Response(TypedDict):
    """Quartiles over photos and draws, one row a setting."""

    settings: list[float]
    mismatch: list[list[float]]  # Lab distance of the mean colours of foreground and background
    fMSE: list[list[float]]  # to the photo


class Responses(TypedDict):
    """Responses of draws to two settings, and the median mismatch of the pairs themselves."""

    strength: Response
    candidates: Response
    photo_mismatch: float
    composite_mismatch: float


@dataclass(frozen=True)
class AugmenterEvaluation:
    """The record of one evaluation of an augmenter: the content of ``figures.json``."""

    settings: dict[str, Any]
    sha256: str | None  # of the checkpoint's weights
    samplers: dict[str, str]  # descriptions by name
    skipped: dict[str, int]  # pairs left out: "absent" files, "empty" masks
    figures: dict[str, SubsetFigures]  # by subset; over `OVERALL` first where there are several
    responses: Responses


def summarize(
    measured: Measured, scenes: Scenes = "photo", seed: int = 0
) -> dict[str, SubsetFigures]:
    """Return figures by subset, and over `OVERALL` first where there are several."""
    subsets = list(dict.fromkeys(item.subset for item in measured.items))
    figures = {} if len(subsets) == 1 else {OVERALL: _figures(measured, scenes, seed)}
    for subset in subsets:
        rows = [row for row, item in enumerate(measured.items) if item.subset == subset]
        figures[subset] = _figures(measured.part(rows), scenes, seed)
    return figures


def active_dimensions(code: np.ndarray) -> np.ndarray:
    """Return for each latent dimension (Z,) whether posterior means (N, Z) use it."""
    return code.var(0) > ACTIVE_VARIANCE


def kl_divergence(code: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return the divergence (N,) from N(0, I), in nats, of means and variances (N, Z)."""
    return 0.5 * (code**2 + variance - 1 - np.log(variance)).sum(1)


@torch.no_grad()
def responses(aug: SycoNetAugment, pairs: Sequence[Pair], seed: int = 0) -> Responses:
    """Return how draws for some pairs respond; the same latents are drawn at every strength."""
    by_strength = [_mismatches(aug, pairs, seed, strength=value) for value in STRENGTHS]
    by_candidates = [_mismatches(aug, pairs, seed, n=1, candidates=v) for v in CANDIDATES]
    return {
        "strength": _quartiles(STRENGTHS, by_strength),
        "candidates": _quartiles(CANDIDATES, by_candidates),
        "photo_mismatch": _median_mismatch([pair.real for pair in pairs], pairs),
        "composite_mismatch": _median_mismatch([pair.composite for pair in pairs], pairs),
    }


def _figures(measured: Measured, scenes: Scenes, seed: int) -> SubsetFigures:
    boot = SceneBootstrap([scene_of(item, scenes) for item in measured.items], seed=seed)
    truth, rebuilt = measured.truth, measured.rebuilt
    active = int(active_dimensions(rebuilt.code).sum()) if len(rebuilt.code) > 1 else None
    first = next(iter(measured.drawn.values()))
    return {
        "pairs": len(measured.items),
        "scenes": boot.scenes,
        "composites": {
            "fMSE": boot.median(truth.to_photo),
            "clipped": boot.mean(truth.clipped),
            "shift": _shift(truth.shift),
        },
        "reconstruction": {
            "fMSE": boot.median(rebuilt.fmse),
            "PSNR": boot.median(rebuilt.psnr),
            "limit_fMSE": boot.median(rebuilt.limit_fmse),
            "limit_PSNR": boot.median(rebuilt.limit_psnr),
            "over_limit": boot.ratio(rebuilt.fmse, rebuilt.limit_fmse),
        },
        "latent": {
            "dimensions": rebuilt.code.shape[1],
            "active": active,
            "KL": boot.mean(kl_divergence(rebuilt.code, rebuilt.variance)),
        },
        "draws": {
            name: _draw_figures(drawn, first, truth, boot) for name, drawn in measured.drawn.items()
        },
    }


def _draw_figures(drawn: Drawn, first: Drawn, truth: Drawn, boot: SceneBootstrap) -> DrawFigures:
    def frechet(weights: np.ndarray) -> np.ndarray:
        if len(truth.shift) < 2:  # one composite has no spread to compare with
            return np.full(len(weights), np.nan)
        return frechet_distance(*moments(drawn.shift, weights), *moments(truth.shift, weights))

    return {
        "coverage": boot(lambda w: coverage(drawn.to_composite, w)),
        "checkpoint_coverage_over_this": boot(
            lambda w: coverage(first.to_composite, w) / coverage(drawn.to_composite, w)
        ),
        "fMSE_to_photo": boot.median(drawn.to_photo),
        "strength": boot(lambda w: strength(drawn.to_photo, truth.to_photo, w)),
        "frechet": boot(frechet),
        "shift": _shift(drawn.shift),
        "clipped": boot.mean(drawn.clipped),
        "roughness": None if drawn.roughness is None else boot.mean(drawn.roughness),
    }


def _shift(shifts: np.ndarray) -> Shift:
    mean, covariance = moments(shifts, np.ones((1, len(shifts))))
    known = shifts.shape[0] * shifts.shape[1] > 1
    return {"mean": mean[0].tolist(), "covariance": covariance[0].tolist() if known else None}


def _mismatches(
    aug: SycoNetAugment, pairs: Sequence[Pair], seed: int, n: int = _DRAWS, **setting: Any
) -> np.ndarray:
    """Return mismatch and fMSE to the photo, (2, draws), under a setting."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for pair in pairs:
        luts = [
            aug.sample(pair.real, pair.mask, n, generator=generator, **setting)
            for _ in range(_DRAWS // n)
        ]
        view = pair.foreground(_PIXELS)
        composites = lut_composite(view.real, view.mask, torch.cat(luts, 1))[0]
        mismatch = _mismatch(composites, view.mask, pair)
        found.append(torch.stack((mismatch, foreground_error(composites, view.real, view.mask))))
    return torch.cat(found, 1).double().numpy()


def _mismatch(images: torch.Tensor, mask: torch.Tensor, pair: Pair) -> torch.Tensor:
    """Return Lab distances (n,) between foregrounds (n, 3, H, W) and the background of a pair."""
    away = mean_lab(images, mask) - mean_lab(pair.real, 1 - pair.mask)
    return torch.linalg.vector_norm(away, dim=1)


def _median_mismatch(images: Sequence[torch.Tensor], pairs: Sequence[Pair]) -> float:
    both = zip(images, pairs, strict=True)
    return float(np.nanmedian([_mismatch(image, p.mask, p).item() for image, p in both]))


def _quartiles(settings: Sequence[float], found: Sequence[np.ndarray]) -> Response:
    quartiles = np.nanpercentile(np.stack(found), (25, 50, 75), axis=2)  # (3, settings, 2)
    return {
        "settings": list(settings),
        "mismatch": quartiles[:, :, 0].T.tolist(),
        "fMSE": quartiles[:, :, 1].T.tolist(),
    }
