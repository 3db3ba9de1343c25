"""Retouch: a foreground is edited as a photographer would."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harmaug.lut import apply_lut
from harmaug.recipes.color import foreground_moments, luminance, map_white_balance
from harmaug.recipes.paste import paste
from harmaug.recipes.transforms import pick


@dataclass(frozen=True)
class Retouch:
    """Retouch each foreground as a photographer would, as in HAdobe5k.

    White balance and a creative look come with a chance of a half each, exposure, tone, contrast
    and saturation always; each has its own strength.

    Attributes:
        looks: (L, 3, D, D, D) in [0, 1], LUTs; or None.
        white_balance: (M, 9, 3), polynomials (`color.map_white_balance`); or None.
        strength: scales every range.
    """

    looks: Tensor | None = None
    white_balance: Tensor | None = None
    strength: float = 1.0

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        moved, s = real, self.strength
        if self.white_balance is not None:
            maps = pick(self.white_balance, real, generator)
            amount = _draw_amount(real, generator) * s
            moved = torch.lerp(moved, map_white_balance(moved, maps), amount)
        if self.looks is not None:
            looks = pick(self.looks, real, generator)
            amount = _draw_amount(real, generator) * s
            moved = torch.lerp(moved, apply_lut(moved.clamp(0, 1), looks), amount)
        return paste(real, mask, draw_tone(moved, mask, s, generator))


def draw_tone(
    image: Tensor, mask: Tensor, strength: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Change exposure, gamma, contrast, saturation and channel gains, drawn for each photo.

    Args:
        image: (B, 3, H, W), any real values; clamped to [0, 1] first.
        mask: (B, 1, H, W) in [0, 1]; contrast keeps the foreground's mean.
        strength: scales every range.
        generator: on the CPU; torch's own if not given.
    """

    def draw(deviation: float) -> Tensor:
        drawn = torch.randn(len(image), 1, 1, 1, generator=generator).to(image)
        return drawn * (deviation * strength)

    moved = image.clamp(0, 1).clamp_min(1e-4)
    moved = moved.pow(draw(0.7).exp())
    moved = moved * draw(0.2).exp()
    middle = foreground_moments(moved, mask)[0].mean(1).view(-1, 1, 1, 1)
    moved = middle + (moved - middle) * draw(0.26).exp()
    grey = luminance(moved)
    moved = grey + (moved - grey) * draw(0.34).exp()
    return moved * torch.cat([draw(0.085).exp() for _ in range(3)], 1)


def _draw_amount(real: Tensor, generator: Generator | None) -> Tensor:
    """Draw shares (B, 1, 1, 1): 0 with a chance of a half, else uniform in [0.4, 1]."""
    share, chance = (torch.rand(len(real), 1, 1, 1, generator=generator) for _ in range(2))
    return (share.to(real) * (1.0 - 0.4) + 0.4) * (chance < 0.5).to(real)
