"""Colour differences as an eye sees them: CIELAB and CIEDE2000."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# IEC 61966-2-1: linear sRGB to XYZ, and the white of D65 that its columns add up to.
_TO_XYZ = (
    (0.4124, 0.3576, 0.1805),
    (0.2126, 0.7152, 0.0722),
    (0.0193, 0.1192, 0.9505),
)
_CHROMA = 25.0**7


def srgb_to_lab(colours: Tensor) -> Tensor:
    """Return CIELAB (D65) of sRGB colours.

    Args:
        colours: (B, 3, ...), floating point in [0, 1].

    Returns:
        (B, 3, ...): L in 0..100, a and b.
    """
    linear = torch.where(
        colours > 0.04045, ((colours + 0.055) / 1.055).clamp(min=0) ** 2.4, colours / 12.92
    )
    matrix = torch.tensor(_TO_XYZ, dtype=colours.dtype, device=colours.device)
    matrix = matrix / matrix.sum(1, keepdim=True)  # white is 1, 1, 1
    xyz = torch.einsum("ij,bj...->bi...", matrix, linear)
    root = torch.where(xyz > (6 / 29) ** 3, xyz.clamp(min=1e-12) ** (1 / 3), 0.0)
    curve = torch.where(xyz > (6 / 29) ** 3, root, xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = curve.unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), 1)


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """Return CIEDE2000 differences, after Sharma, Wu and Dalal (2005), all weights 1.

    Args:
        first: (B, 3, ...), CIELAB.
        second: (B, 3, ...), CIELAB.

    Returns:
        (B, ...), at least 0.
    """
    light1, a1, b1 = first.unbind(1)
    light2, a2, b2 = second.unbind(1)
    chroma = (torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * (chroma**7 / (chroma**7 + _CHROMA)).sqrt()
    a1, a2 = a1 * stretch, a2 * stretch
    chroma1, chroma2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    hue1, hue2 = torch.atan2(b1, a1) % math.tau, torch.atan2(b2, a2) % math.tau

    grey = chroma1 * chroma2 == 0
    turn = hue2 - hue1
    turn = torch.where(turn > math.pi, turn - math.tau, turn)
    turn = torch.where(turn < -math.pi, turn + math.tau, turn)
    turn = torch.where(grey, 0.0, turn)
    d_light, d_chroma = light2 - light1, chroma2 - chroma1
    d_hue = 2 * (chroma1 * chroma2).sqrt() * (turn / 2).sin()

    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    hue = (hue1 + hue2) / 2
    apart = (hue1 - hue2).abs() > math.pi
    hue = torch.where(apart & ~grey, (hue + math.pi) % math.tau, hue)
    hue = torch.where(grey, hue1 + hue2, hue)

    weight = (
        1
        - 0.17 * (hue - math.radians(30)).cos()
        + 0.24 * (2 * hue).cos()
        + 0.32 * (3 * hue + math.radians(6)).cos()
        - 0.20 * (4 * hue - math.radians(63)).cos()
    )
    bow = (light - 50) ** 2
    s_light = 1 + 0.015 * bow / (20 + bow).sqrt()
    s_chroma, s_hue = 1 + 0.045 * chroma, 1 + 0.015 * chroma * weight
    blue = math.radians(30) * (-(((hue - math.radians(275)) / math.radians(25)) ** 2)).exp()
    rotation = -2 * (chroma**7 / (chroma**7 + _CHROMA)).sqrt() * (2 * blue).sin()
    by_light, by_chroma, by_hue = d_light / s_light, d_chroma / s_chroma, d_hue / s_hue
    squared = by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return squared.clamp(min=0).sqrt()
