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
    over = "over originals alone, dB"
    better = "seeds better"
    yield ["set", "originals", "alone, PSNR", *(f"{way}, {over}" for way in WAYS), better]
    for name, size in itertools.product(SETS, SIZES):
        tables = []
        for way in (ALONE, *WAYS.values()):
            settings = {key: value for key, value in way.items() if key not in ("arm", "extra")}
            settings |= {"harmonizer": harmonizer, "size": size, "steps": _STEPS}
            question = Question([name], ("unseen photos",), settings)
            known = name in results.untouched
            tables.append(results.arm(way["arm"], question, way["extra"]) if known else None)
        alone, *others = tables
        if alone is None:
            continue
        gains = [None if table is None else gain(table, alone) for table in others]
        cells = ["" if one is None else shown(one[0]) for one in gains]
        won = ["" if one is None else f"{one[1]}/{one[2]}" for one in gains]
        level = f"{alone.errors['PSNR'].mean():.2f}"
        yield [name, "2,829" if size is None else f"{size}", level, *cells, ", ".join(won)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=store.RESULTS, help="folder of results")
    results = Results(store.load(parser.parse_args().results))
    for harmonizer in ("dense", "colour-map"):
        print(f"\n{harmonizer}\n{markdown(list(rows(results, harmonizer)))}")


if __name__ == "__main__":
    main()
