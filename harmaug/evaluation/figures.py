"""The figures of an augmenter, with intervals over scenes, as ``figures.json`` holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap, frechet_distance, moments
from harmaug.evaluation.draws import ACTIVE_VARIANCE, coverage, strength
from harmaug.evaluation.measure import Drawn, Measured
from harmaug.evaluation.pairs import Scenes, scene_of

OVERALL = "all"


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
    implausible: Estimate  # of pairs whose foreground is neutral or skin-like; NaN where none is
    variation: Estimate
    roughness: Estimate | None  # None where no LUT was drawn


class SubsetFigures(TypedDict):
    """Figures of a checkpoint on one subset, and of samplers beside it."""

    pairs: int
    scenes: int
    composites: dict[str, Any]  # fMSE, clipped, implausible, variation: Estimate; shift: Shift
    reconstruction: dict[str, Estimate]  # fMSE, PSNR, their limits, over_limit; one LUT's fMSE
    latent: dict[str, Any]  # dimensions: int; active: int, None of one pair; KL: Estimate
    draws: dict[str, DrawFigures]  # by sampler, the checkpoint first


@dataclass(frozen=True)
class AugmenterEvaluation:
    """The record of one evaluation of an augmenter: the content of ``figures.json``."""

    settings: dict[str, Any]
    sha256: str | None  # of the checkpoint's weights
    samplers: dict[str, str]  # descriptions by name
    skipped: dict[str, int]  # pairs left out: "absent" files, "empty" masks
    figures: dict[str, SubsetFigures]  # by subset; over `OVERALL` first where there are several


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
            "implausible": boot(lambda w: _share(truth.implausible, w)),
            "variation": boot.median(truth.variation),
            "shift": _shift(truth.shift),
        },
        "reconstruction": {
            "fMSE": boot.median(rebuilt.fmse),
            "PSNR": boot.median(rebuilt.psnr),
            "limit_fMSE": boot.median(rebuilt.limit_fmse),
            "limit_PSNR": boot.median(rebuilt.limit_psnr),
            "over_limit": boot.ratio(rebuilt.fmse, rebuilt.limit_fmse),
            "one_LUT_fMSE": boot.median(rebuilt.whole_fmse),
            "one_LUT_limit_fMSE": boot.median(rebuilt.whole_limit_fmse),
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
        "implausible": boot(lambda w: _share(drawn.implausible, w)),
        "variation": boot.median(drawn.variation),
        "roughness": None if drawn.roughness is None else boot.mean(drawn.roughness),
    }


def _share(judged: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean (R,) of what is judged of (N, n), under weights (R, N) of the pairs."""
    known = ~np.isnan(judged).any(1)
    if not known.any():
        return np.full(len(weights), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weights[:, known] @ judged[known].mean(1) / weights[:, known].sum(1)


def _shift(shifts: np.ndarray) -> Shift:
    mean, covariance = moments(shifts, np.ones((1, len(shifts))))
    known = shifts.shape[0] * shifts.shape[1] > 1
    return {"mean": mean[0].tolist(), "covariance": covariance[0].tolist() if known else None}
