"""Augmenters of an adapter: one, a list to take from at random, or names and a callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from harmaug.augment import LutAugment

Augmenters = LutAugment | Sequence[LutAugment] | Mapping[str, LutAugment]
"""One augmenter; several, of which each sample takes one at random; or several by name."""

Route = Callable[[Any], Any]
"""Takes a batch or sample, returns names of augmenters, or None."""


def check_augmenters(augment: Any, route: Any) -> None:
    """Raise unless this is an augmenter, or several, with a callable that picks if by name."""
    for one in each(augment):
        if not (hasattr(one, "decide") and hasattr(one, "recolour")):
            raise TypeError(
                f"augment must be a SycoNetAugment, got {type(one).__name__}; "
                "load one with SycoNetAugment.from_pretrained(name)."
            )
    if isinstance(augment, Mapping) != (route is not None):
        raise ValueError(
            "route picks among several augmenters: give augment={name: augmenter, ...} together "
            "with route=callable, or one augmenter, or a list of them, and no route."
        )
    if isinstance(augment, Sequence) and not augment:
        raise ValueError("augment is an empty list; give at least one augmenter.")


def each(augment: Augmenters) -> list[LutAugment]:
    """Return all augmenters."""
    if isinstance(augment, Mapping):
        return list(augment.values())
    return list(augment) if isinstance(augment, Sequence) else [augment]


def pick_augmenter(augmenters: Mapping[str, LutAugment], name: Any) -> LutAugment:
    """Return the augmenter of that name; raise KeyError and list the names if there is none."""
    if name not in augmenters:
        raise KeyError(f"route returned {name!r}; the augmenters are {', '.join(augmenters)}.")
    return augmenters[name]


def pick_at_random(
    augmenters: Sequence[LutAugment], samples: int, generator: torch.Generator | None
) -> list[tuple[LutAugment, list[int]]]:
    """Return each augmenter with the samples that it serves; all are as likely for a sample."""
    chosen = torch.randint(len(augmenters), (samples,), generator=generator).tolist()
    served = [[row for row in range(samples) if chosen[row] == k] for k in range(len(augmenters))]
    return list(zip(augmenters, served, strict=True))


def check_length(name: str, values: Sequence[Any], size: int) -> None:
    """Raise unless a callable gave one value for each sample."""
    if len(values) != size:
        raise ValueError(
            f"{name} must return one value for each of the {size} samples, got {len(values)}."
        )
