"""Print the table of pre-training from the stored results.

python benchmarks/downstream/pretraining_table.py [--results FOLDER]
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import store
from measured import gain
from table import Question, Results, markdown, shown

SETS = ("retouch", "color-transfer")
SIZES = (50, 200, None)  # None: all photos
ALONE = {"arm": "flips", "p": 0.5, "before": 0, "extra": False}
WAYS: dict[str, dict[str, Any]] = {
    "pre-trained": {"arm": "unified", "p": 0.0, "before": 400, "extra": False},
    "mixed": {"arm": "unified", "p": 0.5, "before": 0, "extra": True},
}
_STEPS = 800


def rows(results: Results, harmonizer: str) -> Iterator[list[str]]:
    """Yield the rows of one harmonizer: a set and a size each."""
    over = "dB over originals alone, seeds better"
    yield ["composites", "originals", "alone, PSNR", *(f"{way}: {over}" for way in WAYS)]
    for name, size in itertools.product(SETS, SIZES):
        if name not in results.untouched:
            continue
        tables = [
            results.arm(way["arm"], question(name, size, harmonizer, way), way["extra"])
            for way in (ALONE, *WAYS.values())
        ]
        alone, *others = tables
        if alone is None:
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
        print(f"\n{harmonizer}\n{markdown(list(rows(results, harmonizer)))}")


if __name__ == "__main__":
    main()
