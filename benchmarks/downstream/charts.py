"""Draw the charts of README.md from the stored results.

    python benchmarks/downstream/charts.py [--results FOLDER]

A line shows the mean gain in PSNR over trainings of the same seeds without synthetic composites. It
is over the seeds that all its points have, and bars span the seeds. Needs matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import store
from arms import ARMS
from PIL import Image
from table import BASE, Question, Results

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ACROSS_SIZES = ("filters-matched", "unlit", "domain", "own-finetuned", "recipe")
# Setting -> arm, values.
SETTINGS: dict[str, tuple[str, list[Any]]] = {
    "p": ("own-finetuned", [0.25, 0.5, 0.75, 0.9]),
    "strength": ("own-finetuned", [0.5, 0.75, 1.0, 1.25]),
    "n": ("own-finetuned", [1, 2, 4]),
    "fixed": ("static", [1, None, 16]),
}
LABELS = {
    "p": "p, share of synthetic composites",
    "strength": "strength",
    "n": "n, composites of a photo in a batch",
    "fixed": "fixed composites of a photo (static)",
}
_DEFAULT_FIXED = 4


def gains(
    results: Results, arm: str, settings: dict[str, Any], base: dict[str, Any]
) -> dict[int, float]:
    """Return the PSNR over `BASE` by seed, of seeds that have both."""
    means: list[dict[int, float]] = []
    for name, found in ((arm, settings), (BASE, base)):
        table = results.arm(name, Question(["retouch"], ("unseen photos",), found))
        if table is None:
            return {}
        means.append(dict(zip(table.seeds, table.errors["PSNR"].mean(1).tolist(), strict=True)))
    return {seed: means[0][seed] - means[1][seed] for seed in means[0] if seed in means[1]}


def draw(axes: Any, places: Sequence[float], found: Sequence[dict[int, float]], label: str) -> None:
    """Draw a line through the means of the seeds that all points have; bars span them."""
    there = [i for i, values in enumerate(found) if values]
    if not there:
        return
    shared = set.intersection(*(set(found[i]) for i in there))
    values = np.array([[found[i][seed] for seed in sorted(shared)] for i in there])
    middle = values.mean(1)
    span = [middle - values.min(1), values.max(1) - middle]
    axes.errorbar([places[i] for i in there], middle, span, marker="o", capsize=3, label=label)


def size_chart(results: Results, path: Path, sizes: Sequence[int]) -> None:
    """Draw the gain against the size of the set."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for number, name in enumerate(ACROSS_SIZES):
        found = [gains(results, name, {"size": size}, {"size": size}) for size in sizes]
        places = [size * 1.04 ** (number - 1.5) for size in sizes]  # bars beside each other
        draw(axes, places, found, ARMS[name].title.replace("`", ""))
    axes.set(xscale="log", xlabel="photos with one composite each", ylabel="dB PSNR over none")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend(fontsize=8, bbox_to_anchor=(1.02, 0.5), loc="center left")
    _finish(figure, [axes], path)


def settings_chart(results: Results, path: Path) -> None:
    """Draw the gain against p, strength, n and fixed composites, with 200 photos."""
    figure, grid = plt.subplots(1, len(SETTINGS), figsize=(3.2 * len(SETTINGS), 3.2), sharey=True)
    for axes, (name, (arm, values)) in zip(grid, SETTINGS.items(), strict=True):
        found = [gains(results, arm, {name: value}, {}) for value in values]
        places = [_DEFAULT_FIXED if value is None else value for value in values]
        draw(axes, places, found, ARMS[arm].title)
        axes.set_xlabel(LABELS[name])
        axes.set_xticks(places, [f"{place:g}" for place in places])
    grid[0].set_ylabel("dB PSNR over none")
    _finish(figure, grid, path)


def _finish(figure: Any, grid: Sequence[Any], path: Path) -> None:
    for axes in grid:
        axes.axhline(0, color="#555555", linewidth=0.8)
        axes.grid(alpha=0.3)
        if axes.get_legend() is None and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    with Image.open(path) as image:
        image.convert("RGB").quantize().save(path, optimize=True)  # a third of the size


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=store.RESULTS, help="folder of results")
    charts = Path(__file__).with_name("charts")
    parser.add_argument("--out", type=Path, default=charts, help="folder of the charts")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    results = Results(store.load(options.results))
    size_chart(results, options.out / "size.png", [50, 100, 200, 500, 2000])
    settings_chart(results, options.out / "settings.png")


if __name__ == "__main__":
    main()
