"""Value spaces: how a host codebase scales the RGB values of its tensors."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

# A resized photo overshoots [0, 1] a little; a wrong space is off by far more.
_TOLERANCE = 0.02


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
        """The space of that name, or of that ``(mean, std)``; raise where it is neither."""
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
        """Stored values (..., 3, H, W) -> sRGB in [0, 1]; the same tensor for "unit"."""
        if self.name == "unit":
            return stored
        return stored * self._column(self.std, stored) + self._column(self.mean, stored)

    def encode(self, unit: Tensor) -> Tensor:
        """SRGB in [0, 1] (..., 3, H, W) -> stored values; the same tensor for "unit"."""
        if self.name == "unit":
            return unit
        return (unit - self._column(self.mean, unit)) / self._column(self.std, unit)

    def check(self, unit: Tensor, name: str = "real") -> None:
        """Raise where decoded values are NaN or outside [-0.02, 1.02]: the space is not this one.

        Args:
            unit: decoded values of any shape.
            name: what to call the tensor in the message.
        """
        if not unit.numel():
            return
        low, high = (value.item() for value in unit.detach().aminmax())
        if low != low or high != high:  # aminmax hands a NaN through
            raise ValueError(f"{name} holds NaN; check the data or the normalisation before it.")
        if low < -_TOLERANCE or high > 1 + _TOLERANCE:
            raise ValueError(
                f"{name} decoded from space {self.name!r} spans [{low:.3f}, {high:.3f}], expected "
                f"[0, 1]; declare the space your loader really uses: "
                f"{', '.join(map(repr, SPACES))} or (mean, std)."
            )

    @staticmethod
    def _column(values: tuple[float, float, float], like: Tensor) -> Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(3, 1, 1)


def _three(values: Any) -> tuple[float, float, float]:
    """One number or three, from any container; raise TypeError or ValueError otherwise."""
    first, second, third = values if hasattr(values, "__len__") else [values] * 3
    return float(first), float(second), float(third)


SpaceLike = str | Space | tuple[Any, Any]

SPACES = {
    "unit": Space("unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "pm1": Space("pm1", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": Space("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
