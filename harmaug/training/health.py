"""Held-out figures that say whether a training is healthy, and the prior's calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harmaug.evaluation.draws import coverage, draw_errors, reconstruction_error, strength
from harmaug.evaluation.metrics import fmse
from harmaug.nets import Codes, LutNet
from harmaug.recipes.handmade import Recipe
from harmaug.training.pairs import Images, Pairs, PairSource

_CHUNK = 64
_ACTIVE = 0.01  # variance of posterior means above which a latent dimension counts as used
_DRAWS = 16


@dataclass(frozen=True)
class HeldOut:
    """Pairs that are not learnt from, by kind: a recipe's name or a subset's."""

    kinds: dict[str, Pairs]

    @classmethod
    def make(
        cls,
        photos: Images | None,
        recipes: Mapping[str, Recipe],
        pairs: Mapping[str, Images],
        count: int,
        generator: torch.Generator,
    ) -> HeldOut:
        """True pairs as they are, and ``count`` photos put through each recipe."""
        kinds: dict[str, Pairs] = {}
        if photos is not None:
            for name, recipe in recipes.items():
                source = PairSource(photos, None, recipe, jitter=0)
                kinds[name] = source.draw(count, generator)
        for name, images in pairs.items():
            rows = torch.randperm(len(images), generator=generator)[:count]
            kinds[f"{name} pairs" if name in kinds else name] = images.pairs(rows)
        return cls(kinds)


class Seen(NamedTuple):
    """Pairs as a net sees them; nothing learnt is in it.

    Attributes:
        condition: (N, ...), of `LutNet.condition`.
        change: (N, ...), of `LutNet.change`.
    """

    condition: Tensor
    change: Tensor


@torch.no_grad()
def calibrate(net: LutNet, seen: Seen, aside: Seen | None, generator: torch.Generator) -> None:
    """Fit the prior to the codes of training pairs; see `nets.Prior`.

    Args:
        net: the net, put in eval.
        seen: pairs to fit to.
        aside: pairs of other photos, which say when to stop.
        generator: on the CPU; draws codes to fit to.
    """
    net.eval()
    checked = None if aside is None else _codes(net, aside)
    net.prior.fit(_codes(net, seen), checked, generator=generator)


def _codes(net: LutNet, seen: Seen) -> Codes:
    device = net.basis.device
    parts = []
    for rows in zip(*(values.split(_CHUNK) for values in seen), strict=True):
        condition, change = (values.to(device) for values in rows)
        mean, log_variance = net.posterior(condition, change)
        parts.append((mean, log_variance.exp(), net.describe(condition)))
    return Codes(*(torch.cat(values) for values in zip(*parts, strict=True)))


@torch.no_grad()
def measure(net: LutNet, heldout: HeldOut, generator: torch.Generator) -> dict[str, Any]:
    """Held-out figures of a calibrated net.

    Returns:
        ``score``: log of the geometric mean of reconstruction and coverage over kinds, lower is
        better: a net that only rebuilds better may draw worse;
        ``active``: latent dimensions in use; and by kind medians of fMSE: ``composite``
        (untouched), ``reconstruction`` (mean latent), ``coverage`` (best of 16 draws), and
        ``strength`` (ratio of draws to composites, None where those are all as the photos).
    """
    net.eval()
    kinds: dict[str, dict[str, Any]] = {}
    means: list[Tensor] = []
    for name, held in heldout.kinds.items():
        real, mask, composite = (part.to(net.basis.device) for part in held)
        for chunk in zip(*(p.split(_CHUNK) for p in (real, mask, composite)), strict=True):
            means.append(net.posterior(net.condition(*chunk[:2]), net.change(*chunk))[0])
        untouched = fmse(composite, real, mask)
        to_composite, to_photo = draw_errors(net, real, mask, composite, _DRAWS, generator)
        ratio = strength(to_photo, untouched).item()
        kinds[name] = {
            "pairs": len(untouched),
            "composite": untouched.median().item(),
            "reconstruction": reconstruction_error(net, real, mask, composite, refine=False)
            .median()
            .item(),
            "coverage": coverage(to_composite).item(),
            "strength": ratio if math.isfinite(ratio) else None,
        }
    judged = [kind[name] for kind in kinds.values() for name in ("reconstruction", "coverage")]
    logs = [math.log(max(error, 1e-3)) for error in judged]
    return {
        "score": sum(logs) / max(len(logs), 1),
        "active": int((torch.cat(means).var(0) > _ACTIVE).sum()) if means else 0,
        "kinds": kinds,
    }
