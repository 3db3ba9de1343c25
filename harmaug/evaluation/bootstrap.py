"""Statistics of samples under weights, and their percentile bootstrap over scenes (Efron, 1979).

Several composites of one photo, and photos of one static camera, are not independent, so whole
scenes are drawn with replacement. A draw is a row of weights of the samples: a statistic takes
weights (R, N) and returns (R,), for all R draws at once.
"""

from __future__ import annotations

import math
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
    """Weights of N samples under whole scenes drawn with replacement.

    Every statistic sees the same draws, so the ratio of two statistics is paired.

    Args:
        scenes: the scene of each sample.
        resamples: number of draws.
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
        """Return a statistic of all samples and its interval, which needs two scenes or more."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(statistic(np.ones((1, self.weights.shape[1])))[0])
            drawn = statistic(self.weights) if self.scenes > 1 else np.empty(0)
        drawn = drawn[~np.isnan(drawn)]
        if not len(drawn):
            return Estimate(value, np.nan, np.nan)
        low, high = np.percentile(drawn, (2.5, 97.5), method="nearest")  # takes infinities too
        return Estimate(value, float(low), float(high))

    def mean(self, values: np.ndarray) -> Estimate:
        """Return the mean of values (N,) or (N, n)."""
        return self(lambda weights: weighted_mean(values, weights))

    def median(self, values: np.ndarray) -> Estimate:
        """Return the median of values (N,) or (N, n)."""
        return self(lambda weights: weighted_median(values, weights))

    def ratio(self, values: np.ndarray, others: np.ndarray) -> Estimate:
        """Return the ratio of two medians, of values (N,) or (N, n) each."""
        return self(lambda w: weighted_median(values, w) / weighted_median(others, w))


def number(value: float | Estimate) -> str:
    """Return a figure with three significant digits, and its interval where it has one."""
    if isinstance(value, Estimate):
        if math.isnan(value.low):
            return number(value.value)
        return f"{number(value.value)} [{number(value.low)}, {number(value.high)}]"
    if not math.isfinite(value):
        return "inf" if value == math.inf else "-"
    decimals = max(2 - math.floor(math.log10(abs(value) or 1)), 0)
    return f"{value:.{min(decimals, 3)}f}"


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return means (R,) of values (N,) or (N, n) under weights (R, N), without NaN values."""
    values = values.reshape(len(values), -1)
    known = ~np.isnan(values)
    total = weights @ np.where(np.isfinite(values), values, 0).sum(1)
    mean = total / (weights @ known.sum(1))
    return np.where(weights @ np.isposinf(values).any(1) > 0, np.inf, mean)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return medians (R,) of values (N,) or (N, n) under weights (R, N), without NaN values."""
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


def moments(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (R, C) and covariance (R, C, C) of points (N, n, C) under weights (R, N)."""
    total = weights.sum(1, keepdims=True)
    centre = points.mean((0, 1))  # taken off first: second moments cancel badly
    moved = points - centre
    mean = weights @ moved.mean(1) / total
    square = np.einsum("nic,nid->ncd", moved, moved) / points.shape[1]
    second = np.einsum("rn,ncd->rcd", weights, square) / total[..., None]
    return mean + centre, second - mean[:, :, None] * mean[:, None, :]


def frechet_distance(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> np.ndarray:
    """Return Frechet distances (R,) between normal distributions (Dowson and Landau, 1982).

    Means are (R, C), in the unit of the distance, and covariances (R, C, C).
    """
    root = _symmetric_root(covariance)
    cross = _symmetric_root(root @ other_covariance @ root)
    spread = np.trace(covariance + other_covariance - 2 * cross, axis1=1, axis2=2)
    square = ((mean - other_mean) ** 2).sum(1) + spread
    return np.sqrt(np.maximum(square, 0))


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    matrix = (matrix + matrix.swapaxes(1, 2)) / 2
    finite = np.isfinite(matrix).all((1, 2), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(finite, matrix, 0))
    root = (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]) @ vectors.swapaxes(1, 2)
    return np.where(finite, root, np.nan)
