"""Ways to draw composites of a photo: checkpoints, and the hand-made ones they must beat.

A sampler decides by the whole photo and recolours a view of it, the whole frame or its foreground
alone (`Pair.foreground`), in chunks, so that few draws are in memory at once. The same generator
gives the same draws on every view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.augment import SycoNetAugment
from harmaug.evaluation.metrics import fmse
from harmaug.evaluation.pairs import Pair
from harmaug.lut import composite_lut, identity_lut, lut_roughness, mix_luts
from harmaug.nets import LutNet
from harmaug.recipes.filters import apply_filters, draw_filters

_CHUNK = 8  # draws at once
_MATCHING_PIXELS = 1024  # of a foreground, enough to tell its strength
_MATCHING_DRAWS = 1024  # over all pairs, or more


class Draws(NamedTuple):
    """Some draws of one photo.

    Attributes:
        composites: (n, 3, H, W) in [0, 1].
        roughness: (n,) `lut_roughness` of the LUTs that made them, or None where none did.
    """

    composites: Tensor
    roughness: Tensor | None


class Sampler(Protocol):
    """A way to draw composites; see the module."""

    def __call__(
        self, photo: Pair, view: Pair, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        """Draw n composites of ``view``; neither pair's composite is looked at."""
        ...

    def __str__(self) -> str:
        """What it is, in a few words."""
        ...


@dataclass(frozen=True)
class CheckpointSampler:
    """Draws as `SycoNetAugment` does, those replaced that would spoil the photo.

    Attributes:
        net: the generator, in eval.
    """

    net: LutNet

    def __str__(self) -> str:
        return "checkpoint, drawn by SycoNetAugment: latents of N(0, I), none that spoils its photo"

    def __call__(
        self, photo: Pair, view: Pair, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        augment = SycoNetAugment(self.net)
        for part in augment.sample(photo.real, photo.mask, n, generator=generator).split(_CHUNK, 1):
            yield _recoloured(view, part)


@dataclass(frozen=True)
class BasisMixtures:
    """Random mixtures of a LUT basis, whatever the photo: what a net adds to its basis.

    Attributes:
        basis: (K, 3, D, D, D).
        concentration: of the Dirichlet distribution of the weights; 1 is uniform over all convex
            mixtures, less takes fewer LUTs at once and so stronger changes. Of 0.03 to 1, 0.5
            covered real composites best.
    """

    basis: Tensor
    concentration: float = 0.5

    def __str__(self) -> str:
        return (
            f"{len(self.basis)} LUTs mixed by weights from a Dirichlet distribution of "
            f"concentration {self.concentration:g}, blind to the photo"
        )

    def __call__(
        self, photo: Pair, view: Pair, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        seed = int(torch.randint(2**62, (), generator=generator))
        shape = np.full(len(self.basis), self.concentration)
        drawn = np.random.default_rng(seed).dirichlet(shape, (1, n))
        for part in torch.from_numpy(drawn).float().split(_CHUNK, 1):
            yield _recoloured(view, mix_luts(part, self.basis))


@dataclass(frozen=True)
class RandomLooks:
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

    def __call__(
        self, photo: Pair, view: Pair, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        low, high = self.amount
        chosen = torch.randint(len(self.looks), (n,), generator=generator)
        amount = torch.rand(n, 1, 1, 1, 1, generator=generator) * (high - low) + low
        luts = torch.lerp(identity_lut(self.looks.shape[-1]), self.looks[chosen], amount)
        for part in luts.unsqueeze(0).split(_CHUNK, 1):
            yield _recoloured(view, part)


@dataclass(frozen=True)
class FilterSampler:
    """Hand-made random filters.

    Attributes:
        strength: scales the published ranges.
    """

    strength: float = 1.0

    def __str__(self) -> str:
        return f"hand-made random filters, published ranges x {self.strength:g}"

    def __call__(
        self, photo: Pair, view: Pair, n: int, generator: torch.Generator
    ) -> Iterator[Draws]:
        small = _small(photo.real)
        for amounts in draw_filters(n, self.strength, generator).split(_CHUNK):
            yield Draws(_filtered(view, small, amounts), None)


def match_filters(pairs: Iterable[Pair], seed: int, largest: float = 1.6) -> FilterSampler:
    """The filters whose median strength is that of a domain's composites, found by bisection.

    Args:
        pairs: of the domain.
        seed: draws the same filters at every strength.
        largest: the strength tried at most; beyond 1.6 filters reach the poles of their formulas.
    """
    kept = [(pair.foreground(_MATCHING_PIXELS), _small(pair.real)) for pair in pairs]
    if not kept:
        return FilterSampler()
    wanted = torch.cat([fmse(view.composite, view.real, view.mask) for view, _ in kept]).median()

    draws = max(_MATCHING_DRAWS // len(kept), _CHUNK)

    def strength_of(scale: float) -> Tensor:
        amounts = draw_filters(len(kept) * draws, scale, torch.Generator().manual_seed(seed))
        errors = [
            foreground_error(_filtered(view, small, part), view.real, view.mask)
            for (view, small), part in zip(kept, amounts.split(draws), strict=True)
        ]
        return torch.cat(errors).median()

    low, high = 0.0, largest
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if strength_of(middle) < wanted else (low, middle)
    return FilterSampler(round((low + high) / 2, 3))


def foreground_error(composites: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """`fmse` (n,) of n composites (n, 3, H, W) to one picture (1, 3, H, W)."""
    count = len(composites)
    return fmse(composites, wanted.expand(count, -1, -1, -1), mask.expand(count, -1, -1, -1))


def _small(photo: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(photo, 32)


def _filtered(view: Pair, photo: Tensor, amounts: Tensor) -> Tensor:
    """Composites (n, 3, H, W) of the view by n filters; photo: (1, 3, h, w)."""
    real, photo = (image.expand(len(amounts), -1, -1, -1) for image in (view.real, photo))
    return torch.lerp(real, apply_filters(real, photo, amounts), view.mask)


def _recoloured(view: Pair, luts: Tensor) -> Draws:
    """The view through LUTs (1, n, 3, D, D, D)."""
    return Draws(composite_lut(view.real, view.mask, luts)[0], lut_roughness(luts[0]))
