"""Print the tables of pre-training and of small sets from the stored results.

python benchmarks/downstream/dense_tables.py [--results FOLDER]

Both compare ways to use synthetic composites with the originals alone, mostly for the dense
harmonizer.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import store
from measured import gain
from table import Question, Results, markdown, shown

SETS = ("retouch", "color-transfer")
SIZES = (50, 200, None)  # None: all photos
ALONE = {"arm": "flips", "p": 0.5, "before": 0, "extra": False}
Ways = dict[str, dict[str, Any]]
"""Name -> settings of a `Trial`."""

PRETRAINING: Ways = {
    "pre-trained": {"arm": "unified", "p": 0.0, "before": 400, "extra": False},
    "mixed": {"arm": "unified", "p": 0.5, "before": 0, "extra": True},
    "mixed, without light": {"arm": "unlit", "p": 0.5, "before": 0, "extra": True},
    "a fifth by the domain's checkpoint": {**ALONE, "arm": "domain", "p": 0.21},
}
SMALL: Ways = {
    "true recipe": {**ALONE, "arm": "recipe"},
    "domain's checkpoint": {**ALONE, "arm": "domain"},
    "`unified`": {**ALONE, "arm": "unified"},
    "without its light": {**ALONE, "arm": "unlit"},
}
_STEPS = 800


def rows(
    results: Results, harmonizer: str, ways: Ways, sizes: Sequence[int | None] = SIZES
) -> Iterator[list[str]]:
    """Yield the rows of one harmonizer: a set and a size each.

    The ways are dB over originals alone, with a 95 % interval, and the seeds that are better.
    """
    yield ["composites", "originals", "alone, PSNR", *ways]
    for name, size in itertools.product(SETS, sizes):
        if name not in results.untouched:
            continue
        tables = [
            results.arm(way["arm"], question(name, size, harmonizer, way), way["extra"])
            for way in (ALONE, *ways.values())
        ]
        alone, *others = tables
        if alone is None or not any(others):
            continue
        cells = [name, "2,829" if size is None else f"{size}", f"{alone.errors['PSNR'].mean():.2f}"]
        for table in others:
            gained, better, seeds = gain(table or alone, alone)
            cells.append("" if table is None else f"{shown(gained)}, {better} of {seeds}")
        yield cells


def question(name: str, size: int | None, harmonizer: str, way: dict[str, Any]) -> Question:
    """Return the question that picks the results of one way."""
    settings = {key: way[key] for key in ("p", "before")}
    settings |= {"harmonizer": harmonizer, "size": size, "steps": _STEPS}
    return Question([name], ("unseen photos",), settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=store.RESULTS, help="folder of results")
    results = Results(store.load(parser.parse_args().results))
    for harmonizer in ("dense", "colour-map"):
        print(f"\n{harmonizer}\n{markdown(list(rows(results, harmonizer, PRETRAINING)))}")
    print(f"\ndense, small sets\n{markdown(list(rows(results, 'dense', SMALL, [200])))}")


if __name__ == "__main__":
    main()
