"""Augmenters of an adapter: one, or several by name and a callable that picks for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harmaug.augment import SycoNetAugment


def check_augmenters(augment: Any, route: Any) -> None:
    """Raise unless this is an augmenter, or augmenters by name and the callable that picks."""
    several = isinstance(augment, Mapping)
    for one in augment.values() if several else [augment]:
        if not (hasattr(one, "decide") and hasattr(one, "recolour")):
            raise TypeError(
                f"augment must be a SycoNetAugment, got {type(one).__name__}; "
                "load one with SycoNetAugment.from_pretrained(name)."
            )
    if several != (route is not None):
        raise ValueError(
            "route picks among several augmenters: give augment={name: augmenter, ...} together "
            "with route=callable, or one augmenter and no route."
        )


def pick_augmenter(augmenters: Mapping[str, SycoNetAugment], name: Any) -> SycoNetAugment:
    """Return the augmenter of that name; raise KeyError and list the names if there is none."""
    if name not in augmenters:
        raise KeyError(f"route returned {name!r}; the augmenters are {', '.join(augmenters)}.")
    return augmenters[name]


def check_length(name: str, values: Sequence[Any], size: int) -> None:
    """Raise unless a callable gave one value for each sample."""
    if len(values) != size:
        raise ValueError(
            f"{name} must return one value for each of the {size} samples, got {len(values)}."
        )
