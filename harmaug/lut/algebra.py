"""3D LUTs after each other, backwards, and beside each other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.lut.color_difference import ciede2000, srgb_to_lab
from harmaug.lut.ops import apply_lut
from harmaug.lut.tensors import check_lut, identity_lut, resize_lut

_COLOURS = (33, 65)  # an axis, at least and at most, on which LUTs are compared


class LutDifference(NamedTuple):
    """The difference of two LUTs in CIEDE2000; about 1 is what an eye can just see.

    Attributes:
        mean: over all colours.
        largest: that of the worst colour.
    """

    mean: float
    largest: float


def compose_luts(first: Tensor, second: Tensor, size: int | None = None) -> Tensor:
    """Return one LUT for two: ``second`` after ``first``; differentiable.

    It is exact at its nodes where those of ``first`` are among them, and approximate in between:
    colours outside [0, 1] between the two are clamped, as if one picture after the other were made.

    Args:
        first: (..., 3, D, D, D), floating point.
        second: (..., 3, E, E, E), of the dtype and device of ``first``; leading axes broadcast.
        size: number of grid nodes an axis of the result; the larger of D and E if not given.

    Returns:
        (..., 3, size, size, size).

    Raises:
        TypeError: no floating-point tensors, or of two dtypes.
        ValueError: other shapes or devices, or ``size`` is below 2.
    """
    check_lut(first, "first")
    check_lut(second, "second")
    if (first.dtype, first.device) != (second.dtype, second.device):
        raise TypeError(
            f"first and second must have one dtype and device, got {first.dtype} on "
            f"{first.device} and {second.dtype} on {second.device}."
        )
    size = max(first.shape[-1], second.shape[-1]) if size is None else size
    compute = torch.promote_types(first.dtype, torch.float32)
    colours, second = resize_lut(first.to(compute), size), second.to(compute)
    lead = torch.broadcast_shapes(colours.shape[:-4], second.shape[:-4])
    colours = colours.expand(*lead, *colours.shape[-4:]).reshape(-1, *colours.shape[-4:])
    volume = second.expand(*lead, *second.shape[-4:]).reshape(-1, *second.shape[-4:])
    # grid_sample takes places in -1..1, in the order r, g, b; the border repeats its edge.
    places = colours.clamp(0, 1).movedim(1, -1) * 2 - 1
    looked_up = F.grid_sample(volume, places, padding_mode="border", align_corners=True)
    return looked_up.reshape(*lead, *looked_up.shape[-4:]).to(first.dtype)


def lut_difference(first: Tensor, second: Tensor) -> LutDifference:
    """Return how different two LUTs look: CIEDE2000 over all sRGB colours.

    Colours are those of a regular grid, of 33 to 65 an axis, so that the nodes of usual LUTs are
    among them. Inputs and outputs count as sRGB (D65), outputs clamped to [0, 1].

    Args:
        first: (3, D, D, D), floating point.
        second: (3, E, E, E), floating point.

    Raises:
        TypeError: no floating-point tensors.
        ValueError: other shapes.
    """
    for name, lut in (("first", first), ("second", second)):
        check_lut(lut, name)
        if lut.ndim != 4:
            raise ValueError(f"{name} must be one LUT (3, D, D, D), got {tuple(lut.shape)}.")
    fewest, most = _COLOURS
    size = min(most, max(fewest, first.shape[-1], second.shape[-1]))
    colours = identity_lut(size, dtype=torch.float64).reshape(1, 3, size, -1)
    looked_up = [apply_lut(colours, lut.detach().cpu().double()) for lut in (first, second)]
    difference = ciede2000(*map(srgb_to_lab, looked_up))
    return LutDifference(difference.mean().item(), difference.max().item())
