"""The door: photos, their masks and their value space, checked once for every way in.

A photo is floating point in its declared space, or uint8 sRGB. A mask is bool, floating point in
[0, 1], integers of which only 0 and 1 occur (labels), or uint8 in 0..255. What passes is one
`Inputs`; nothing behind the door checks it again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

PHOTO_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8)
_WIDE = (torch.uint16, torch.uint32, torch.uint64)  # torch cannot compare these
_SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
_MASK_DTYPES = (*PHOTO_DTYPES, *_WIDE, *_SIGNED, torch.bool)
_OVERSHOOT = 0.02  # how far a resized photo or mask may leave [0, 1]; a wrong space is off by more
_NARROW = 1e-3  # how exactly photos fill the range of another space before a warning says so
_LABEL_SHARE = 0.01  # of a picture; a faint edge alone is never larger
_LABEL_LIMIT = 0.1  # of the range; a mask that stays below hardly changes its photo
_OPAQUE = 0.98  # of the range; a mask of 0 and this is a mask of 0 and 1


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
        return torch.tensor(values, dtype=like.dtype, device=like.device).view(3, 1, 1)


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


@dataclass(frozen=True, eq=False)
class Inputs:
    """Photos and masks that passed the door.

    Attributes:
        real: (B, 3, H, W), the photos as given.
        mask: (B, 1, H, W) in [0, 1], float32, or float64 beside float64 photos.
        space: the value space of ``real``.
        foreground: for each photo, whether its mask is above 0 anywhere.
        batched: whether ``real`` was given with a batch axis.
        overshot: whether ``real`` leaves [0, 1] a little.
    """

    real: Tensor
    mask: Tensor
    space: Space
    foreground: tuple[bool, ...]
    batched: bool = True
    overshot: bool = False

    @cached_property
    def photo(self) -> Tensor:
        """The photos as nets read them: (B, 3, H, W), float32 sRGB in [0, 1]."""
        if self.real.dtype == torch.uint8:
            return self.real.float() / 255
        decoded = self.space.decode(self.real.float())
        return decoded.clamp(0, 1) if self.overshot else decoded

    def to(self, device: torch.device) -> Inputs:
        """Return the inputs on a device; the same object where they are there."""
        if self.real.device == device:
            return self
        return replace(self, real=move(self.real, device), mask=move(self.mask, device))

    def rows(self, rows: Sequence[int]) -> Inputs:
        """Return the photos of some rows, sorted and distinct; the same object where all are."""
        if len(rows) == len(self.real):
            return self
        index = torch.tensor(rows, dtype=torch.int64, device=self.real.device)
        foreground = tuple(self.foreground[row] for row in rows)
        return replace(self, real=self.real[index], mask=self.mask[index], foreground=foreground)


def check_inputs(
    real: Tensor,
    mask: Tensor,
    space: SpaceLike = "unit",
    *,
    device: torch.device | None = None,
    names: tuple[str, str] = ("real", "mask"),
) -> Inputs:
    """Check photos and masks; on a GPU this waits for the device once.

    Args:
        real: (B, 3, H, W) or (3, H, W), floating point in ``space``, or uint8 sRGB. Overshoot of
            up to 0.02 beyond [0, 1], as resampling leaves it, is clamped.
        mask: (B, 1, H, W), (B, H, W), (1, H, W) or (H, W); bool, floating point in [0, 1] (the
            same overshoot is clamped), integers of which only 0 and 1 occur, or uint8 in 0..255.
        space: the value space of ``real``.
        device: where both must be; anywhere if not given.
        names: what messages call the two.

    Raises:
        TypeError: one of them is no tensor, or of a dtype that has no reading here.
        ValueError: a wrong shape, device, space or range, NaN, or a mask that could be read in two
            ways or that would leave every photo as it is.
    """
    space = Space.of(space)
    photo = as_photos(real, names[0])
    alpha = as_masks(mask, photo, names)
    if device is not None and photo.device != device:
        raise ValueError(
            f"{names[0]} is on {photo.device} but the augmenter is on {device}; "
            f"move one of them, for example aug.to({str(photo.device)!r})."
        )
    if photo.dtype == torch.uint8 and space.name != "unit":
        raise ValueError(
            f"{names[0]} is uint8, which is sRGB, but its declared space is {space.name!r}; "
            "declare space='unit', or scale the photos as declared."
        )
    compute = torch.float64 if photo.dtype == torch.float64 else torch.float32
    if not alpha.numel():
        return Inputs(photo, alpha.to(compute), space, (False,) * len(photo), real.ndim == 4)
    # One read of all figures, for each would wait for a GPU.
    seen = (alpha.long() if alpha.dtype in _WIDE else alpha.detach()).flatten(1)
    if alpha.dtype == torch.bool:
        least, most = None, seen.any(1)
    elif alpha.dtype == torch.uint8:
        least, most = None, seen.amax(1)
    else:
        least, most = seen.amin(1), seen.amax(1)  # the fused aminmax is slow along an axis
    parts = [most] if least is None else [most, least]
    if photo.dtype != torch.uint8:
        channels = photo.detach()
        parts += [channels.amin((0, 2, 3)), channels.amax((0, 2, 3))]
    figures = torch.cat(parts).tolist()
    highest, figures = figures[: len(photo)], figures[len(photo) :]
    lowest = figures[: len(photo)] if least is not None else [0.0] * len(photo)
    overshot = photo.dtype != torch.uint8 and _overshoots(
        figures[-6:-3], figures[-3:], space, len(photo), names[0]
    )
    alpha = _as_opacity(alpha, min(lowest), highest, names[1]).to(compute)
    foreground = tuple(value > 0 for value in highest)
    return Inputs(photo, alpha, space, foreground, real.ndim == 4, overshot)


def move(value: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on a device."""
    # Only a copy to the GPU may run ahead: one to the CPU could be read before it has arrived.
    return value.to(device, non_blocking=device.type == "cuda")


def as_photos(image: Tensor, name: str = "image") -> Tensor:
    """Return photos as (B, 3, H, W), of any values.

    Raises:
        TypeError: no dense tensor, or neither floating point nor uint8.
        ValueError: a shape other than (B, 3, H, W) or (3, H, W).
    """
    _check_dense(image, name)
    if image.ndim not in (3, 4) or image.shape[-3] != 3:
        raise ValueError(f"{name} must be (B, 3, H, W) or (3, H, W), got {tuple(image.shape)}.")
    if image.dtype not in PHOTO_DTYPES:
        raise TypeError(f"{name} must be floating point or uint8, got {image.dtype}.")
    return image if image.ndim == 4 else image.unsqueeze(0)


def as_masks(mask: Tensor, image: Tensor, names: tuple[str, str] = ("image", "mask")) -> Tensor:
    """Return masks as (B, 1, H, W) beside photos (B, 3, H, W), of any values.

    Raises:
        TypeError: no dense tensor, or of a dtype without a reading.
        ValueError: a shape that does not match, or another device.
    """
    batch, height, width = image.shape[0], *image.shape[2:]
    shapes = [(batch, 1, height, width), (batch, height, width)]
    if batch == 1:
        shapes += [(1, height, width), (height, width)]
    _check_dense(mask, names[1])
    if tuple(mask.shape) not in shapes:
        raise ValueError(
            f"{names[1]} must be {shapes[0]} or {shapes[1]} to match {names[0]}, "
            f"got {tuple(mask.shape)}."
        )
    if mask.dtype not in _MASK_DTYPES:
        raise TypeError(f"{names[1]} must be bool, floating point or integers, got {mask.dtype}.")
    if mask.device != image.device:
        raise ValueError(
            f"{names[1]} is on {mask.device} but {names[0]} is on {image.device}; move both to one "
            "device."
        )
    return mask.reshape(batch, 1, height, width)


def _check_dense(value: Tensor, name: str) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}.")
    if value.layout != torch.strided or value.is_nested:
        kind = "nested" if value.is_nested else str(value.layout)
        raise TypeError(f"{name} must be a dense tensor, got a {kind} one.")


def opacity(codes: Tensor, name: str = "mask") -> Tensor:
    """Return integer mask values as opacities in [0, 1], float32, by one rule for all of them.

    Nothing but 0 and 1 are labels; other values count up to 255, or to 65535 in 16 bits.

    Args:
        codes: uint8 or uint16, any shape.
        name: what messages call it.

    Raises:
        ValueError: the values could be class ids as well as opacities.
    """
    top = 255 if codes.dtype == torch.uint8 else 65535
    values = codes.float()
    most = values.amax().item() if codes.numel() else 0.0
    if most <= 1:
        return values
    if most < _OPAQUE * top:
        inside = values[values > 0]
        large = len(inside) > _LABEL_SHARE * values.numel()
        if large and (most < _LABEL_LIMIT * top or bool((inside == inside[0]).all())):
            raise ValueError(
                f"{name} has values up to {most:.0f} of {top}, which could be class ids or a faint "
                f"opacity; for class ids give mask == {most:.0f} or mask > 0, for opacity "
                f"mask / {top} in floating point."
            )
    return values / top


def _as_opacity(mask: Tensor, low: float, highest: Sequence[float], name: str) -> Tensor:
    """Return masks (B, 1, H, W) of any dtype as opacities; ``low``, ``highest``: their extremes."""
    high = max(highest)
    if mask.dtype == torch.bool:
        return mask
    if mask.dtype == torch.uint8:
        return opacity(mask, name) if high > 1 else mask
    if not mask.is_floating_point():
        if low < 0 or high > 1:
            raise ValueError(
                f"{name} is {mask.dtype} with values from {low:.0f} to {high:.0f}, expected labels "
                "0 and 1; give mask == id or mask > 0, or for 8 bits mask.to(torch.uint8)."
            )
        return mask
    if math.isnan(low) or any(map(math.isnan, highest)):
        raise ValueError(f"{name} holds NaN; check the data or the step before it.")
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise ValueError(
            f"{name} spans [{low:.3g}, {high:.3g}], expected [0, 1], 1 = foreground; divide 8-bit "
            "values by 255, and clamp after a resampling that overshoots."
        )
    for row, most in enumerate(highest):
        if 0 < most < _LABEL_LIMIT:
            _check_faint(mask[row], most, name)
    return mask if low >= 0 and high <= 1 else mask.clamp(0, 1)


def _check_faint(mask: Tensor, most: float, name: str) -> None:
    """Raise where a mask in [0, 1] looks like labels that were divided by 255 or by more."""
    inside = mask[mask > 0]
    label = round(most * 255)
    scaled = label < 1 or abs(most * 255 - label) < 1e-2
    large = len(inside) > _LABEL_SHARE * mask.numel()
    if large and scaled and bool((inside == inside[0]).all()):
        value = f"{label}/255" if label else f"{most:.3g}"
        raise ValueError(
            f"{name} holds nothing but 0 and {value}: labels that were divided by 255 or by more, "
            "or a foreground that nearly keeps its colours; for labels give mask > 0."
        )


def _overshoots(
    low: Sequence[float], high: Sequence[float], space: Space, count: int, name: str
) -> bool:
    """Return whether photos with these channel extremes leave [0, 1]; raise if they cannot be.

    A narrower space inside a wider one passes. But several photos that reach both ends of the
    narrower one and never leave it are most likely of the narrower: a warning says so.
    """
    least, most = space.span(low, high)
    if any(map(math.isnan, (*low, *high))):
        raise ValueError(f"{name} holds NaN; check the data or the normalisation before it.")
    if least < -_OVERSHOOT or most > 1 + _OVERSHOOT:
        raise ValueError(
            f"{name} decoded from space {space.name!r} spans [{least:.3f}, {most:.3f}], expected "
            f"[0, 1]; declare the space your loader really uses: "
            f"{', '.join(map(repr, SPACES))} or (mean, std). If only resampling overshot, clamp "
            "after it."
        )
    overshot = least < 0 or most > 1
    if count < 2 or space.name == "custom":
        return overshot
    for other in SPACES.values():
        least, most = other.span(low, high)
        filled = -_NARROW < least < _OVERSHOOT and 1 - _OVERSHOOT < most < 1 + _NARROW
        if other != space and filled:
            warnings.warn(
                f"{name} fills the range of space {other.name!r} exactly, but space "
                f"{space.name!r} is declared; declare the space your loader really uses.",
                stacklevel=3,
            )
    return overshot
