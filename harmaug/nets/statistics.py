"""Colour statistics of foreground and background, the small net's whole view of a picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.inputs import constant
from harmaug.nets import native

BINS = 8
REGION_SIZE = 12 + 3 * BINS  # moments in RGB and Lab, histograms
PHOTO_SIZE = 2 * REGION_SIZE + 1  # foreground, background, foreground fraction
CHANGE_BINS = 6
CHANGE_SIZE = 3 * CHANGE_BINS + 3 * 27  # per luminance bin, displacement at 27 anchor colours

# From linear RGB to XYZ, the white of D65 at (1, 1, 1); and where the lines of both curves end.
_XYZ = (
    (0.412453 / 0.95047, 0.357580 / 0.95047, 0.180423 / 0.95047),
    (0.212671, 0.715160, 0.072169),
    (0.019334 / 1.08883, 0.119193 / 1.08883, 0.950227 / 1.08883),
)
_LINEAR, _DARK = 0.04045, 0.008856
_POWER = 1.055**-2.4  # of the steep part of sRGB's curve
# From the bent (x, y, z) of CIE to (L, a, b) / 100, and what L has less.
_TO_LAB = ((0.0, 1.16, 0.0), (5.0, -5.0, 0.0), (0.0, 2.0, -2.0))
_LAB_SHIFT = (-0.16, 0.0, 0.0)
# Side by side: the matrix to XYZ and what is added after it, those to Lab likewise.
_LAB = tuple(
    (*(_POWER * share for share in row), sum(row) * (-_LINEAR / 12.92), *to_lab, shift)
    for row, to_lab, shift in zip(_XYZ, _TO_LAB, _LAB_SHIFT, strict=True)
)


def thumbnails(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Average the colours of foreground and background over areas, each apart from the other.

    Args:
        image: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        size: longest side of the result; smaller pictures are left as they are.

    Returns:
        Colours (B, 2, 3, h*w) of foreground and background, the mean of the region within each
        cell, and weights (B, 2, 1, h*w), the region's share of the cell.
    """
    height, width = image.shape[2:]
    shrink = max(height, width) / size
    if shrink <= 1 or not height or not width:
        weights = torch.stack((mask, 1 - mask), 1).flatten(3)
        return image.flatten(2).unsqueeze(1).expand(-1, 2, -1, -1), weights
    rows, columns = max(round(height / shrink), 1), max(round(width / shrink), 1)
    if native.takes_weighted(image, mask):
        return native.pool(image, mask, rows, columns).flatten(3).split((3, 1), 2)
    regions = torch.stack((mask, 1 - mask), 1).flatten(0, 1)
    held = (image.unsqueeze(1) * regions.unflatten(0, (-1, 2))).flatten(0, 1)
    share = F.adaptive_avg_pool2d(regions, (rows, columns))
    colours = F.adaptive_avg_pool2d(held, (rows, columns)) / share.clamp_min(1e-6)
    return colours.flatten(2).unflatten(0, (-1, 2)), share.flatten(2).unflatten(0, (-1, 2))


def thumbnail(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return the foreground's part of `thumbnails`: colours (B, 3, h*w), weights (B, 1, h*w)."""
    colours, weights = thumbnails(image, mask, size)
    return colours[:, 0], weights[:, 0]


def describe_photo(real: Tensor, mask: Tensor, size: int) -> Tensor:
    """Return statistics (B, 73) of foreground and background.

    Args:
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        size: longest side of the thumbnail, in pixels.
    """
    colours, weights = (part.flatten(0, 1) for part in thumbnails(real, mask, size))
    regions = describe_region(colours, weights).view(-1, 2 * REGION_SIZE)
    pixels = max(mask.shape[2] * mask.shape[3], 1)
    fraction = (mask.sum((2, 3)) / pixels).clamp_min(1e-4).log() / math.log(1e4)
    return torch.cat((regions, fraction), 1)


def describe_region(colours: Tensor, weights: Tensor) -> Tensor:
    """Return mean and deviation in RGB and Lab and soft histograms, (B, 36).

    Args:
        colours: (B, 3, P) in [0, 1].
        weights: (B, 1, P), non-negative; where all are 0, means and histograms are 0.
    """
    if native.takes_weighted(colours, weights):
        return native.describe(colours, weights)
    share = weights / weights.sum(2, keepdim=True).clamp_min(1e-6)
    values = torch.cat((colours, _lab(colours)), 1)
    mean = values @ share.mT
    deviation = ((values - mean).square() @ share.mT).clamp_min(1e-8).sqrt()
    histogram = _histogram(colours, share, BINS)
    return torch.cat((mean.flatten(1), deviation.flatten(1), histogram.flatten(1)), 1)


def describe_change(colours: Tensor, changed: Tensor, weights: Tensor) -> Tensor:
    """Return the displacement of a foreground's colours, (B, 99).

    The mean displacement within each of 6 luminance bins, then the displacement at a 3 x 3 x 3
    grid of anchor colours, by ridge regression on ten quadratic terms.

    Args:
        colours: (B, 3, P) in [0, 1], the photo's.
        changed: (B, 3, P) in [0, 1], the composite's, at the same places.
        weights: (B, 1, P), non-negative.
    """
    share = weights / weights.sum(2, keepdim=True).clamp_min(1e-6)
    moved = changed - colours
    membership = _membership(colours.mean(1, keepdim=True), CHANGE_BINS) * share.unsqueeze(1)
    membership = membership.squeeze(2)  # (B, bins, P)
    mass = membership.sum(2, keepdim=True)
    binned = membership @ moved.mT / (mass + 0.01)

    terms = quadratic_terms(colours)  # (B, 10, P)
    weighted = terms * share
    ridge = 1e-3 * torch.eye(terms.shape[1], dtype=terms.dtype, device=terms.device)
    fit = torch.linalg.solve(weighted @ terms.mT + ridge, weighted @ moved.mT)  # (B, 10, 3)
    node = torch.tensor((0.15, 0.5, 0.85), dtype=terms.dtype, device=terms.device)
    anchors = torch.cartesian_prod(node, node, node).mT.unsqueeze(0)
    at_anchors = quadratic_terms(anchors).mT @ fit
    return torch.cat((binned.flatten(1), at_anchors.flatten(1)), 1)


def quadratic_terms(colours: Tensor) -> Tensor:
    """Return 1, the channels, their squares and their products, (B, 10, N), of (B, 3, N)."""
    r, g, b = colours.unbind(1)
    one = torch.ones_like(r)
    return torch.stack((one, r, g, b, r * r, g * g, b * b, r * g, r * b, g * b), 1)


def _histogram(values: Tensor, share: Tensor, bins: int) -> Tensor:
    """Return histograms (B, C, bins); a value between two bin centres counts for both, linearly."""
    # On a GPU the order of scatter_add varies, and with it the last bits; the compiler of torch 2.6
    # fails at it.
    if torch.compiler.is_compiling() or values.device.type != "cpu":
        return (_membership(values, bins) * share.unsqueeze(1)).sum(3).mT
    position = values.clamp(0, 1) * (bins - 1)
    low = position.detach().floor().clamp(max=bins - 2)
    upper = (position - low) * share
    index = low.long()
    histogram = values.new_zeros(*values.shape[:2], bins)
    return histogram.scatter_add(2, index, share - upper).scatter_add(2, index + 1, upper)


def _membership(values: Tensor, bins: int) -> Tensor:
    """Return each value's share in each bin, (B, bins, C, P); it sums to 1 over bins."""
    centre = torch.arange(bins, dtype=values.dtype, device=values.device).view(1, -1, 1, 1)
    position = values.clamp(0, 1).unsqueeze(1) * (bins - 1)
    return (1 - (position - centre).abs()).clamp_min(0)


def _lab(colours: Tensor) -> Tensor:
    """Return CIE Lab (D65) of sRGB colours (B, 3, P), over 100: L in [0, 1], a and b about [-1, 1].

    The values of kornia.color.rgb_to_lab in a third of its operations: both curves are a line up to
    a limit and a power above it, added here without a choice for every value.
    """
    to_xyz, dark, to_lab, shift = constant(_LAB, colours).split((3, 1, 3, 1), 1)
    power = (colours.clamp_min(_LINEAR) + 0.055) ** 2.4
    # Over _POWER, but for what is taken off where the line begins.
    linear = torch.add(power, colours.clamp_max(_LINEAR), alpha=1 / (12.92 * _POWER))
    batch = len(colours)
    xyz = torch.baddbmm(dark, to_xyz.expand(batch, 3, 3), linear)
    # The line is a tangent of the cube root, above it everywhere else.
    bent = torch.minimum(xyz.clamp_min(_DARK) ** (1 / 3), 7.787 * xyz + 4 / 29)
    return torch.baddbmm(shift, to_lab.expand(batch, 3, 3), bent)
