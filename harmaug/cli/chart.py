"""A chart of colours, which shows what a LUT does."""

from __future__ import annotations

import numpy as np


def colour_chart(height: int, width: int) -> np.ndarray:
    """Return every hue from white through the full colour to black, above a ramp of greys.

    Returns:
        (height, width, 3), uint8.
    """
    hue = np.linspace(0, 6, width, endpoint=False)[:, None] + np.array([0, 4, 2])
    colour = (np.abs(hue % 6 - 3) - 1).clip(0, 1)
    level = np.linspace(0, 2, height - height // 5)[:, None, None]
    chart = np.where(level < 1, 1 - level * (1 - colour), (2 - level) * colour)
    ramp = np.linspace(0, 1, width)[:, None].repeat(3, axis=1)
    ramp = np.broadcast_to(ramp, (height // 5, width, 3))
    return (np.concatenate((chart, ramp)) * 255).round().astype(np.uint8)
