"""Figures of arms from their results: means over seeds, paired differences, intervals."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap

_RESAMPLES = 2000


class Table(NamedTuple):
    """Errors of one arm on pictures of one test set.

    Attributes:
        errors: metric -> (seeds, pictures).
        seeds: the seed of each row.
        scenes: the scene of each picture.
    """

    errors: dict[str, np.ndarray]
    seeds: list[int]
    scenes: list[str]


def gather(
    records: Sequence[dict[str, Any]],
    sets: Sequence[str],
    tests: Sequence[str],
    untouched: dict[str, Any],
) -> Table:
    """Return one arm's results as a table; with several sets (cameras) only seeds that have all.

    Args:
        records: of one arm under one choice of settings, any seeds.
        sets: of the records.
        tests: test sets, joined in this order.
        untouched: records of the untouched composites by set; they name the scenes.
    """
    places = list(itertools.product(sets, tests))
    by_seed: dict[int, dict[tuple[str, str], Any]] = defaultdict(dict)
    for record in records:
        for test in tests:
            if test in record["tests"]:
                by_seed[record["seed"]][record["set"], test] = record["tests"][test]
    seeds = sorted(seed for seed, found in by_seed.items() if len(found) == len(places))
    errors = {
        metric: np.array(
            [np.concatenate([by_seed[s][place][metric] for place in places]) for s in seeds]
        )
        for metric in ("PSNR", "fMSE")
    }
    scenes = [s for name, test in places for s in untouched[name]["tests"][test]["scenes"]]
    return Table(errors, seeds, scenes)


def gain(arm: Table, base: Table, metric: str = "PSNR") -> tuple[Estimate, int, int]:
    """Return the mean of arm - base, paired by seed and picture, seeds better, and seeds.

    The interval is over seeds and whole scenes, both drawn with replacement.
    """
    seeds = [seed for seed in arm.seeds if seed in base.seeds]
    if not seeds:
        return Estimate(np.nan, np.nan, np.nan), 0, 0
    rows = [[table.seeds.index(seed) for seed in seeds] for table in (arm, base)]
    difference = arm.errors[metric][rows[0]] - base.errors[metric][rows[1]]
    sign = 1 if metric == "PSNR" else -1
    better = int((sign * difference.mean(1) > 0).sum())
    return interval(lambda mean: mean, [difference], arm.scenes), better, len(seeds)


def share_of_gain(arm: Table, base: Table, best: Table, metric: str = "PSNR") -> Estimate:
    """Return an arm's share in the gain of ``best``, both over ``base``, of their common seeds."""
    seeds = [seed for seed in arm.seeds if seed in base.seeds and seed in best.seeds]
    if not seeds:
        return Estimate(np.nan, np.nan, np.nan)
    mine, theirs, whole = (
        np.array([table.errors[metric][table.seeds.index(seed)] for seed in seeds])
        for table in (arm, base, best)
    )
    return interval(np.divide, [mine - theirs, whole - theirs], arm.scenes)


def interval(
    statistic: Callable[..., np.ndarray], values: Sequence[np.ndarray], scenes: Sequence[str]
) -> Estimate:
    """Return a statistic of means with the interval of 95 % of its draws of scenes and seeds.

    Args:
        statistic: takes the means (R,) of each of the values, returns (R,).
        values: (seeds, pictures) each.
        scenes: of the pictures.
    """
    boot = SceneBootstrap(scenes, _RESAMPLES)
    seeds = len(values[0])
    drawn = np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, size=_RESAMPLES)

    def of_means(weights: np.ndarray) -> np.ndarray:
        rows = drawn if len(weights) == _RESAMPLES else np.ones((1, seeds))
        total = rows.sum(1) * weights.sum(1)
        means = [np.einsum("rs,sp,rp->r", rows, v, weights, optimize=True) / total for v in values]
        return statistic(*means)

    return boot(of_means)
