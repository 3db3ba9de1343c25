"""An augmenter's figures from what was measured on pairs, with intervals over scenes."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap, weighted_mean, weighted_median
from harmaug.evaluation.measure import Drawn, Measured, Truth, select
from harmaug.evaluation.pairs import scene_of
from harmaug.evaluation.shift import frechet_distance, moments

OVERALL = "all"
_ACTIVE = 0.01  # variance of posterior means above which a dimension is active (Burda et al., 2016)


def summarize(
    measured: Measured, scenes: str = "photo", seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Figures by subset, and over `OVERALL` where there are several.

    Args:
        measured: of `measure`; its first sampler is the checkpoint that others are set against.
        scenes: what is one scene, see `scene_of`.
        seed: of the bootstrap.
    """
    subsets = list(dict.fromkeys(item.subset for item in measured.items))
    figures = {} if len(subsets) == 1 else {OVERALL: _figures(measured, scenes, seed)}
    for subset in subsets:
        rows = [row for row, item in enumerate(measured.items) if item.subset == subset]
        figures[subset] = _figures(select(measured, rows), scenes, seed)
    return figures


def active_dimensions(code: np.ndarray) -> np.ndarray:
    """Which latent dimensions (Z,) posterior means (N, Z) make use of."""
    return code.var(0) > _ACTIVE


def kl_divergence(code: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Divergence (N,) of posteriors from N(0, I) in nats, which training weighs.

    Args:
        code: (N, Z), posterior means.
        variance: (N, Z), posterior variances.
    """
    return 0.5 * (code**2 + variance - 1 - np.log(variance)).sum(1)


def _figures(measured: Measured, scenes: str, seed: int) -> dict[str, Any]:
    boot = SceneBootstrap([scene_of(item, scenes) for item in measured.items], seed=seed)
    truth, rebuilt = measured.truth, measured.rebuilt
    kl = kl_divergence(rebuilt.code, rebuilt.variance)
    first = next(iter(measured.drawn.values()))
    return {
        "pairs": len(measured.items),
        "scenes": boot.scenes,
        "composites": {
            "fMSE": _median(boot, truth.strength),
            "clipped": _mean(boot, truth.clipped),
            "shift": _shift(truth.shift),
        },
        "reconstruction": {
            "fMSE": _median(boot, rebuilt.fmse),
            "PSNR": _median(boot, rebuilt.psnr),
            "limit_fMSE": _median(boot, rebuilt.limit_fmse),
            "limit_PSNR": _median(boot, rebuilt.limit_psnr),
            "over_limit": _ratio(boot, rebuilt.fmse, rebuilt.limit_fmse),
        },
        "latent": {
            "dimensions": rebuilt.code.shape[1],
            "active": int(active_dimensions(rebuilt.code).sum()) if len(kl) > 1 else None,
            "KL": _mean(boot, kl),
        },
        "draws": {
            name: _draw_figures(drawn, first, truth, boot) for name, drawn in measured.drawn.items()
        },
    }


def _draw_figures(drawn: Drawn, first: Drawn, truth: Truth, boot: SceneBootstrap) -> dict[str, Any]:
    nearest, first_nearest = drawn.to_composite.min(1), first.to_composite.min(1)

    def frechet(weights: np.ndarray) -> np.ndarray:
        if len(nearest) < 2:  # one composite has no spread to compare with
            return np.full(len(weights), np.nan)
        return frechet_distance(*moments(drawn.shift, weights), *moments(truth.shift, weights))

    return {
        "coverage": _median(boot, nearest),
        # Below 1, the checkpoint covers better.
        "checkpoint_coverage_over_this": _ratio(boot, first_nearest, nearest),
        "fMSE_to_photo": _median(boot, drawn.to_photo),
        "strength": _ratio(boot, drawn.to_photo, truth.strength),
        "frechet": boot(frechet),
        "shift": _shift(drawn.shift),
        "clipped": _mean(boot, drawn.clipped),
        "roughness": None if drawn.roughness is None else _mean(boot, drawn.roughness),
    }


def _mean(boot: SceneBootstrap, values: np.ndarray) -> Estimate:
    return boot(lambda weights: weighted_mean(values, weights))


def _median(boot: SceneBootstrap, values: np.ndarray) -> Estimate:
    return boot(lambda weights: weighted_median(values, weights))


def _ratio(boot: SceneBootstrap, values: np.ndarray, others: np.ndarray) -> Estimate:
    """Of medians."""
    return boot(lambda w: weighted_median(values, w) / weighted_median(others, w))


def _shift(shifts: np.ndarray) -> dict[str, Any]:
    mean, covariance = moments(shifts, np.ones((1, len(shifts))))
    known = shifts.shape[0] * shifts.shape[1] > 1
    return {
        "mean": mean[0].tolist(),
        "covariance": covariance[0].tolist() if known else None,
    }
