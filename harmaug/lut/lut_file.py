"""The meaning of a LUT file: 1D curves, then a 3D LUT, each over the colours it is made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from harmaug.inputs import as_photos
from harmaug.lut.ops import Interpolation, apply_lut
from harmaug.lut.tensors import resize_lut

_PROBES = 1 << 17  # colours that measure an error


class BakedLut(NamedTuple):
    """A 3D LUT that stands for something else, and its error against that.

    Attributes:
        lut: (3, D, D, D).
        mean_error: mean difference of a channel, in colours of 0..1.
        largest_error: largest difference of a channel.
    """

    lut: Tensor
    mean_error: float
    largest_error: float


@dataclass(frozen=True, eq=False)
class Curves:
    """Three 1D LUTs, one a channel, linear between their nodes.

    Attributes:
        values: (3, N), float32: the channel's new value at N evenly spaced nodes.
        domain: (2, 3), float64: the colour of the first node and that of the last. Colours outside
            take the nearest.
    """

    values: Tensor
    domain: Tensor

    def __call__(self, colours: Tensor) -> Tensor:
        """Return new colours (B, 3, ...) for colours (B, 3, ...), floating point."""
        values = self.values.to(colours)
        last = values.shape[1] - 1
        position = to_unit(colours, self.domain) * last
        cell = position.detach().long().clamp(0, last - 1)
        channel = torch.arange(3, device=cell.device).reshape(-1, *[1] * (colours.ndim - 2))
        node = cell + channel * (last + 1)
        below, above = values.take(node), values.take(node + 1)
        return below + (position - cell) * (above - below)


@dataclass(frozen=True, eq=False)
class LutFile:
    """A LUT as its file has it; call it on a picture.

    Colours pass the curves one after the other, then the 3D LUT. A file with a 3D table alone has
    no curves, one with a 1D table alone has no 3D LUT. `read_lut` makes one.

    Attributes:
        curves: 1D LUTs; one in front of a 3D LUT is called a shaper.
        lut: (3, D, D, D), float32, ``lut[c, b, g, r]``, or None.
        domain: (2, 3), float64: the colours at the first and the last node of ``lut``. Colours
            outside take the nearest.
    """

    curves: tuple[Curves, ...]
    lut: Tensor | None
    domain: Tensor

    def __call__(self, image: Tensor, *, interpolation: Interpolation = "trilinear") -> Tensor:
        """Recolour a picture; differentiable.

        Args:
            image: (B, 3, H, W) or (3, H, W), floating point, or uint8 in [0, 255]. Floating point
                may leave [0, 1] where the file is made for such colours. A LUT for log-encoded
                footage expects log-encoded colours; no file says so in a way that can be checked.
            interpolation: "trilinear" or "tetrahedral", as in `apply_lut`.

        Returns:
            The shape, dtype and device of ``image``, in [0, 1].

        Raises:
            TypeError: neither floating point nor uint8.
            ValueError: another shape.
        """
        batch = as_photos(image)
        if (plain := self._plain()) is None:
            result = self._shaped(batch, interpolation)
        else:
            result = apply_lut(batch, plain.to(batch.device), interpolation=interpolation)
        return result if image.ndim == 4 else result.squeeze(0)

    def to_lut3d(self, size: int = 33) -> BakedLut:
        """Bake everything into one 3D LUT on [0, 1], for programs and functions that take such.

        Args:
            size: number of grid nodes an axis, at least 2.

        Returns:
            The LUT with its error, which is measured over colours spread evenly in [0, 1]. Values
            outside [0, 1] are kept. A plain 3D LUT at its own size is unchanged and has error 0.

        Raises:
            ValueError: ``size`` is below 2.
        """
        lut, plain = self.sampled(size), self._plain()
        if plain is not None and size == plain.shape[-1]:
            return BakedLut(lut, 0.0, 0.0)
        colours = spread_colours()
        error = (self(colours) - apply_lut(colours, lut)).abs()
        return BakedLut(lut, error.mean().item(), error.max().item())

    def sampled(self, size: int) -> Tensor:
        """Return the 3D LUT of `to_lut3d` alone."""
        if size < 2:
            raise ValueError(f"size must be at least 2, got {size}.")
        if (plain := self._plain()) is not None:
            return resize_lut(plain, size)
        node = torch.linspace(0, 1, size, dtype=torch.float64)
        line = node.expand(1, 3, size)  # each channel passes the curves on its own
        for curves in self.curves:
            line = curves(line)
        if self.lut is None:
            grid = torch.meshgrid(*line[0].to(torch.float32).flip(0), indexing="ij")
            return torch.stack(grid[::-1])  # red, green, blue
        return _between_nodes(self.lut, to_unit(line, self.domain)[0])

    def _plain(self) -> Tensor | None:
        """Return the 3D LUT where it is all that the file means, else None."""
        return self.lut if not self.curves and torch.equal(self.domain, unit_domain()) else None

    def _shaped(self, batch: Tensor, interpolation: Interpolation) -> Tensor:
        codes = batch.dtype == torch.uint8
        compute = torch.promote_types(torch.float32 if codes else batch.dtype, torch.float32)
        colours = batch.to(compute) / 255 if codes else batch.to(compute)
        for curves in self.curves:
            colours = curves(colours)
        if self.lut is None:
            colours = colours.clamp(0, 1)
        else:
            places, lut = to_unit(colours, self.domain), self.lut.to(batch.device)
            colours = apply_lut(places, lut, interpolation=interpolation)
        if codes:
            colours = colours.mul(255).add(0.5).floor()
        return colours.to(batch.dtype)


def unit_domain() -> Tensor:
    """Return the domain (2, 3) of colours in [0, 1]."""
    return torch.tensor([[0.0] * 3, [1.0] * 3], dtype=torch.float64)


def to_unit(colours: Tensor, domain: Tensor) -> Tensor:
    """Return the places of colours (B, 3, ...) in a domain (2, 3), clamped to [0, 1]."""
    low, high = domain.to(colours).reshape(2, 3, *[1] * (colours.ndim - 2))
    return ((colours - low) / (high - low)).clamp(0, 1)


def spread_colours() -> Tensor:
    """Return colours spread evenly in [0, 1], the same each time: (1, 3, 1, N), float32."""
    draws = torch.quasirandom.SobolEngine(3).draw(_PROBES)
    return draws.T.reshape(1, 3, 1, -1)


def _between_nodes(lut: Tensor, places: Tensor) -> Tensor:
    """Return a LUT whose node r, g, b is where ``places`` (3, size) in [0, 1] point to."""
    last, lut = lut.shape[-1] - 1, lut.to(torch.float64)
    for channel, place in enumerate(places):
        axis = 3 - channel  # red is the last
        position = place * last
        cell = position.long().clamp(0, last - 1)
        fraction = (position - cell).reshape([-1 if a == axis else 1 for a in range(4)])
        below, above = lut.index_select(axis, cell), lut.index_select(axis, cell + 1)
        lut = below + fraction * (above - below)
    return lut.to(torch.float32).contiguous()
