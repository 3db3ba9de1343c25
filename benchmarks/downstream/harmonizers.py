"""Harmonizers that are trained, and how."""

from __future__ import annotations

from colour_map import ColourMapHarmonizer
from dense import DenseHarmonizer
from torch import nn

RATES = {"dense": 2e-3, "colour-map": 3e-3}
"""Name of a harmonizer -> its highest learning rate."""


def build(harmonizer: str, thumbnail: int) -> nn.Module:
    """Return a new net.

    Args:
        harmonizer: a name of `RATES`.
        thumbnail: pixels a side of the net's input.
    """
    if harmonizer == "dense":
        return DenseHarmonizer(thumbnail=thumbnail)
    return ColourMapHarmonizer(thumbnail=thumbnail)
