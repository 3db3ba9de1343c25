"""The inverse of a 3D LUT, as far as there is one."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.lut.lut_file import spread_colours
from harmaug.lut.ops import apply_lut
from harmaug.lut.tensors import check_lut, check_values, identity_lut, resize_lut

_STEPS = 40  # of Newton's method; smooth looks need about six
_DAMPING = (1e-6, 1e3)  # of its steps, at least; and where a point is given up
_CLOSE = 1e-16  # squared distance of a colour that is found
_START_NODES = 11  # an axis, among which the first guess is sought
_FLAT = 1e-3  # of the identity's volume of a grid cell: a cell with less is flat
_MOST_LOST = 0.9  # share of such cells from which on there is nothing to invert
_REACH = 0.5  # how far outside [0, 1] a node of the inverse may lie
_CHUNK = 4096  # targets that are compared with all first guesses at once


class InverseLut(NamedTuple):
    """The inverse of a LUT, and how far colours that pass both come back changed.

    Attributes:
        lut: (3, size, size, size).
        mean_error: mean difference of a channel, in colours of 0..1, after the LUT and its inverse.
        largest_error: that of the worst colour.
        lost: share of the LUT's grid cells that are flat or folded over others. There different
            colours become one, and no inverse tells them apart.
    """

    lut: Tensor
    mean_error: float
    largest_error: float
    lost: float


def invert_lut(lut: Tensor, size: int = 33) -> InverseLut:
    """Return the LUT that takes a LUT's results back to the colours they came from.

    Colours that the LUT never gives take the nearest continuation, so that the inverse is smooth.
    There is no inverse where the LUT clips or folds: the result then holds one of the colours that
    fit, and ``lost`` and the errors say how much of the LUT that is. More nodes make the error
    smaller.

    Args:
        lut: (3, D, D, D), floating point.
        size: number of grid nodes an axis of the inverse, at least 2.

    Raises:
        TypeError: no floating-point tensor.
        ValueError: another shape or values beyond -16..16; ``size`` is below 2; or nine tenths of
            the LUT's cells are flat or folded, as those of a black-and-white look.
    """
    check_lut(lut)
    if lut.ndim != 4:
        raise ValueError(f"lut must be one LUT (3, D, D, D), got {tuple(lut.shape)}.")
    check_values(lut)
    table = lut.detach().cpu().double()
    lost = _lost_share(table)
    if lost > _MOST_LOST:
        raise ValueError(
            f"lut cannot be inverted: it makes one colour of many in {lost:.0%} of its cells."
        )
    wanted = identity_lut(size, dtype=torch.float64).reshape(3, -1).T
    found = _solve(table, wanted)
    inverse = found.T.reshape(3, size, size, size).to(lut.dtype)
    colours = spread_colours().double()
    back = apply_lut(apply_lut(colours, table), inverse.double())
    error = (back - colours).abs()
    return InverseLut(inverse.to(lut.device), error.mean().item(), error.max().item(), lost)


def _lost_share(table: Tensor) -> float:
    """Return the share of grid cells that are flat, or turned the other way round than most."""
    table = table.clamp(0, 1)  # as the operator gives it
    red = table.diff(dim=3)[:, :-1, :-1]
    green = table.diff(dim=2)[:, :-1, :, :-1]
    blue = table.diff(dim=1)[:, :, :-1, :-1]
    volumes = torch.stack((red, green, blue)).flatten(2).permute(2, 0, 1).det()
    if volumes.median() < 0:
        volumes = -volumes
    usual = (1 / (table.shape[-1] - 1)) ** 3
    return (volumes <= _FLAT * usual).double().mean().item()


def _solve(table: Tensor, wanted: Tensor) -> Tensor:
    """Return the colours (N, 3) that a LUT maps to those wanted, by damped Newton steps."""
    colours = _nearest_nodes(table, wanted)
    damping = torch.full_like(colours[:, :1, None], _DAMPING[0])
    unit = torch.eye(3, dtype=table.dtype)
    left = torch.arange(len(wanted))  # those that still move
    for _ in range(_STEPS):
        here, aim = colours[left], wanted[left]
        value, slope = _value_and_slope(table, here)
        miss = aim - value
        normal = slope.mT @ slope + damping[left] * unit
        step = torch.linalg.solve(normal, slope.mT @ miss.unsqueeze(-1)).squeeze(-1)
        moved = (here + step).clamp(-_REACH, 1 + _REACH)
        new_miss = (aim - _value_and_slope(table, moved)[0]).square().sum(1)
        better = new_miss < miss.square().sum(1)
        colours[left[better]] = moved[better]
        damping[left] = damping[left] * torch.where(better, 0.2, 5.0)[:, None, None]
        damping.clamp_(min=_DAMPING[0])
        left = left[(new_miss > _CLOSE) & (damping[left].flatten() < _DAMPING[1])]
        if not len(left):
            break
    return colours


def _nearest_nodes(table: Tensor, wanted: Tensor) -> Tensor:
    """Return for each wanted colour the grid node whose value is nearest.

    Of several that are as near, as where a LUT clips, the one nearest to grey: beside it the LUT
    can be inverted.
    """
    size = min(_START_NODES, table.shape[-1])
    values = resize_lut(table, size).reshape(3, -1).T.float()
    nodes = identity_lut(size, dtype=table.dtype).reshape(3, -1).T
    outer = 1e-4 * (nodes - 0.5).square().sum(1).float()
    chosen = [
        (torch.cdist(part.float(), values) + outer).argmin(1) for part in wanted.split(_CHUNK)
    ]
    return nodes[torch.cat(chosen)]


def _value_and_slope(table: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a LUT makes of colours (N, 3), and its derivative (N, 3, 3), output by input.

    Outside [0, 1] the LUT goes on as straight lines.
    """
    last = table.shape[-1] - 1
    inside = colours.clamp(0, 1)
    cell = (inside * last).long().clamp(max=last - 1)
    fraction = inside * last - cell
    flat = table.reshape(3, -1)
    red, green, blue = cell.T
    base = (blue * (last + 1) + green) * (last + 1) + red
    offsets = [
        (b * (last + 1) + g) * (last + 1) + r for b in (0, 1) for g in (0, 1) for r in (0, 1)
    ]
    cube = torch.stack([flat[:, base + offset] for offset in offsets], -1)
    cube = cube.permute(1, 0, 2).reshape(-1, 3, 2, 2, 2)  # n, c, b, g, r
    r, g, b = (part[:, None] for part in fraction.T)
    by_red = cube[..., 1] - cube[..., 0]
    plane = cube[..., 0] + r[..., None, None] * by_red
    by_green = plane[..., 1] - plane[..., 0]
    line = plane[..., 0] + g[..., None] * by_green
    by_blue = line[..., 1] - line[..., 0]
    value = line[..., 0] + b * by_blue
    slope_green = by_green[..., 0] + b * (by_green[..., 1] - by_green[..., 0])
    red_line = by_red[..., 0] + g[..., None] * (by_red[..., 1] - by_red[..., 0])
    slope_red = red_line[..., 0] + b * (red_line[..., 1] - red_line[..., 0])
    slope = torch.stack((slope_red, slope_green, by_blue), -1) * last
    return value + (slope @ (colours - inside).unsqueeze(-1)).squeeze(-1), slope
