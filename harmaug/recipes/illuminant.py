"""Illuminant: a foreground is moved to another light by measured polynomials."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harmaug.recipes.color import foreground_moments, map_illuminant
from harmaug.recipes.paste import clipped_fraction, paste
from harmaug.recipes.transforms import pick


@dataclass(frozen=True)
class Illuminant:
    """Move each foreground to another light by measured polynomials, as in ccHarmony.

    There the first polynomial undoes the photo's own light; here that light is not known, and a
    pair of lights drawn at random can tint a foreground as no light would. Such draws are repeated.

    Attributes:
        to_standard: (N, 3, 11), polynomials from a scene's light to a standard one.
        from_standard: (N, 3, 11), polynomials back (`color.map_illuminant`).
        tint: how far a foreground's mean may move in a* and b* of Lab.
    """

    to_standard: Tensor
    from_standard: Tensor
    tint: float = 20.0

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        moved, settled = real, torch.zeros(len(real), dtype=torch.bool, device=real.device)
        for _ in range(8):  # a photo that no draw suits stays as it is
            source = pick(self.to_standard, real, generator)
            target = pick(self.from_standard, real, generator)
            drawn = map_illuminant(map_illuminant(real, source).clamp(0, 1), target)
            tame = clipped_fraction(drawn, real, mask) < 0.05
            tame &= _tint(drawn.clamp(0, 1), real, mask) < self.tint
            moved = torch.where((tame & ~settled).view(-1, 1, 1, 1), drawn, moved)
            settled |= tame
            if settled.all():
                break
        return paste(real, mask, moved)


def _tint(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the distance (B,) in a* and b* between the foreground's mean colours in Lab."""
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    before, after = (foreground_moments(rgb_to_lab(image), mask)[0] for image in (real, moved))
    return (after - before)[:, 1:].norm(dim=1)
