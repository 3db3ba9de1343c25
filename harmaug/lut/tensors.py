"""3D LUTs as tensors: axis order, checks, identity, mixing, resizing and smoothness.

Axis order, everywhere in this package: ``lut[c, b, g, r]`` is output channel ``c`` at the grid
node with blue index ``b``, green index ``g`` and red index ``r``; red varies fastest in memory.
That is the raster of a ``.cube`` file and of a Hald image, the table of Pillow's ``Color3DLUT``
(channels last there) and the volume that 5-D ``grid_sample`` takes for grid coordinates (r, g, b).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# The largest value that counts as a colour, far into HDR; even a dark table of codes exceeds it.
LARGEST_VALUE = 16.0


def check_lut(lut: Tensor, name: str = "lut") -> None:
    """Raise TypeError or ValueError unless ``lut`` is floating point (..., 3, D, D, D), D >= 2."""
    if not isinstance(lut, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(lut).__name__}.")
    if not lut.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {lut.dtype}.")
    cube = lut.ndim >= 4 and lut.shape[-4] == 3 and len(set(lut.shape[-3:])) == 1
    if not cube or lut.shape[-1] < 2:
        raise ValueError(f"{name} must be (..., 3, D, D, D) with D >= 2, got {tuple(lut.shape)}.")


def check_values(lut: Tensor, name: str = "lut") -> None:
    """Raise ValueError unless every value is finite and within -16..16: no code value."""
    if not lut.isfinite().all():
        raise ValueError(f"{name} must be finite, got NaN or infinity.")
    if lut.numel() and (most := lut.abs().max().item()) > LARGEST_VALUE:
        raise ValueError(
            f"{name} must hold colours of about 0..1 (at most {LARGEST_VALUE:g}), got {most:g}; "
            "divide code values by their largest, such as 255 or 1023."
        )


def identity_lut(
    size: int = 17, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Return the LUT that maps every colour to itself.

    Args:
        size: number of grid nodes an axis, at least 2.
        dtype: floating point; torch's default if not given.
        device: where the LUT is made; torch's default if not given.

    Returns:
        (3, size, size, size), values in [0, 1], ``lut[c, b, g, r]``.

    Raises:
        ValueError: ``size`` is below 2.
    """
    if size < 2:
        raise ValueError(f"size must be at least 2, got {size}.")
    node = torch.linspace(0, 1, size, dtype=dtype, device=device)
    blue, green, red = torch.meshgrid(node, node, node, indexing="ij")
    return torch.stack((red, green, blue))


def mix_luts(weights: Tensor, basis: Tensor) -> Tensor:
    """Mix basis LUTs: one weighted sum for each row of weights; differentiable.

    Args:
        weights: (..., K), any real values; SycoNet's are convex (they come from a softmax).
        basis: (K, 3, D, D, D), floating point.

    Returns:
        (..., 3, D, D, D).

    Raises:
        ValueError: the shapes do not fit.
    """
    check_lut(basis, "basis")
    if basis.ndim != 5 or weights.ndim < 1 or weights.shape[-1] != basis.shape[0]:
        raise ValueError(
            f"weights must be (..., K) and basis (K, 3, D, D, D) with the same K, "
            f"got {tuple(weights.shape)} and {tuple(basis.shape)}."
        )
    return (weights @ basis.flatten(1)).unflatten(-1, basis.shape[1:])


def resize_lut(lut: Tensor, size: int) -> Tensor:
    """Resample LUTs to another grid size, trilinearly; exact where the new grid refines the old.

    Args:
        lut: (..., 3, D, D, D), floating point.
        size: new number of grid nodes an axis, at least 2.

    Returns:
        (..., 3, size, size, size).

    Raises:
        ValueError: another shape, or ``size`` is below 2.
    """
    check_lut(lut)
    if size < 2:
        raise ValueError(f"size must be at least 2, got {size}.")
    cubes = lut.reshape(-1, *lut.shape[-4:])
    resized = F.interpolate(cubes, (size, size, size), mode="trilinear", align_corners=True)
    return resized.reshape(*lut.shape[:-3], size, size, size)


def lut_roughness(lut: Tensor) -> Tensor:
    """Return the mean squared second difference along the grid axes; 0 for any affine colour map.

    Second differences are taken per grid step and scaled by (D - 1)², so that grids of all sizes
    compare.

    Args:
        lut: (..., 3, D, D, D) with D >= 3.

    Returns:
        (...): one figure a LUT.

    Raises:
        ValueError: another shape, or fewer than 3 nodes an axis.
    """
    check_lut(lut)
    if lut.shape[-1] < 3:
        raise ValueError(f"lut must have at least 3 nodes an axis, got {lut.shape[-1]}.")
    scale = (lut.shape[-1] - 1) ** 2
    bends = [
        lut.diff(n=2, dim=axis).mul(scale).square().mean((-4, -3, -2, -1)) for axis in (-3, -2, -1)
    ]
    return torch.stack(bends).mean(0)


def file_rows(lut: Tensor) -> np.ndarray:
    """Return one LUT (3, D, D, D) as rows (D³, 3), float32, red fastest as in files; check it."""
    check_lut(lut)
    if lut.ndim != 4:
        raise ValueError(f"lut must be one LUT (3, D, D, D), got {tuple(lut.shape)}.")
    check_values(lut)
    return lut.detach().to("cpu", torch.float32).permute(1, 2, 3, 0).reshape(-1, 3).numpy()
