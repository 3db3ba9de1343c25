"""Arms: ways to make the synthetic composites that a harmonizer trains on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from sets import Data, TrainingSet, named_generator
from torch import Tensor

from harmaug import SycoNetAugment, composite_lut, identity_lut, mix_luts
from harmaug.evaluation.pairs import Pair
from harmaug.evaluation.samplers import BasisMixtures, RandomLooks, match_filters
from harmaug.recipes.filters import RandomFilters

Make = Callable[[Tensor, Tensor, int], Tensor]
"""(B, 3, H, W) in [0, 1], (B, 1, H, W) and n -> composites (B * n, 3, H, W), those of a photo
together."""


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        title: its name in tables.
        source: of the synthetic composites, see `maker`; None makes none.
        geometry: flip and crop.
        checkpoint: that draws them: a packaged name, "domain" for that of the set's domain, or
            "own" and "own-finetuned" for nets trained on the set's pairs alone.
        light: keep the light of the checkpoint, if it has one.
        candidates: draws of which the hardest is kept.
        fixed: composites of each photo, drawn once for the whole training; None draws anew.
    """

    title: str
    source: str | None = "checkpoint"
    geometry: bool = True
    checkpoint: str | None = None
    light: bool = True
    candidates: int | None = None
    fixed: int | None = None


ARMS = {
    "none": Arm("none", None, geometry=False),
    "flips": Arm("flips and crops only", None),
    "filters": Arm("filters, as published", "filters"),
    "filters-matched": Arm("filters, matched strength", "filters-matched"),
    "looks": Arm("random looks", "looks"),
    "mixtures": Arm("random basis mixtures", "mixtures", checkpoint="unified"),
    "static": Arm("static, finetuned on the pairs", checkpoint="own-finetuned", fixed=4),
    "unified": Arm("dynamic, `unified`", checkpoint="unified"),
    "unlit": Arm("dynamic, `unified` without its light", checkpoint="unified", light=False),
    "both": Arm(
        "`unified` without its light and filters, in turn",
        "both",
        checkpoint="unified",
        light=False,
    ),
    "domain": Arm("dynamic, domain checkpoint", checkpoint="domain"),
    "own": Arm("dynamic, learnt from the pairs alone", checkpoint="own"),
    "own-finetuned": Arm("dynamic, finetuned on the pairs", checkpoint="own-finetuned"),
    "hard": Arm("the same, hardest of 4", checkpoint="own-finetuned", candidates=4),
    "recipe": Arm("true recipe (upper bound)", "recipe"),
}
WITHOUT_PHOTOS = ("none", "flips")  # arms without synthetic composites have no use for photos


def maker(
    arm: Arm, data: Data, training: TrainingSet, aug: SycoNetAugment | None, strength: float
) -> Make:
    """Return the function that makes an arm's composites.

    Args:
        arm: with a source.
        data: holds the looks.
        training: gives the recipe, and the strength that filters are matched to.
        aug: the loaded checkpoint, for arms that have one.
        strength: of the checkpoint's draws.
    """
    if arm.source == "both":
        parts = (replace(arm, source=source) for source in ("checkpoint", "filters"))
        return _in_turn(*(maker(part, data, training, aug, strength) for part in parts))
    if arm.source == "checkpoint":
        assert aug is not None
        drawing = aug if arm.light else aug.without_light()
        candidates = arm.candidates or 0

        def draw(real: Tensor, mask: Tensor, n: int) -> Tensor:
            return drawing.augment(
                real, mask, n, strength=strength, candidates=candidates * n or None
            ).flatten(0, 1)

        return draw
    if arm.source == "filters":
        return of_recipe(RandomFilters())
    if arm.source == "filters-matched":
        return of_recipe(RandomFilters(matched_strength(training)))
    if arm.source == "recipe":
        if training.recipe is None:
            raise ValueError(f"the recipe of {training.domain} is not known; leave this arm out.")
        return of_recipe(training.recipe)
    if arm.source == "looks":
        looks = data.transforms()[0].looks
        if looks is None:
            raise ValueError(f"{data.root / 'transforms'} holds no looks.")
        return _blind(functools.partial(_draw_looks, looks))
    if arm.source == "mixtures":
        assert aug is not None
        return _blind(functools.partial(_draw_mixtures, aug.basis))
    raise ValueError(f"unknown source {arm.source!r}.")


@functools.lru_cache(1)
def matched_strength(training: TrainingSet, pairs: int = 64) -> float:
    """Return the factor on the filters' ranges that makes them as strong as the composites."""
    rows = torch.randperm(len(training.pairs), generator=named_generator(0, "match"))[:pairs]
    some = training.pairs.take(rows)
    assert some.composite is not None
    columns = some.real.float() / 255, some.mask.float(), some.composite.float() / 255
    return match_filters(
        (Pair(*(image.unsqueeze(0) for image in row)) for row in zip(*columns, strict=True)), seed=0
    ).strength


def of_recipe(recipe: Callable[[Tensor, Tensor], Tensor]) -> Make:
    """Return n composites of a photo: those of n copies, as a recipe makes one of each photo."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        return recipe(real.repeat_interleave(n, 0), mask.repeat_interleave(n, 0))

    return make


def _in_turn(one: Make, other: Make) -> Make:
    """Make the composites of every second photo with ``other``."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        made = real.new_empty(len(real), n, *real.shape[1:])
        for start, source in enumerate((one, other)):
            rows = slice(start, None, 2)
            if len(real[rows]):
                made[rows] = source(real[rows], mask[rows], n).unflatten(0, (-1, n))
        return made.flatten(0, 1)

    return make


def _blind(draw: Callable[[int], Tensor]) -> Make:
    """Recolour with random LUTs, without a look at the photo."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        luts = draw(len(real) * n).to(real).unflatten(0, (len(real), n))
        return composite_lut(real, mask, luts).flatten(0, 1)

    return make


# `RandomLooks` and `BasisMixtures` draw the same in another order, and other results with it.
def _draw_looks(looks: Tensor, count: int) -> Tensor:
    """Return LUTs (count, 3, D, D, D) from the distribution of `RandomLooks`."""
    low, high = RandomLooks(looks).amount
    amount = torch.rand(count, 1, 1, 1, 1) * (high - low) + low
    chosen = looks[torch.randint(len(looks), (count,))]
    return torch.lerp(identity_lut(looks.shape[-1]), chosen, amount)


def _draw_mixtures(basis: Tensor, count: int) -> Tensor:
    """Return LUTs (count, 3, D, D, D) from the distribution of `BasisMixtures`."""
    spread = torch.full((len(basis),), BasisMixtures(basis).concentration)
    weights = torch.distributions.Dirichlet(spread).sample((count,))
    return mix_luts(weights.to(basis), basis)
