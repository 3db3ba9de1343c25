"""Pointwise colour maps that recipes are made of; all on (B, 3, H, W) sRGB in [0, 1].

None of them clamps: what leaves [0, 1] tells a recipe that the change was too strong.
"""

from __future__ import annotations

import torch
from torch import Tensor


def foreground_moments(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mask-weighted mean and covariance of colours.

    Args:
        image: (B, C, H, W).
        mask: (B, 1, H, W) in [0, 1].

    Returns:
        mean (B, C) and covariance (B, C, C); for an empty mask, zeros.
    """
    weight = mask.flatten(2)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-6)
    colours = image.flatten(2)
    mean = (colours * weight).sum(-1)
    centred = colours - mean.unsqueeze(-1)
    return mean, (centred * weight) @ centred.mT


def transfer_statistics(
    image: Tensor, mask: Tensor, reference: Tensor, reference_mask: Tensor
) -> Tensor:
    """Match each channel's foreground mean and standard deviation to a reference's.

    In Lab this is the colour transfer of Reinhard et al. (2001). The ratio of deviations is kept
    within [0.4, 2.5], outside which noise is amplified or texture lost.
    """
    mean, covariance = foreground_moments(image, mask)
    mean_to, covariance_to = foreground_moments(reference, reference_mask)
    deviation = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(1e-8).sqrt()
    deviation_to = covariance_to.diagonal(dim1=-2, dim2=-1).clamp_min(1e-8).sqrt()
    ratio = (deviation_to / deviation).clamp(0.4, 2.5)
    return (image - _column(mean)) * _column(ratio) + _column(mean_to)


def transfer_covariance(
    image: Tensor, mask: Tensor, reference: Tensor, reference_mask: Tensor
) -> Tensor:
    """Match the foreground's mean and covariance to a reference's by the nearest linear map.

    The map is the Monge-Kantorovich solution between two normal distributions (Pitie and
    Kokaram, 2007), ``A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`` for covariances S -> T.
    """
    mean, source = foreground_moments(image, mask)
    mean_to, target = foreground_moments(reference, reference_mask)
    noise = 1e-4 * torch.eye(image.shape[1], dtype=image.dtype, device=image.device)
    root, inverse = _matrix_power(source + noise, 0.5), _matrix_power(source + noise, -0.5)
    linear = inverse @ _matrix_power(root @ (target + noise) @ root, 0.5) @ inverse
    moved = linear @ (image.flatten(2) - mean.unsqueeze(-1)) + mean_to.unsqueeze(-1)
    return moved.view_as(image)


def match_histograms(
    image: Tensor, mask: Tensor, reference: Tensor, reference_mask: Tensor, bins: int = 256
) -> Tensor:
    """Match each channel's foreground histogram to a reference's.

    The two distribution functions are tabulated over ``bins`` levels of [0, 1] and interpolated
    linearly, so that smooth gradients stay smooth.
    """
    source, target = (
        _distribution(image, mask, bins),
        _distribution(reference, reference_mask, bins),
    )
    upper = torch.searchsorted(target, source).clamp(1, bins)
    low, high = target.gather(2, upper - 1), target.gather(2, upper)
    table = (upper - 1 + (source - low) / (high - low).clamp_min(1e-9)) / bins
    position = image.clamp(0, 1).flatten(2) * bins
    cell = position.floor().clamp(0, bins - 1)
    start, end = table.gather(2, cell.long()), table.gather(2, cell.long() + 1)
    return torch.lerp(start, end, position - cell).view_as(image)


def map_white_balance(image: Tensor, maps: Tensor) -> Tensor:
    """Camera white-balance rendering by a polynomial of degree 2 (9 terms).

    Args:
        image: (B, 3, H, W) in [0, 1].
        maps: (B, 9, 3); terms r g b r2 g2 b2 rg rb gb.
    """
    r, g, b = image.unbind(1)
    terms = torch.stack((r, g, b, r * r, g * g, b * b, r * g, r * b, g * b), -1)
    return (terms.flatten(1, 2) @ maps).mT.reshape(image.shape)


def map_illuminant(image: Tensor, polynomial: Tensor) -> Tensor:
    """Illuminant change by a polynomial with 11 terms, as ccHarmony measured them.

    Args:
        image: (B, 3, H, W) in [0, 1].
        polynomial: (B, 3, 11) on values 0..255; terms r g b rg rb gb r2 g2 b2 rgb 1.
    """
    r, g, b = (image * 255).unbind(1)
    one = torch.ones_like(r)
    terms = (r, g, b, r * g, r * b, g * b, r * r, g * g, b * b, r * g * b, one)
    moved = polynomial @ torch.stack(terms, 1).flatten(2)
    return moved.view_as(image) / 255


def luminance(image: Tensor) -> Tensor:
    """Rec. 601 luma (B, 1, H, W) of sRGB values, as image editors use for saturation."""
    weights = image.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def _distribution(image: Tensor, mask: Tensor, bins: int) -> Tensor:
    """Distribution functions (B, C, bins + 1) of the foreground, from 0 to 1, rising strictly."""
    index = (image.clamp(0, 1) * bins).long().clamp(max=bins - 1).flatten(2)
    weight = mask.flatten(2).expand(index.shape)
    histogram = image.new_zeros(*index.shape[:2], bins).scatter_add_(2, index, weight)
    histogram = histogram / histogram.sum(-1, keepdim=True).clamp_min(1e-6) + 1e-6
    cumulative = torch.nn.functional.pad(histogram.cumsum(-1), (1, 0))
    return cumulative / cumulative[..., -1:]


def _matrix_power(matrix: Tensor, power: float) -> Tensor:
    """Real powers of symmetric positive definite matrices (..., C, C)."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(1e-10).pow(power).unsqueeze(-2)) @ vectors.mT


def _column(values: Tensor) -> Tensor:
    return values[..., None, None]
