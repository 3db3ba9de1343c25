"""The recipe made of true pairs: what was done to their foregrounds, done to those of other photos.

A few scenes under many changes (static cameras, a studio) teach a generator those scenes: it takes
what it sees in a photo for the cause of a change that any photo could have had. With the
changes put on other photos there is nothing in a photo to learn by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harmaug.lut import apply_lut, composite_lut, mix_luts
from harmaug.lut.fitting import fit_pair

_MOST_AMPLIFIED = 2.0  # beyond, what a LUT misses is no colour change (shadows, passing cars)


@dataclass(frozen=True)
class Transplant:
    """The foreground changes as that of a true pair did from photo to composite.

    A pair's change is the LUT that comes nearest to it. As any fit of noisy values that LUT changes
    less than the pair did, and is amplified to the strength of its pair. Nothing is pulled back:
    night takes contrast away, as a hand-made recipe should not.

    Attributes:
        weights: (N, K), convex mixing weights of each pair's LUT.
        gains: (N,), how many times what its LUT does each pair's change is.
        basis: (K, 3, D, D, D).
    """

    weights: Tensor
    gains: Tensor
    basis: Tensor

    @classmethod
    def fit(cls, basis: Tensor, real: Tensor, mask: Tensor, composite: Tensor) -> Transplant:
        """The changes of true pairs, as far as a basis can make them.

        Args:
            basis: (K, 3, D, D, D).
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            composite: (B, 3, H, W) in [0, 1].
        """
        weights = fit_pair(basis, real, mask, composite)
        fitted = composite_lut(real, mask, mix_luts(weights, basis).unsqueeze(1))[:, 0]
        true, made = ((image - real).square().sum((1, 2, 3)) for image in (composite, fitted))
        gains = (true / made.clamp_min(1e-9)).sqrt().clamp(1, _MOST_AMPLIFIED)
        return cls(weights, gains, basis)

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        rows = torch.randint(len(self.weights), (len(real),), generator=generator)
        moved = apply_lut(real.clamp(0, 1), mix_luts(self.weights[rows], self.basis).to(real))
        gains = self.gains[rows].to(real)
        moved = torch.lerp(real, moved, gains.view(-1, 1, 1, 1)).clamp(0, 1)
        return torch.where(mask > 0, real + mask * (moved - real), real)
