"""Measure how near 32 draws come to true composites, over many sets of 32 draws.

    python benchmarks/coverage.py --data DATA [--seeds 16] [--also CHECKPOINT ...] [--out FILE.json]

DATA holds ``pairs/`` as in `downstream/README.md`. Coverage is the fMSE of a pair's nearest draw,
here its mean over the seeds: with few pairs the median of a single seed varies by a fifth. Webcams
are measured one camera at a time, at 160x160, the other pairs at 256x256. Intervals are over
photos.

"Its own changes" is no augmenter: it draws, in random order, LUTs fitted to the other pairs of the
kind (mixtures of the basis of `unified`), none of the same photo, as a perfect memory of the kind
would. "Best LUT" is the LUT fitted to the pair itself.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from torch import Tensor

from harmaug import SycoNetAugment, mix_luts
from harmaug.data.folder import HarmonyFolder, HarmonyItem
from harmaug.evaluation.bootstrap import SceneBootstrap
from harmaug.evaluation.metrics import foreground_error
from harmaug.evaluation.pairs import Pair, pair_generator, read_pair, scene_of
from harmaug.evaluation.samplers import (
    CheckpointSampler,
    Draws,
    FilterSampler,
    Sampler,
    match_filters,
)
from harmaug.lut.fitting import fit_pair

KINDS = {
    "hadobe5k_official": 256,
    "hflickr_official": 256,
    "hday2night_official": 256,
    "hday2night_rebuilt": 256,
    "webcam": 160,
}
DRAWS = 32
FILTERS, MATCHED = "filters x 0.6", "filters, matched"
OWN, BEST = "its own changes", "best LUT"
UNLIT = "unified without light"
AGAINST = (FILTERS, "unified", UNLIT)
_PIXELS = 4096  # of a foreground, enough for its errors


def groups(data: Path) -> Iterator[tuple[str, list[HarmonyItem], list[Pair]]]:
    """Yield the pairs of one kind, or of one camera."""
    for kind, size in KINDS.items():
        split = None if kind == "webcam" else "test"
        folder = HarmonyFolder(data / "pairs" / kind, split=split, size=size)
        rows = defaultdict(list)
        for row, item in enumerate(folder.items):
            rows[f"{kind}, {scene_of(item, 'prefix')[1]}" if kind == "webcam" else kind].append(row)
        for name, some in rows.items():
            yield name, [folder.items[row] for row in some], [read_pair(folder, r) for r in some]


@dataclass(frozen=True)
class Changes(Sampler):
    """Draws from LUTs (L, 3, D, D, D), each at most once, so at most L."""

    known: Tensor

    def luts(self, photo: Pair, n: int, generator: torch.Generator) -> Tensor:
        return self.known[torch.randperm(len(self.known), generator=generator)[:n]]


def compare(
    items: list[HarmonyItem], pairs: list[Pair], samplers: dict[str, Sampler], seeds: int
) -> dict[str, Any]:
    """Return coverage and strength of each sampler on one kind."""
    places = [pair.inside(_PIXELS) for pair in pairs]
    views = [pair.at(some) for pair, some in zip(pairs, places, strict=True)]
    basis = SycoNetAugment.from_pretrained("unified").basis
    changes = torch.cat([mix_luts(fit_pair(basis, *pair), basis) for pair in pairs])
    photos = [item.real for item in items]
    # By sampler, (pairs, seeds): fMSE of the draw nearest to the composite, and median strength.
    nearest: dict[str, list[list[float]]] = defaultdict(list)
    strength: dict[str, list[list[float]]] = defaultdict(list)
    for row, (item, pair, view, some) in enumerate(zip(items, pairs, views, places, strict=True)):
        others = changes[[photo != item.real for photo in photos]]
        drawn = samplers | ({OWN: Changes(others)} if len(others) >= DRAWS else {})
        drawn[BEST] = Changes(changes[row : row + 1])
        for name, sampler in drawn.items():
            found = [
                _of_draws(view, sampler(pair, some, DRAWS, pair_generator(item, seed)))
                for seed in range(seeds)
            ]
            nearest[name].append([to_composite.min().item() for to_composite, _ in found])
            strength[name].append([to_photo.median().item() for _, to_photo in found])
    composites = [foreground_error(v.composite, v.real, v.mask).item() for v in views]
    boot = SceneBootstrap([scene_of(item, "photo") for item in items])
    mean = {name: np.mean(values, 1) for name, values in nearest.items()}
    figures: dict[str, Any] = {"pairs": len(items), "composites": statistics.median(composites)}
    for name, values in nearest.items():
        figures[name] = {
            "coverage": float(np.median(mean[name])),
            "coverage by seed": np.median(values, 0).round(1).tolist(),
            "strength": float(np.median(strength[name]) / statistics.median(composites)),
        }
        for other in AGAINST:
            figures[name][f"of {other}"] = list(boot.ratio(mean[name], mean[other]))
    return figures


def _of_draws(view: Pair, draws: Iterable[Draws]) -> tuple[Tensor, Tensor]:
    """Return fMSE (n,) of draws to the true composite, and to the photo."""
    composites = torch.cat([some.composites for some in draws])
    to_composite = foreground_error(composites, view.composite, view.mask)
    return to_composite, foreground_error(composites, view.real, view.mask)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of photos and pairs")
    parser.add_argument("--seeds", type=int, default=16, help="sets of draws (default: 16)")
    parser.add_argument(
        "--also", metavar="CHECKPOINT", nargs="+", default=[], help="more checkpoints to measure"
    )
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    augmenters = {
        Path(name).name: SycoNetAugment.from_pretrained(name)
        for name in ("unified", "daylight", *options.also)
    }
    augmenters[UNLIT] = augmenters["unified"].without_light()
    samplers: dict[str, Sampler] = {
        name: CheckpointSampler(augmenter) for name, augmenter in augmenters.items()
    }
    samplers[FILTERS] = FilterSampler(0.6)
    found = {}
    for name, items, pairs in groups(options.data):
        matched = {MATCHED: match_filters(pairs, seed=0)}
        found[name] = figures = compare(items, pairs, samplers | matched, options.seeds)
        rows: list[tuple[object, ...]] = []
        for sampler in (*samplers, MATCHED, OWN, BEST):
            if sampler in figures:
                one = figures[sampler]
                ratios = ["{:.2f} [{:.2f}, {:.2f}]".format(*one[f"of {k}"]) for k in AGAINST]
                rows.append((sampler, one["coverage"], *ratios, one["strength"]))
        title = f"{name}: {len(items)} pairs, composites {figures['composites']:.0f}"
        header = ("draws", "coverage", *(f"of {other}" for other in AGAINST), "strength")
        measure.table(title, header, rows)
        measure.record(options.out, __doc__, found)  # after each kind, as all take long


if __name__ == "__main__":
    main()
