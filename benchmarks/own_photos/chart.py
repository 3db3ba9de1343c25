"""Draw the chart of own photos alone from the stored results.

    python benchmarks/own_photos/chart.py [--results FOLDER] [--out FILE.png]

A row is a way to make composites: the change of its mean fMSE over hand-made filters, in percent,
with its 95 % interval, for each harmonizer. Needs matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import figures
import matplotlib
import numpy as np
import store
from composites import ARMS
from PIL import Image

matplotlib.use("Agg")
from matplotlib import pyplot as plt

LABELS = {"dense": "dense harmonizer", "colour-map": "one colour map"}
_CHART = Path(__file__).parent / "charts" / "own-photos.png"
_APART = 0.18  # of a row, from its middle to the mark of a harmonizer


def draw(records: Sequence[store.Record], path: Path, steps: int = figures.STEPS) -> None:
    """Write the chart; rows are ordered by the dense harmonizer, the best first."""
    results = {name: figures.Results(records, name, steps) for name in LABELS}
    gains = {
        name: {arm: gain for arm in found.arms if (gain := found.gain(arm)) is not None}
        for name, found in results.items()
    }
    order = sorted(gains["dense"], key=lambda arm: gains["dense"][arm].relative.value, reverse=True)
    figure, axes = plt.subplots(figsize=(8, 1 + 0.36 * len(order)))
    for side, (name, label) in enumerate(LABELS.items()):
        known = [arm for arm in order if arm in gains[name]]
        if not known:
            continue
        changes = np.array([gains[name][arm].relative for arm in known])  # value, low, high
        reach = np.abs(changes[:, 1:] - changes[:, :1]).T
        places = [order.index(arm) + (_APART, -_APART)[side] for arm in known]
        axes.errorbar(changes[:, 0], places, xerr=reach, fmt="os"[side], capsize=3, label=label)
    axes.axvline(0, color="0.5", linewidth=1)
    axes.set_yticks(range(len(order)), [ARMS[arm].title.replace("`", "") for arm in order])
    axes.set_xlabel("change of fMSE over filters as published, %; left is better")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    if order:
        axes.legend(loc="upper right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    with Image.open(path) as picture:  # few colours: a third of the bytes
        small = picture.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=figures.RESULTS, help="folder of results")
    parser.add_argument("--out", type=Path, default=_CHART, help=f"default: {_CHART.name}")
    options = parser.parse_args()
    draw(store.load(options.results), options.out)


if __name__ == "__main__":
    main()
