"""Mixtures and compositions of recipes, and recipes by name.

A name ``a+b`` means recipe a, then recipe b on top of its result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from harmaug.recipes.color_transfer import ColorTransfer
from harmaug.recipes.filters import RandomFilters
from harmaug.recipes.illuminant import Illuminant
from harmaug.recipes.relight import Relight
from harmaug.recipes.retouch import Retouch
from harmaug.recipes.transforms import Transforms

_NAMES = ("color-transfer", "retouch", "illuminant", "filters", "relight", "transplant")
_SOURCES = {"illuminant": "illuminant polynomials", "transplant": "true pairs to fit changes to"}


class Recipe(Protocol):
    """Hand-made way to make composites; any callable with this signature is one."""

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) in [0, 1]; the background keeps its bits.

        Args:
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            generator: on the CPU; torch's own if not given.
        """
        ...


@dataclass(frozen=True)
class Mixture:
    """Give each photo of a batch one of several recipes.

    Attributes:
        parts: recipes, each with how often it is chosen: any positive numbers.
    """

    parts: Sequence[tuple[Recipe, float]]

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites; shapes and ranges as in `Recipe`."""
        shares = torch.tensor([share for _, share in self.parts], dtype=torch.float64)
        chosen = torch.multinomial(shares, len(real), replacement=True, generator=generator)
        composite = real.clone()
        for index, (recipe, _) in enumerate(self.parts):
            rows = (chosen == index).nonzero().flatten().to(real.device)
            if len(rows) == 1:  # a transfer needs a second photo, to take its colours
                rows = torch.stack((rows[0], (rows[0] + 1) % len(real)))
                composite[rows[0]] = recipe(real[rows], mask[rows], generator)[0]
            elif len(rows):
                composite[rows] = recipe(real[rows], mask[rows], generator)
        return composite


@dataclass(frozen=True)
class Composition:
    """Put several recipes on top of each other, in order.

    Attributes:
        parts: recipes; each takes the composite of the one before as its photo.
    """

    parts: Sequence[Recipe]

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites; shapes and ranges as in `Recipe`."""
        composite = real.clone()
        for recipe in self.parts:
            composite = recipe(composite, mask, generator)
        return composite


def split_name(name: str) -> list[str]:
    """Return the names of the recipes that ``+`` joins in a name.

    Raises:
        ValueError: one of them is unknown.
    """
    parts = name.split("+")
    for part in parts:
        if part not in _NAMES:
            expected = f"expected one of {', '.join(_NAMES)}, or several joined by +"
            raise ValueError(f"unknown recipe {part!r}, {expected}.")
    return parts


def build_recipe(
    shares: Mapping[str, float], transforms: Transforms, transplant: Recipe | None = None
) -> Recipe:
    """Build the mixture of recipes by name.

    Args:
        shares: name -> how often, of color-transfer, retouch, illuminant, filters, relight,
            transplant; and of several, such as ``filters+relight``: each on top of the one before.
        transforms: looks and polynomials that "retouch" and "illuminant" draw from.
        transplant: the recipe of that name (`Transplant.fit`), where there are true pairs.

    Raises:
        ValueError: an unknown name, none at all, or a recipe that lacks what it draws from.
    """
    known: dict[str, Recipe | None] = {
        "color-transfer": ColorTransfer(),
        "retouch": Retouch(transforms.looks, transforms.white_balance),
        "illuminant": None,
        "filters": RandomFilters(),
        "relight": Relight(),
        "transplant": transplant,
    }
    if transforms.to_standard is not None and transforms.from_standard is not None:
        known["illuminant"] = Illuminant(transforms.to_standard, transforms.from_standard)
    parts: list[tuple[Recipe, float]] = []
    for names, share in shares.items():
        layers = []
        for name in split_name(names):
            if (recipe := known[name]) is None:
                raise ValueError(f"the recipe {name!r} needs {_SOURCES[name]}.")
            layers.append(recipe)
        parts.append((layers[0] if len(layers) == 1 else Composition(layers), share))
    if not parts:
        raise ValueError(f"no recipe was named; there are {', '.join(_NAMES)}.")
    return parts[0][0] if len(parts) == 1 else Mixture(parts)
