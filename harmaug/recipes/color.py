"""Colours that several recipes need: foreground moments, luminance, measured polynomials.

Nothing here clamps: values that leave [0, 1] tell a recipe that the change was too strong.
"""

from __future__ import annotations

import torch
from torch import Tensor


def foreground_moments(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (B, C) and covariance (B, C, C) of colours, or zeros for an empty mask.

    Args:
        image: (B, C, H, W), any real values.
        mask: (B, 1, H, W) in [0, 1], the weight of each pixel.
    """
    weight = mask.flatten(2)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    colours = image.flatten(2)
    mean = (colours * weight).sum(-1)
    centred = colours - mean.unsqueeze(-1)
    return mean, (centred * weight) @ centred.mT


def luminance(image: Tensor) -> Tensor:
    """Return the Rec. 601 luma (B, 1, H, W) of sRGB values (B, 3, H, W)."""
    weights = image.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def map_white_balance(image: Tensor, maps: Tensor) -> Tensor:
    """Render photos under another white balance of a camera, by a polynomial of degree 2.

    Args:
        image: (B, 3, H, W) in [0, 1].
        maps: (B, 9, 3); terms r g b r2 g2 b2 rg rb gb.
    """
    r, g, b = image.unbind(1)
    terms = torch.stack((r, g, b, r * r, g * g, b * b, r * g, r * b, g * b), -1)
    return (terms.flatten(1, 2) @ maps).mT.reshape(image.shape)


def map_illuminant(image: Tensor, polynomial: Tensor) -> Tensor:
    """Move photos to another light, by a polynomial with 11 terms as ccHarmony measured them.

    Args:
        image: (B, 3, H, W) in [0, 1].
        polynomial: (B, 3, 11) on values 0..255; terms r g b rg rb gb r2 g2 b2 rgb 1.
    """
    r, g, b = (image * 255).unbind(1)
    one = torch.ones_like(r)
    terms = (r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, one)
    moved = polynomial @ torch.stack(terms, 1).flatten(2)
    return moved.view_as(image) / 255
