"""Relight: light that varies across a foreground, as hand-made smooth fields of gain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from harmaug.recipes.color import foreground_moments
from harmaug.recipes.paste import paste

_TINT_AXIS = (1.0, 0.0, -1.0)  # from cold to warm


@dataclass(frozen=True)
class Relight:
    """Multiply each foreground by a smooth field of gain: light of one kind, drawn at random.

    The kinds are:

    - *field*: exp(f), where f is bicubic between 4x4 normal values over the frame;
    - *ramp*: light from a side, brighter towards one end of the foreground;
    - *shadow*: a soft edge at a random angle, one side of it in shadow and a little bluer;
    - *sides*: one side of the foreground warmer, the other colder.

    A part of the photos gets one gain for the whole foreground on top. All deviations are of
    log gains of sRGB values. Changes that clip or flatten too much are halved, as in other recipes.

    Attributes:
        brightness: deviation of a field, common to the channels; of a ramp at its ends twice that.
        tint: deviation of a field, a ramp and the one gain, a channel.
        grid: normal values a side of a field.
        shadow: range of the log gain from light to shadow.
        softness: range of half the width of a shadow's edge, in radii of the foreground.
        warmth: range of the log gain between red and blue of a warm or cold side.
        exposure: deviation of the one gain for the whole foreground.
        exposed: share of the photos that get that gain.
        shares: how often each kind is drawn, in the order above.
    """

    brightness: float = 0.3
    tint: float = 0.08
    grid: int = 4
    shadow: tuple[float, float] = (0.3, 1.2)
    softness: tuple[float, float] = (0.05, 0.5)
    warmth: tuple[float, float] = (0.2, 0.6)
    exposure: float = 0.3
    exposed: float = 0.5
    shares: tuple[float, float, float, float] = (0.4, 0.2, 0.2, 0.2)

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        count = len(real)
        shares = torch.tensor(self.shares, dtype=torch.float64)
        kind = torch.multinomial(shares, count, replacement=True, generator=generator)
        field = _normal((count, 3, self.grid, self.grid), self.brightness, self.tint, generator)
        sides, softness = self._draw_sides(kind, generator)
        gain = _normal((count, 3, 1, 1), self.exposure, self.tint, generator)
        gain = gain * (torch.rand(count, 1, 1, 1, generator=generator) < self.exposed)

        light = F.interpolate(field.to(real), real.shape[2:], mode="bicubic", align_corners=True)
        light = light * (kind == 0).to(real).view(-1, 1, 1, 1)
        light += sides.to(real) * _profile(mask, softness.to(real), generator)
        return paste(real, mask, real * (light + gain.to(real)).exp())

    def _draw_sides(self, kind: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Draw log gains (B, 3, 1, 1) of the far side, and softness (B, 1, 1, 1) of the change."""

        def draw(low: float, high: float) -> Tensor:
            return torch.rand(len(kind), 1, 1, 1, generator=generator) * (high - low) + low

        tint = torch.tensor(_TINT_AXIS).view(3, 1, 1)
        ramp = _normal((len(kind), 3, 1, 1), 2 * self.brightness, self.tint, generator)
        shadow = draw(*self.shadow) / 2
        shadow = shadow + shadow * 0.2 * tint  # what is lit by the sky alone is bluer
        sides = draw(*self.warmth) / 2 * tint
        edge = draw(*self.softness)
        chosen = kind.view(-1, 1, 1, 1)
        amount = (chosen == 1) * ramp + (chosen == 2) * shadow + (chosen == 3) * sides
        return amount, torch.where(chosen == 2, edge, 1.0)


def _normal(
    shape: tuple[int, int, int, int], common: float, channel: float, generator: Generator | None
) -> Tensor:
    """Draw (B, 3, h, w) that vary by ``common`` in all channels alike, by ``channel`` in each."""
    alike = torch.randn(shape[0], 1, *shape[2:], generator=generator)
    return common * alike + channel * torch.randn(shape, generator=generator)


def _profile(mask: Tensor, softness: Tensor, generator: Generator | None) -> Tensor:
    """Draw smooth steps (B, 1, H, W) from -1 to 1 across foregrounds, at random angles and places.

    Args:
        mask: (B, 1, H, W) in [0, 1].
        softness: (B, 1, 1, 1) above 0, half the width of the step, in radii of the foreground.
        generator: on the CPU; torch's own if not given.
    """
    batch, _, height, width = mask.shape
    rows, columns = torch.arange(height), torch.arange(width)
    place = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).to(mask).unsqueeze(0)
    mean, covariance = foreground_moments(place, mask)
    angle = 2 * torch.pi * torch.rand(batch, generator=generator).to(mask)
    direction = torch.stack((angle.sin(), angle.cos()), 1)  # (B, 2)
    variance = (direction.unsqueeze(1) @ covariance @ direction.unsqueeze(2)).flatten()
    radius = 2 * variance.clamp_min(0.25).sqrt()  # at least half a pixel's deviation
    along = (direction.view(batch, 2, 1, 1) * (place - mean[..., None, None])).sum(1, keepdim=True)
    shift = 0.4 * torch.randn(batch, 1, 1, 1, generator=generator).to(mask)
    return ((along / radius.view(-1, 1, 1, 1) - shift) / softness).tanh()
