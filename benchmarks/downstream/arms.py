"""The arms: ways to make the composites that a harmonizer trains on beside the original ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from sets import Data, TrainingSet, stream
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
        title: in tables.
        source: where synthetic composites come from, see `maker`; None makes none.
        geometry: whether there are flips and crops.
        checkpoint: whose draws they are: a packaged name, "domain" for the set's own, or
            "own" and "own-finetuned" for generators learnt from the set's pairs alone.
        candidates: of which the hardest is kept.
        fixed: composites of each photo that are drawn once and never again; None draws anew.
    """

    title: str
    source: str | None = "checkpoint"
    geometry: bool = True
    checkpoint: str | None = None
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
    "both": Arm("`unified` and filters, in turn", "both", checkpoint="unified"),
    "domain": Arm("dynamic, domain checkpoint", checkpoint="domain"),
    "own": Arm("dynamic, learnt from the pairs alone", checkpoint="own"),
    "own-finetuned": Arm("dynamic, finetuned on the pairs", checkpoint="own-finetuned"),
    "hard": Arm("the same, hardest of 4", checkpoint="own-finetuned", candidates=4),
    "recipe": Arm("true recipe (upper bound)", "recipe"),
}
# What is compared is what comes with flips and crops; these have no use for extra photos.
WITHOUT_PHOTOS = ("none", "flips")


def maker(
    arm: Arm, data: Data, training: TrainingSet, augment: SycoNetAugment | None, strength: float
) -> Make:
    """What makes an arm's composites.

    Args:
        arm: with a source.
        data: for looks.
        training: whose domain's strength is matched, and its recipe.
        augment: the loaded checkpoint, for arms that have one.
        strength: of checkpoints.
    """
    if arm.source == "both":
        parts = (replace(arm, source=source) for source in ("checkpoint", "filters"))
        return _in_turn(*(maker(part, data, training, augment, strength) for part in parts))
    if arm.source == "checkpoint":
        assert augment is not None
        chosen = augment  # for the closure below: it is no longer None

        def draw(real: Tensor, mask: Tensor, n: int) -> Tensor:
            candidates = arm.candidates and arm.candidates * n
            made = chosen.augment(real, mask, n, strength=strength, candidates=candidates)
            return made.flatten(0, 1)

        return draw
    if arm.source == "filters":
        return _once(RandomFilters())
    if arm.source == "filters-matched":
        return _once(RandomFilters(matched_strength(training)))
    if arm.source == "recipe":
        if training.recipe is None:
            raise ValueError(f"nobody knows the recipe of {training.domain}; leave this arm out.")
        return _once(training.recipe)
    if arm.source == "looks":
        looks = data.transforms()[0].looks
        if looks is None:
            raise ValueError(f"{data.root / 'transforms'} holds no looks.")
        return _blind(lambda count: _draw_looks(looks, count))
    if arm.source == "mixtures":
        assert augment is not None
        basis = augment.basis
        return _blind(lambda count: _draw_mixtures(basis, count))
    raise ValueError(f"unknown source {arm.source!r}.")


@functools.lru_cache(1)
def matched_strength(training: TrainingSet, pairs: int = 64) -> float:
    """Factor on the filters' ranges at which they are as strong as the set's composites."""
    rows = torch.randperm(len(training.pairs), generator=stream(0, "match"))[:pairs]
    some = training.pairs.take(rows)
    assert some.composite is not None
    columns = [values.float() / 255 for values in (some.real, some.composite)]
    return match_filters(
        [
            Pair(real.unsqueeze(0), mask.unsqueeze(0).float(), composite.unsqueeze(0))
            for real, mask, composite in zip(columns[0], some.mask, columns[1], strict=True)
        ],
        seed=0,
    ).strength


def _once(recipe: Callable[[Tensor, Tensor], Tensor]) -> Make:
    """A recipe makes one composite a photo; for n it is asked about n copies."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        return recipe(real.repeat_interleave(n, 0), mask.repeat_interleave(n, 0))

    return make


def _in_turn(one: Make, other: Make) -> Make:
    """Every second photo's composites come from the other."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        made = real.new_empty(len(real), n, *real.shape[1:])
        for start, source in enumerate((one, other)):
            rows = slice(start, None, 2)
            if len(real[rows]):
                made[rows] = source(real[rows], mask[rows], n).unflatten(0, (-1, n))
        return made.flatten(0, 1)

    return make


def _blind(draw: Callable[[int], Tensor]) -> Make:
    """Random LUTs, whatever the photo."""

    def make(real: Tensor, mask: Tensor, n: int) -> Tensor:
        luts = draw(len(real) * n).to(real).unflatten(0, (len(real), n))
        return composite_lut(real, mask, luts).flatten(0, 1)

    return make


def _draw_looks(looks: Tensor, count: int) -> Tensor:
    """LUTs (count, 3, D, D, D), drawn as `RandomLooks` draws them."""
    low, high = RandomLooks(looks).amount
    amount = torch.rand(count, 1, 1, 1, 1) * (high - low) + low
    chosen = looks[torch.randint(len(looks), (count,))]
    return torch.lerp(identity_lut(looks.shape[-1]), chosen, amount)


def _draw_mixtures(basis: Tensor, count: int) -> Tensor:
    """LUTs (count, 3, D, D, D), drawn as `BasisMixtures` draws them."""
    spread = torch.full((len(basis),), BasisMixtures(basis).concentration)
    weights = torch.distributions.Dirichlet(spread).sample((count,))
    return mix_luts(weights.to(basis), basis)
