"""Percentile bootstrap over scenes (Efron, 1979).

Several composites of one photo, and photos of one static camera, are no independent samples, so
whole scenes are drawn with replacement. A draw is nothing but weights of the samples: a statistic
here takes weights (R, N) and returns (R,), for all R draws at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

_CELLS = 2_000_000  # of a table of weights in work at once, to bound memory


class Estimate(NamedTuple):
    """A statistic with the interval that holds 95 % of its bootstrap draws; NaN where unknown."""

    value: float
    low: float
    high: float


class SceneBootstrap:
    """Weights of N samples under whole scenes drawn with replacement, the same for every statistic.

    Sharing the draws makes ratios of two statistics paired.

    Args:
        scenes: the scene of each sample.
        resamples: draws.
        seed: of the draws.
    """

    def __init__(self, scenes: Sequence[Hashable], resamples: int = 1000, seed: int = 0) -> None:
        rows = {scene: row for row, scene in enumerate(dict.fromkeys(scenes))}
        self.scenes = len(rows)
        draws = np.random.default_rng(seed).multinomial(
            self.scenes, [1 / self.scenes] * self.scenes, size=resamples
        )
        self.weights = draws[:, [rows[scene] for scene in scenes]].astype(np.float64)

    def __call__(self, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """The statistic of the samples as they are, and its interval; needs two scenes for that."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = statistic(np.ones((1, self.weights.shape[1])))[0]
            if self.scenes < 2:
                return Estimate(float(value), np.nan, np.nan)
            drawn = statistic(self.weights)
        drawn = drawn[~np.isnan(drawn)]
        if not len(drawn):
            return Estimate(float(value), np.nan, np.nan)
        low, high = np.percentile(drawn, (2.5, 97.5), method="nearest")  # takes infinities too
        return Estimate(float(value), float(low), float(high))


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means (R,) of values (N,) or (N, n) under weights (R, N); NaN values are left out."""
    values = values.reshape(len(values), -1)
    known = ~np.isnan(values)
    total = weights @ np.where(np.isfinite(values), values, 0).sum(1)
    mean = total / (weights @ known.sum(1))
    return np.where(weights @ np.isposinf(values).any(1) > 0, np.inf, mean)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Medians (R,) of values (N,) or (N, n) under weights (R, N); NaN values are left out."""
    many = values.reshape(len(values), -1)
    source = np.repeat(np.arange(len(many)), many.shape[1])
    flat = many.ravel()
    order = np.argsort(flat, kind="stable")[: np.count_nonzero(~np.isnan(flat))]
    if not len(order):
        return np.full(len(weights), np.nan)
    ordered, source = flat[order], source[order]
    step = max(_CELLS // len(order), 1)
    found = []
    for first in range(0, len(weights), step):
        reached = weights[first : first + step, source].cumsum(1)
        half = reached[:, -1:] / 2
        lower, upper = (reached < half).sum(1), (reached <= half).sum(1)
        middle = (ordered[lower] + ordered[np.minimum(upper, len(order) - 1)]) / 2
        found.append(np.where(half[:, 0] > 0, middle, np.nan))
    return np.concatenate(found)
