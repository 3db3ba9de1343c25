"""Print the table of codebases trained with and without harmaug, from the stored results.

python benchmarks/hosts/gains.py [--epochs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "downstream"))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import numpy as np
import store
from codebases import CODEBASES
from measured import Table, gain
from table import markdown, shown

RESULTS = Path(__file__).resolve().parent / "results"
BASE = "none"
TITLES = {"retouch": "retouch", "color-transfer": "colour transfer"}
ARMS = {"domain": "the domain's checkpoint", "unified": "`unified`"}
LONGER = 96  # epochs of the second run
ENOUGH = 0.3  # dB of PSNR that each seed should gain


class Case(NamedTuple):
    """Results of one codebase on one set.

    Attributes:
        untouched: record of the untouched composites.
        arms: arm -> errors, a row a seed.
    """

    untouched: store.Record
    arms: dict[str, Table]


def cases(
    records: Sequence[store.Record], epochs: int | None = None
) -> dict[tuple[str, str], Case]:
    """Return results by codebase and set, of the newest test pairs and checkpoints.

    Args:
        records: of `store.load`.
        epochs: of the trainings; None takes those of the protocol.
    """
    found = {}
    for codebase in CODEBASES:
        for name in TITLES:
            mine = [r for r in records if (r["codebase"], r["set"]) == (codebase, name)]
            bare = [r for r in mine if r["arm"] == "untouched"]
            wanted = epochs or CODEBASES[codebase].epochs
            arms = {}
            for arm in (BASE, *ARMS):
                those = [r for r in mine if r["arm"] == arm and r["epochs"] == wanted]
                those = [r for r in those if r["tested"] == bare[-1]["tested"]]
                by_seed = {r["seed"]: r for r in those if r["sha256"] == those[-1]["sha256"]}
                if by_seed:
                    seeds = sorted(by_seed)
                    errors = {
                        metric: np.array([by_seed[seed][metric] for seed in seeds])
                        for metric in ("PSNR", "fMSE")
                    }
                    arms[arm] = Table(errors, seeds, bare[-1]["scenes"])
            if BASE in arms:
                found[codebase, name] = Case(bare[-1], arms)
    return found


def by_seed(arm: Table, base: Table) -> list[float]:
    """Return the gain in PSNR of each common seed."""
    means = [dict(zip(t.seeds, t.errors["PSNR"].mean(1), strict=True)) for t in (arm, base)]
    return [float(means[0][s] - means[1][s]) for s in arm.seeds if s in base.seeds]


def rows(found: dict[tuple[str, str], Case]) -> Iterator[list[str]]:
    """Yield the table: what each codebase gains on each set with each checkpoint."""
    yield [
        "codebase",
        "set",
        "composites by",
        "PSNR untouched",
        "without",
        "with",
        "gain, dB",
        "each seed, dB",
        "fMSE untouched",
        "without",
        "with",
        "change",
    ]
    for (codebase, name), case in found.items():
        base = case.arms[BASE]
        for arm, title in ARMS.items():
            if arm not in case.arms:
                continue
            table = case.arms[arm]
            common = [seed for seed in table.seeds if seed in base.seeds]
            with_, without = (_of_seeds(one, common) for one in (table, base))
            psnr, fmse = (gain(table, base, metric)[0] for metric in ("PSNR", "fMSE"))
            yield [
                CODEBASES[codebase].title,
                TITLES[name],
                title,
                f"{np.mean(case.untouched['PSNR']):.2f}",
                f"{without['PSNR']:.2f}",
                f"{with_['PSNR']:.2f}",
                shown(psnr),
                ", ".join(f"{value:+.2f}" for value in by_seed(table, base)),
                f"{np.mean(case.untouched['fMSE']):.0f}",
                f"{without['fMSE']:.0f}",
                f"{with_['fMSE']:.0f}",
                shown(fmse, 0),
            ]


def _of_seeds(table: Table, seeds: Sequence[int]) -> dict[str, float]:
    chosen = [table.seeds.index(seed) for seed in seeds]
    return {metric: float(values[chosen].mean()) for metric, values in table.errors.items()}


def summary(found: dict[tuple[str, str], Case]) -> list[dict[str, Any]]:
    """Return all figures, for a file."""
    return [
        {
            "codebase": codebase,
            "set": name,
            "arm": arm,
            "seeds": table.seeds,
            "gain": {m: gain(table, case.arms[BASE], m)[0] for m in ("PSNR", "fMSE")},
            "by_seed": by_seed(table, case.arms[BASE]),
        }
        for (codebase, name), case in found.items()
        for arm, table in case.arms.items()
        if arm != BASE
    ]


def show(records: Sequence[store.Record], epochs: int | None = None) -> None:
    """Print the table, and whether it is enough."""
    found = cases(records, epochs)
    print(markdown(list(rows(found))))
    for (codebase, name), case in found.items():
        if "domain" in case.arms:
            gains = by_seed(case.arms["domain"], case.arms[BASE])
            reached = sum(value >= ENOUGH for value in gains)
            print(f"{codebase}, {name}: +{ENOUGH} dB in {reached} of {len(gains)} seeds")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    parser.add_argument("--epochs", type=int, help="of the trainings (default: of the protocol)")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    options = parser.parse_args()
    records = store.load(options.results)
    show(records, options.epochs)
    if options.json is not None:
        options.json.write_text(
            json.dumps(summary(cases(records, options.epochs)), indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
