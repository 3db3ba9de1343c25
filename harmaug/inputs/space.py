"""Value spaces: the scaling of RGB values in a host codebase's tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from harmaug.inputs.transfer import constant


class Space(NamedTuple):
    """An affine scaling of sRGB values, ``stored = (unit - mean) / std`` per channel.

    Attributes:
        name: "unit", "pm1", "imagenet" or "custom".
        mean: three values, subtracted from unit values.
        std: three values, divided by.
    """

    name: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, space: SpaceLike) -> Space:
        """Return the space of that name or of that ``(mean, std)``.

        Raises:
            ValueError: ``space`` is neither a known name nor a pair of finite numbers.
        """
        if isinstance(space, Space):
            return space
        if isinstance(space, str):
            if space not in SPACES:
                raise ValueError(
                    f"space must be one of {', '.join(map(repr, SPACES))} or (mean, std), "
                    f"got {space!r}."
                )
            return SPACES[space]
        try:
            mean, std = map(_three, space)
        except (TypeError, ValueError):
            mean = std = (math.nan,) * 3
        if not all(map(math.isfinite, mean + std)) or min(std) <= 0:
            raise ValueError(
                "space must be a name or (mean, std), each one finite number or three, std "
                f"above 0, got {space!r}."
            )
        return cls("custom", mean, std)

    def decode(self, stored: Tensor) -> Tensor:
        """Return stored values (..., 3, H, W) as sRGB in [0, 1]; the same tensor for "unit"."""
        if self.name == "unit":
            return stored
        return stored * self._column(self.std, stored) + self._column(self.mean, stored)

    def encode(self, unit: Tensor) -> Tensor:
        """Return sRGB in [0, 1] (..., 3, H, W) as stored values; the same tensor for "unit"."""
        if self.name == "unit":
            return unit
        return (unit - self._column(self.mean, unit)) / self._column(self.std, unit)

    def span(self, low: Sequence[float], high: Sequence[float]) -> tuple[float, float]:
        """Return the least and the greatest unit value of stored channel extremes (3,)."""
        ends = [
            [value * std + mean for value, mean, std in zip(side, self.mean, self.std, strict=True)]
            for side in (low, high)
        ]
        return min(ends[0]), max(ends[1])

    @staticmethod
    def _column(values: tuple[float, float, float], like: Tensor) -> Tensor:
        return constant(values, like).view(3, 1, 1)


def _three(values: Any) -> tuple[float, float, float]:
    """Return one number or three, from any container, as three."""
    first, second, third = values if hasattr(values, "__len__") else [values] * 3
    return float(first), float(second), float(third)


SpaceLike = str | Space | tuple[Any, Any]

SPACES = {
    "unit": Space("unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "pm1": Space("pm1", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": Space("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
