"""The door: photos, their masks and their value space, checked once for every way in.

A photo is floating point in its declared space, or uint8 sRGB. A mask is bool, floating point in
[0, 1], integers of which only 0 and 1 occur (labels), or uint8 in 0..255. Photos and masks
that pass become one `Inputs`, which nothing behind the door checks again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from harmaug.inputs.opacity import OVERSHOOT, as_opacity
from harmaug.inputs.shapes import WIDE, as_masks, as_photos
from harmaug.inputs.space import SPACES, Space, SpaceLike
from harmaug.inputs.transfer import move, row_index

_NARROW = 1e-3  # how exactly photos fill the range of another space before a warning says so


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
    _parts: dict[Any, Inputs] = field(default_factory=dict, init=False, repr=False)

    @property
    def photo(self) -> Tensor:
        """The photos as nets read them: (B, 3, H, W), float32 sRGB in [0, 1]."""
        # Graphs of torch.compile know no cached properties.
        return self._decoded() if torch.compiler.is_compiling() else self._photo

    @cached_property
    def _photo(self) -> Tensor:
        return self._decoded()

    def _decoded(self) -> Tensor:
        if self.real.dtype == torch.uint8:
            return self.real.float() / 255
        decoded = self.space.decode(self.real.float())
        return decoded.clamp(0, 1) if self.overshot else decoded

    def rows(self, rows: Sequence[int], device: torch.device | None = None) -> Inputs:
        """Return the photos of some rows, on a device; the same object for the same rows.

        Args:
            rows: sorted and distinct.
            device: where the result shall be; where it is if not given.
        """
        device = device or self.real.device
        if len(rows) == len(self.real) and device == self.real.device:
            return self
        key = tuple(rows), device
        if key not in self._parts:
            real, mask = self.real, self.mask
            if len(rows) < len(real):
                index = row_index(rows, real.device)
                real, mask = real[index], mask[index]
            self._parts[key] = replace(
                self,
                real=move(real, device),
                mask=move(mask, device),
                foreground=tuple(self.foreground[row] for row in rows),
            )
        return self._parts[key]


def check_inputs(
    real: Tensor,
    mask: Tensor,
    space: SpaceLike = "unit",
    *,
    device: torch.device | None = None,
    names: tuple[str, str] = ("real", "mask"),
) -> Inputs:
    """Check photos and masks; on a GPU this waits for the device once.

    Inside a graph of torch.compile shapes and types are checked, and values are clamped unread.

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
    if torch.compiler.is_compiling():
        alpha = _unread(alpha, names[1]).to(compute)
        shown, floating = (True,) * len(photo), photo.dtype != torch.uint8
        return Inputs(photo, alpha, space, shown, real.ndim == 4, floating)
    # One read of all figures, for each would wait for a GPU.
    seen = (alpha.long() if alpha.dtype in WIDE else alpha.detach()).flatten(1)
    parts = [seen.any(1) if alpha.dtype == torch.bool else seen.amax(1)]
    signed = alpha.dtype not in (torch.bool, torch.uint8)
    if signed:
        parts.append(seen.amin(1))  # the fused aminmax is slow along an axis
    if photo.dtype != torch.uint8:
        parts += [photo.detach().amin((0, 2, 3)), photo.detach().amax((0, 2, 3))]
    figures = torch.cat(parts).tolist()
    highest, figures = figures[: len(photo)], figures[len(photo) :]
    lowest = figures[: len(photo)] if signed else [0.0]
    overshot = photo.dtype != torch.uint8 and _overshoots(
        figures[-6:-3], figures[-3:], space, len(photo), names[0]
    )
    alpha = as_opacity(alpha, min(lowest), highest, names[1]).to(compute)
    foreground = tuple(value > 0 for value in highest)
    return Inputs(photo, alpha, space, foreground, real.ndim == 4, overshot)


def _unread(mask: Tensor, name: str) -> Tensor:
    """Return masks inside a graph of torch.compile, which reads no values: these are clamped."""
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise TypeError(
            f"inside torch.compile {name} must be bool or floating point in [0, 1], "
            f"got {mask.dtype}; which integers occur is not read there."
        )
    return mask if mask.dtype == torch.bool else mask.clamp(0, 1)


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
    if least < -OVERSHOOT or most > 1 + OVERSHOOT:
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
        filled = -_NARROW < least < OVERSHOOT and 1 - OVERSHOOT < most < 1 + _NARROW
        if other != space and filled:
            warnings.warn(
                f"{name} fills the range of space {other.name!r} exactly, but space "
                f"{space.name!r} is declared; declare the space your loader really uses.",
                stacklevel=3,
            )
    return overshot
