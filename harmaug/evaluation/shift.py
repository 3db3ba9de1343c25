"""Where a foreground's mean colour goes, in CIE Lab, and how two clouds of such shifts differ."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def mean_lab(image: Tensor, mask: Tensor) -> Tensor:
    """Mean Lab colour (B, 3) of a region.

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        mask: (B, 1, H, W) in [0, 1], the region; NaN comes of an empty one.
    """
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    lab = rgb_to_lab(image.clamp(0, 1))
    return (lab * mask).sum((2, 3)) / mask.sum((2, 3))


def moments(shifts: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (R, C) and covariance (R, C, C) of shifts (N, n, C) under weights (R, N)."""
    total = weights.sum(1, keepdims=True)
    centre = shifts.mean((0, 1))  # taken off first: second moments cancel badly
    moved = shifts - centre
    mean = weights @ moved.mean(1) / total
    square = np.einsum("nic,nid->ncd", moved, moved) / shifts.shape[1]
    second = np.einsum("rn,ncd->rcd", weights, square) / total[..., None]
    return mean + centre, second - mean[:, :, None] * mean[:, None, :]


def frechet_distance(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> np.ndarray:
    """Frechet distance (R,) between normal distributions (Dowson and Landau, 1982).

    It is in the unit of the means, here Lab; its square is what the FID of images takes.

    Args:
        mean: (R, C).
        covariance: (R, C, C).
        other_mean: (R, C).
        other_covariance: (R, C, C).
    """
    root = _symmetric_root(covariance)
    cross = _symmetric_root(root @ other_covariance @ root)
    spread = np.trace(covariance + other_covariance - 2 * cross, axis1=1, axis2=2)
    square = ((mean - other_mean) ** 2).sum(1) + spread
    return np.sqrt(np.maximum(square, 0))


def _symmetric_root(matrix: np.ndarray) -> np.ndarray:
    matrix = (matrix + matrix.swapaxes(1, 2)) / 2
    finite = np.isfinite(matrix).all((1, 2), keepdims=True)
    values, vectors = np.linalg.eigh(np.where(finite, matrix, 0))
    root = (vectors * np.sqrt(np.maximum(values, 0))[:, None, :]) @ vectors.swapaxes(1, 2)
    return np.where(finite, root, np.nan)
