"""Ways to draw composites of a photo: checkpoints, and the hand-made ones that they must beat.

A sampler looks at the whole photo and recolours it, or pixels at some places (`Pair.inside`). It
works in chunks, so that few draws are in memory at once. The same generator gives the same draws
either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.metrics import foreground_error
from harmaug.evaluation.pairs import Pair, pixels_at, read_pair
from harmaug.lut import identity_lut, lut_roughness, mix_luts
from harmaug.lut.box import frame_corners
from harmaug.lut.ops import lut_composite
from harmaug.recipes.filters import apply_filters, draw_filters

_CHUNK = 8  # draws at once
_MATCHING_PIXELS = 1024  # of a foreground, enough to see its strength
_MATCHING_DRAWS = 1024  # over all pairs, or more
_MATCHING_PAIRS = 200  # of a subset, spread evenly
_LARGEST = 1.6  # strength of filters; beyond it they reach the poles of their formulas
_SCALED = 0.6  # strength of filters near that of real composites, which covers them best


class Draws(NamedTuple):
    """Some draws of one photo.

    Attributes:
        composites: (n, 3, H, W) in [0, 1].
        roughness: (n,), `lut_roughness` of the LUTs that made them, of grids in the middle of the
            foreground; None where no LUT did.
    """

    composites: Tensor
    roughness: Tensor | None


class Sampler:
    """A way to draw composites, by LUTs if not another; ``str`` of it says how."""

    def luts(self, photo: Pair, n: int, generator: torch.Generator) -> Tensor:
        """Return n LUTs for a photo, (n, 3, D, D, D) or for the frame's corners (n, 2, 2, 3, ...).

        The photo's true composite stays unseen.
        """
        raise NotImplementedError

    def __call__(
        self, photo: Pair, places: Tensor | None, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        """Draw n composites of a photo: the frame, or pixels at some places as one row."""
        for luts in self.luts(photo, n, generator).split(_CHUNK):
            varies = luts.ndim > 5  # so that it matters where a pixel lies
            view = photo if places is None or varies else photo.at(places)
            composites = lut_composite(view.real, view.mask, luts.unsqueeze(0))[0]
            if varies and places is not None:
                composites = pixels_at(composites, places)
            yield Draws(composites, lut_roughness(_central(luts, photo.mask) if varies else luts))


@dataclass(frozen=True)
class CheckpointSampler(Sampler):
    """Draws of an augmenter: one that spoils its photo is replaced."""

    aug: SycoNetAugment
    spatial: float = 1.0

    def __str__(self) -> str:
        how = "latents of N(0, I), none that spoils its photo"
        one = "" if self.spatial else ", one LUT for all of a foreground"
        return f"checkpoint, drawn by SycoNetAugment: {how}{one}"

    def luts(self, photo: Pair, n: int, generator: torch.Generator) -> Tensor:
        return self.aug.sample(
            photo.real, photo.mask, n, generator=generator, spatial=self.spatial
        )[0]


@dataclass(frozen=True)
class BasisMixtures(Sampler):
    """Random mixtures of a LUT basis, blind to the photo: a net must add something to these.

    Attributes:
        basis: (K, 3, D, D, D).
        concentration: of the Dirichlet distribution of the weights. 1 is uniform over all convex
            mixtures; less takes fewer LUTs at once and so makes stronger changes. Of 0.03 to 1,
            0.5 covered real composites best.
    """

    basis: Tensor
    concentration: float = 0.5

    def __str__(self) -> str:
        return (
            f"{len(self.basis)} LUTs mixed by weights from a Dirichlet distribution of "
            f"concentration {self.concentration:g}, blind to the photo"
        )

    def luts(self, photo: Pair, n: int, generator: torch.Generator) -> Tensor:
        seed = int(torch.randint(2**62, (), generator=generator))
        shape = np.full(len(self.basis), self.concentration)
        drawn = np.random.default_rng(seed).dirichlet(shape, n)
        return mix_luts(torch.from_numpy(drawn).float(), self.basis)


@dataclass(frozen=True)
class RandomLooks(Sampler):
    """A random look of a collection, blended with the photo.

    Attributes:
        looks: (L, 3, D, D, D).
        amount: range of the share that is blended in.
    """

    looks: Tensor
    amount: tuple[float, float] = (0.3, 1.0)

    def __str__(self) -> str:
        low, high = self.amount
        return f"one of {len(self.looks)} looks, a share from U({low:g}, {high:g}) blended in"

    def luts(self, photo: Pair, n: int, generator: torch.Generator) -> Tensor:
        low, high = self.amount
        chosen = torch.randint(len(self.looks), (n,), generator=generator)
        amount = torch.rand(n, 1, 1, 1, 1, generator=generator) * (high - low) + low
        neutral = identity_lut(self.looks.shape[-1])
        return torch.lerp(neutral, self.looks[chosen], amount)


@dataclass(frozen=True)
class FilterSampler(Sampler):
    """Hand-made random filters; ``strength`` scales their published ranges."""

    strength: float = 1.0

    def __str__(self) -> str:
        return f"hand-made random filters, published ranges x {self.strength:g}"

    def __call__(
        self, photo: Pair, places: Tensor | None, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        small = _small(photo.real)
        view = photo if places is None else photo.at(places)
        for amounts in draw_filters(n, self.strength, generator).split(_CHUNK):
            yield Draws(_filtered(view, small, amounts), None)


def match_filters(pairs: Iterable[Pair], seed: int) -> FilterSampler:
    """Return the filters whose median strength is that of the composites, found by bisection."""
    kept = [(p.at(p.inside(_MATCHING_PIXELS)), _small(p.real)) for p in pairs]
    if not kept:
        return FilterSampler()
    errors = [foreground_error(view.composite, view.real, view.mask) for view, _ in kept]
    wanted = torch.cat(errors).median()
    draws = max(_MATCHING_DRAWS // len(kept), _CHUNK)

    def strength_of(scale: float) -> Tensor:
        amounts = draw_filters(len(kept) * draws, scale, torch.Generator().manual_seed(seed))
        errors = [
            foreground_error(_filtered(view, small, part), view.real, view.mask)
            for (view, small), part in zip(kept, amounts.split(draws), strict=True)
        ]
        return torch.cat(errors).median()

    low, high = 0.0, _LARGEST
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if strength_of(middle) < wanted else (low, middle)
    return FilterSampler(round((low + high) / 2, 3))


def build_samplers(
    augmenters: Mapping[str, SycoNetAugment],
    folder: HarmonyFolder,
    *,
    baselines: bool = False,
    looks: Tensor | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Sampler]]:
    """Return samplers by subset and name: augmenters, and on demand hand-made ones.

    Random mixtures are of the first augmenter's basis; looks are (L, 3, D, D, D).
    """
    samplers: dict[str, dict[str, Sampler]] = {}
    for subset in folder.subsets:
        chosen = samplers[subset] = {}
        for name, aug in augmenters.items():
            chosen[name] = CheckpointSampler(aug)
            if aug.varies:
                chosen[f"{name}, spatial 0"] = CheckpointSampler(aug, 0.0)
        if baselines:
            chosen["filters"] = FilterSampler()
            chosen[f"filters x {_SCALED:g}"] = FilterSampler(_SCALED)
            chosen["filters, matched"] = match_filters(_spread_pairs(folder, subset), seed)
            chosen["basis mixtures"] = BasisMixtures(next(iter(augmenters.values())).basis)
        if looks is not None:
            chosen["random looks"] = RandomLooks(looks)
    return samplers


def describe_samplers(samplers: Mapping[str, Mapping[str, Sampler]]) -> dict[str, str]:
    """Return a description of each sampler by name; by subset too where these differ."""
    described = {}
    for name in next(iter(samplers.values())):
        by_subset = {subset: str(chosen[name]) for subset, chosen in samplers.items()}
        first, *others = dict.fromkeys(by_subset.values())
        each = "; ".join(f"{text} ({subset})" for subset, text in by_subset.items())
        described[name] = each if others else first
    return described


def _spread_pairs(folder: HarmonyFolder, subset: str) -> Iterator[Pair]:
    """Return pairs of a subset with a foreground, some hundreds at most."""
    rows = [row for row, item in enumerate(folder.items) if item.subset == subset]
    for row in rows[:: max(len(rows) // _MATCHING_PAIRS, 1)]:
        pair = read_pair(folder, row)
        if pair.mask.sum() >= 1:
            yield pair


def _central(luts: Tensor, mask: Tensor) -> Tensor:
    """Return the LUTs (n, 3, D, D, D) of grids at the middle of a foreground's box."""
    quarter = torch.full((4,), 0.25)  # of each corner of the box
    share = torch.linalg.solve(frame_corners(mask)[0].mT, quarter)  # of each corner of the frame
    return torch.einsum("c,nc...->n...", share, luts.flatten(1, 2))


def _small(photo: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(photo, 32)


def _filtered(view: Pair, photo: Tensor, amounts: Tensor) -> Tensor:
    """Return composites (n, 3, H, W) of a view by n filters; photo: (1, 3, h, w)."""
    real, photo = (image.expand(len(amounts), -1, -1, -1) for image in (view.real, photo))
    return torch.lerp(real, apply_filters(real, photo, amounts), view.mask)
