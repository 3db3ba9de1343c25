"""Transplant: the changes of true pairs, put on the foregrounds of other photos.

From a few scenes under many changes (static cameras, a studio) a net learns those scenes by heart:
it ties each change to its scene, though any photo could have had it. With the changes put on other
photos, a photo no longer tells its change.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harmaug.lut import apply_lut, composite_lut, fit_pair, mix_luts
from harmaug.lut.box import frame_corners

_MOST_AMPLIFIED = 2.0  # a LUT that misses more misses no colour change: shadows, passing cars


@dataclass(frozen=True)
class Transplant:
    """Change each foreground as that of a true pair changed from photo to composite.

    This imitates the dataset of the pairs. A pair's change is the LUT that comes nearest to it. As
    any fit of noisy values, that LUT changes less than the pair did; its change is amplified to the
    strength of the pair's. Nothing is pulled back, for true changes, such as night, may take
    contrast away.

    A change may have a LUT for each corner of the foreground's box, bilinear between: light that
    falls from a side. Half of these come mirrored.

    Attributes:
        weights: (N, K), convex mixing weights of each pair's LUT; or (N, 4, K) for the corners.
        gains: (N,), at least 1: the strength of each pair's change in that of its LUT.
        basis: (K, 3, D, D, D).
    """

    weights: Tensor
    gains: Tensor
    basis: Tensor

    @classmethod
    def fit(
        cls, basis: Tensor, real: Tensor, mask: Tensor, composite: Tensor, *, corners: bool = False
    ) -> Transplant:
        """Fit a basis to the changes of true pairs.

        Args:
            basis: (K, 3, D, D, D), any real values.
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            composite: (B, 3, H, W) in [0, 1].
            corners: a LUT for each corner.
        """
        weights = fit_pair(basis, real, mask, composite, corners=corners)
        fitted = composite_lut(real, mask, _luts(weights, basis, mask))
        true, made = ((image - real).square().sum((1, 2, 3)) for image in (composite, fitted))
        gains = (true / made.clamp_min(1e-9)).sqrt().clamp(1, _MOST_AMPLIFIED)
        return cls(weights, gains, basis)

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        rows = torch.randint(len(self.weights), (len(real),), generator=generator)
        weights = self.weights[rows]
        if weights.ndim == 3:
            mirrored = torch.rand(len(real), 1, 1, generator=generator).to(weights) < 0.5
            weights = torch.where(mirrored, weights[:, [1, 0, 3, 2]], weights)
        moved = apply_lut(real.clamp(0, 1), _luts(weights, self.basis, mask.to(weights)).to(real))
        gains = self.gains[rows].to(real)
        moved = torch.lerp(real, moved, gains.view(-1, 1, 1, 1)).clamp(0, 1)
        return torch.where(mask > 0, real + mask * (moved - real), real)


def _luts(weights: Tensor, basis: Tensor, mask: Tensor) -> Tensor:
    """Return a LUT for each photo, or a grid over the frame (B, 2, 2, 3, D, D, D)."""
    if weights.ndim == 2:
        return mix_luts(weights, basis)
    return mix_luts(frame_corners(mask) @ weights, basis).unflatten(1, (2, 2))
