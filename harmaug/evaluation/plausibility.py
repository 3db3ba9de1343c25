"""Plausibility: no light turns a grey or a skin-coloured foreground saturated blue or magenta.

Colours are CIE Lab (D65), angles of hue those of its a*, b* plane. The bounds are our own: seen on
contact sheets, draws within them look like a fault of the augmenter and not like light.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_NEUTRAL = 12.0  # chroma up to which a colour counts as neutral
_SKIN = ((20.0, 80.0), (10.0, 45.0))  # degrees of hue, and chroma, of skin, fur and wood
_FOREIGN = ((170.0, 350.0), 25.0)  # degrees of hue from cyan to magenta, and chroma above


def implausible(before: Tensor, after: Tensor) -> Tensor:
    """Return 1 where a neutral or skin-like colour became saturated cyan, blue or magenta.

    Args:
        before: (..., 3), Lab, the mean colour of the photo's foreground.
        after: (..., 3), Lab, that of the composite's.

    Returns:
        (...): 0 or 1; NaN where ``before`` is neither neutral nor skin-like.
    """
    chroma, hue = _polar(before)
    (red, yellow), (pale, vivid) = _SKIN
    usual = (chroma < _NEUTRAL) | _within(hue, red, yellow) & _within(chroma, pale, vivid)
    chroma, hue = _polar(after)
    (cyan, magenta), saturated = _FOREIGN
    turned = _within(hue, cyan, magenta) & (chroma > saturated)
    return torch.where(usual, turned.to(before.dtype), math.nan)


def _polar(lab: Tensor) -> tuple[Tensor, Tensor]:
    """Return chroma, and hue in degrees from 0 to 360."""
    a, b = lab[..., 1], lab[..., 2]
    return torch.hypot(a, b), torch.rad2deg(torch.atan2(b, a)) % 360


def _within(values: Tensor, low: float, high: float) -> Tensor:
    return (values > low) & (values < high)
