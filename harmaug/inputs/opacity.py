"""Mask values as opacities in [0, 1]: labels, 8 and 16 bits, floating point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

OVERSHOOT = 0.02  # how far a resized photo or mask may leave [0, 1]; a wrong space is off by more
_LABEL_SHARE = 0.01  # of a picture; a faint edge alone is never larger
_LABEL_LIMIT = 0.1  # of the range; a mask that stays below hardly changes its photo
_OPAQUE = 0.98  # of the range; a mask of 0 and this is a mask of 0 and 1


def opacity(codes: Tensor, name: str = "mask", most: float | None = None) -> Tensor:
    """Return integer mask values as opacities in [0, 1], float32, by one rule for all of them.

    Nothing but 0 and 1 are labels; other values count up to 255, or to 65535 in 16 bits.

    Args:
        codes: uint8 or uint16, any shape.
        name: what messages call it.
        most: the largest value, where it is known.

    Raises:
        ValueError: the values could be class ids as well as opacities.
    """
    top = 255 if codes.dtype == torch.uint8 else 65535
    values = codes.float()
    if most is None:
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


def as_opacity(mask: Tensor, low: float, highest: Sequence[float], name: str) -> Tensor:
    """Return masks (B, 1, H, W) of any dtype as opacities; ``low``, ``highest``: their extremes."""
    high = max(highest)
    if mask.dtype == torch.bool:
        return mask
    if mask.dtype == torch.uint8:
        return opacity(mask, name, high) if high > 1 else mask
    if not mask.is_floating_point():
        if low < 0 or high > 1:
            raise ValueError(
                f"{name} is {mask.dtype} with values from {low:.0f} to {high:.0f}, expected labels "
                "0 and 1; give mask == id or mask > 0, or for 8 bits mask.to(torch.uint8)."
            )
        return mask
    if math.isnan(low) or any(map(math.isnan, highest)):
        raise ValueError(f"{name} holds NaN; check the data or the step before it.")
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
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
