"""Print the tables of own photos alone from the stored results.

python benchmarks/own_photos/figures.py [--results FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "downstream"))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import numpy as np
import store
from composites import ARMS
from table import markdown, shown
from training import STEPS, THUMBNAILS
from true_pairs import KINDS, KNOWN

from harmaug.evaluation.bootstrap import Estimate, SceneBootstrap

RESULTS = Path(__file__).resolve().parent / "results"
BASE, CHAMPION = "filters", "unified"
_RESAMPLES = 2000

Found = dict[str, dict[int, store.Record]]
"""Arm -> seed -> record."""


class Gain(NamedTuple):
    """An arm against `BASE`, over the seeds that both have.

    Attributes:
        relative: change of the mean fMSE over kinds, in percent.
        each: mean of the changes of each kind, in percent.
        known_aside: as ``relative``, without the kind that a checkpoint may have learnt from.
        better: seeds with less mean fMSE.
        seeds: seeds.
        kinds: change of fMSE and of PSNR by kind.
    """

    relative: Estimate
    each: Estimate
    known_aside: Estimate
    better: int
    seeds: int
    kinds: dict[str, dict[str, Estimate]]


class Results:
    """Results of one harmonizer: of each arm those of its newest checkpoint, by seed.

    Args:
        records: of `store.load`.
        harmonizer: "dense" or "colour-map".
        steps: of the trainings.
    """

    def __init__(
        self, records: Sequence[store.Record], harmonizer: str, steps: int = STEPS
    ) -> None:
        bare = [record for record in records if record["arm"] == "untouched"]
        self.untouched = bare[-1] if bare else None
        self.kinds = {
            kind: [name for name in names if bare and name in bare[-1]["tests"]]
            for kind, names in KINDS.items()
        }
        self.kinds = {kind: names for kind, names in self.kinds.items() if names}
        self.arms: Found = {}
        for arm in ARMS:
            mine = [
                record
                for record in records
                if (record["arm"], record.get("harmonizer"), record.get("steps"))
                == (arm, harmonizer, steps)
                and record["tested"] == bare[-1]["tested"]
            ]
            if mine:
                self.arms[arm] = {r["seed"]: r for r in mine if r["sha256"] == mine[-1]["sha256"]}

    def means(self, arm: str, metric: str, seeds: Sequence[int]) -> np.ndarray:
        """Return means (kinds, 1 + draws) over seeds and pairs: of all, then of each draw.

        Seeds are drawn, and whole scenes of each kind, with replacement. Arms with the same seeds
        have the same draws.
        """
        assert self.untouched is not None
        shares = [1 / len(seeds)] * len(seeds)
        drawn = np.random.default_rng(0).multinomial(len(seeds), shares, size=_RESAMPLES)
        rows = np.vstack([np.ones(len(seeds)), drawn])
        found = []
        for number, names in enumerate(self.kinds.values()):
            scenes = [s for name in names for s in self.untouched["tests"][name]["scenes"]]
            weights = SceneBootstrap(scenes, _RESAMPLES, number).weights
            weights = np.vstack([np.ones(len(scenes)), weights])
            values = np.stack([self._values(arm, seed, names, metric) for seed in seeds])
            total = rows.sum(1) * weights.sum(1)
            found.append(np.einsum("rs,sp,rp->r", rows, values, weights, optimize=True) / total)
        return np.stack(found)

    def levels(self, arm: str, metric: str) -> dict[str, float]:
        """Return the mean of each kind, and "all": their mean, each with the same weight."""
        seeds = [0] if arm == "untouched" else sorted(self.arms[arm])
        means = self.means(arm, metric, seeds)[:, 0]
        return {**dict(zip(self.kinds, means.tolist(), strict=True)), "all": means.mean()}

    def gain(self, arm: str, base: str = BASE) -> Gain | None:
        """Return an arm against another, paired by seed and pair; None without common seeds."""
        if arm not in self.arms or base not in self.arms:
            return None
        seeds = sorted(self.arms[arm].keys() & self.arms[base].keys())
        if not seeds:
            return None
        kinds: dict[str, dict[str, Estimate]] = {kind: {} for kind in self.kinds}
        for metric in ("fMSE", "PSNR"):
            mine, theirs = (self.means(one, metric, seeds) for one in (arm, base))
            for kind, change in zip(self.kinds, mine - theirs, strict=True):
                kinds[kind][metric] = estimate(change)
        mine, theirs = (self.means(one, "fMSE", seeds) for one in (arm, base))
        others = [row for row, kind in enumerate(self.kinds) if kind != KNOWN]
        better = sum(
            self.means(arm, "fMSE", [seed])[:, 0].mean()
            < self.means(base, "fMSE", [seed])[:, 0].mean()
            for seed in seeds
        )
        return Gain(
            estimate(100 * (mine.mean(0) / theirs.mean(0) - 1)),
            estimate(100 * (mine / theirs - 1).mean(0)),
            estimate(100 * (mine[others].mean(0) / theirs[others].mean(0) - 1)),
            int(better),
            len(seeds),
            kinds,
        )

    def _values(self, arm: str, seed: int, names: Sequence[str], metric: str) -> np.ndarray:
        record = self.untouched if arm == "untouched" else self.arms[arm][seed]
        assert record is not None
        return np.concatenate([record["tests"][name][metric] for name in names])


def estimate(drawn: np.ndarray) -> Estimate:
    """Return a figure (1 + draws,) with the interval that holds 95 % of its draws."""
    low, high = np.percentile(drawn[1:], (2.5, 97.5))
    return Estimate(float(drawn[0]), float(low), float(high))


def rows(results: Results) -> Iterator[list[str]]:
    """Yield the main table: mean fMSE of each arm, over the kinds and by kind."""
    title = ARMS[BASE].title
    yield [
        "composites by",
        "fMSE, mean of kinds",
        f"over {title}, %",
        "seeds better",
        "mean of changes, %",
        f"without {KNOWN}, %",
        *results.kinds,
        "PSNR, mean of kinds",
    ]
    if results.untouched is None:
        return
    for arm in ("untouched", *results.arms):
        error, psnr = (results.levels(arm, metric) for metric in ("fMSE", "PSNR"))
        cells = ["untouched" if arm == "untouched" else ARMS[arm].title, f"{error['all']:.0f}"]
        gain = None if arm == BASE else results.gain(arm)
        cells += [""] * 4
        if gain is not None:
            against = f"{gain.better} of {gain.seeds}"
            cells[2:] = [shown(gain.relative, 1), against]
            cells += [shown(gain.each, 1), shown(gain.known_aside, 1)]
        elif arm == BASE:
            cells[3] = f"({len(results.arms[BASE])})"
        cells += [f"{error[kind]:.0f}" for kind in results.kinds]
        yield [*cells, f"{psnr['all']:.2f}"]


def by_kind(results: Results, arm: str = CHAMPION) -> Iterator[list[str]]:
    """Yield the change of an arm over `BASE` on each kind of pairs."""
    yield ["kind", "pairs", "scenes", "untouched", ARMS[BASE].title, ARMS[arm].title, "fMSE", "dB"]
    gain = results.gain(arm)
    if gain is None or results.untouched is None:
        return
    levels = [results.levels(one, "fMSE") for one in ("untouched", BASE, arm)]
    for kind, names in results.kinds.items():
        scenes = [s for name in names for s in results.untouched["tests"][name]["scenes"]]
        cells = [kind, str(len(scenes)), str(len(set(scenes)))]
        cells += [f"{level[kind]:.0f}" for level in levels]
        change = gain.kinds[kind]
        yield [*cells, shown(change["fMSE"], 0), shown(change["PSNR"])]


def summary(records: Sequence[store.Record], steps: int) -> dict[str, Any]:
    """Return all figures by harmonizer and arm, for a file."""
    found: dict[str, Any] = {}
    for harmonizer in THUMBNAILS:
        results = Results(records, harmonizer, steps)
        if results.untouched is None:
            continue
        arms: Mapping[str, Any] = {
            arm: {
                "levels": {m: results.levels(arm, m) for m in ("fMSE", "PSNR")},
                "gain": gain._asdict() if (gain := results.gain(arm)) else None,
            }
            for arm in results.arms
        }
        bare = {"levels": {m: results.levels("untouched", m) for m in ("fMSE", "PSNR")}}
        found[harmonizer] = {"untouched": bare, **arms}
    return found


def show(records: Sequence[store.Record], steps: int = STEPS) -> None:
    """Print all tables."""
    for harmonizer in THUMBNAILS:
        results = Results(records, harmonizer, steps)
        print(f"\n{harmonizer}\n{markdown(list(rows(results)))}")
        for arm in (CHAMPION, "both"):
            print(f"\n{markdown(list(by_kind(results, arm)))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    options = parser.parse_args()
    records = store.load(options.results)
    show(records, options.steps)
    if options.json is not None:
        options.json.write_text(json.dumps(summary(records, options.steps), indent=1) + "\n")


if __name__ == "__main__":
    main()
