"""The one interface of both nets: photo + mask + latent -> mixing weights over the LUT basis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harmaug.lut.tensors import identity_lut, mix_luts
from harmaug.nets.prior import Prior, Transport
from harmaug.nets.refine import refine_latent


class LutNet(nn.Module):
    """Base of the nets: a LUT basis, a prior, and the methods that a net fills in.

    Images are (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1], at any size: a net resizes
    them itself to what it was trained on. `condition` is computed once a photo and serves any
    number of latents. Neither it nor `change` holds anything learnt, so that a training computes
    them once a pair.

    Attributes:
        latent_dim: Z.
        basis: (K, 3, D, D, D), the LUTs that are mixed.
        prior: maps z ~ N(0, I) to the net's own codes, for each photo its own way.
        refinement_steps: steps by which `encode` improves on the posterior's mean; for nets whose
            decoder costs next to nothing.
    """

    refinement_steps = 0

    def __init__(
        self, latent_dim: int, basis_size: int, lut_size: int, description: int = 0
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.basis = nn.Parameter(identity_lut(lut_size).repeat(basis_size, 1, 1, 1, 1))
        self.prior = Prior(latent_dim, description)

    def config(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this net."""
        raise NotImplementedError

    def condition(self, real: Tensor, mask: Tensor) -> Tensor:
        """What the net takes from the photo, once for all its latents: (B, ...)."""
        raise NotImplementedError

    def describe(self, condition: Tensor) -> Tensor:
        """The numbers (B, C) that the prior goes by, near standard normal; none by default."""
        return condition.new_zeros(len(condition), 0)

    def decode(self, condition: Tensor, code: Tensor) -> Tensor:
        """Mixing weights (B, n, K), convex, from (B, ...) and codes (B, n, Z)."""
        raise NotImplementedError

    def start_from(self, weights: Tensor) -> None:
        """Make a new net predict the mixing weights (K,) whatever it sees, to train from there."""
        raise NotImplementedError

    def change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        """What the reconstruction branch takes from a known composite: (B, ...)."""
        raise NotImplementedError

    def posterior(self, condition: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, (B, Z) each, of the code of a known composite."""
        raise NotImplementedError

    def prepared_prior(self, condition: Tensor) -> Transport:
        """Return the prior's map for the photos of a condition, for all their latents."""
        return self.prior.prepared(self.describe(condition).unsqueeze(1))

    def mixing_weights(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Return mixing weights (B, n, K) for latents (B, n, Z) drawn from N(0, I)."""
        return self.decode(condition, self.prepared_prior(condition)(latent))

    def luts(self, condition: Tensor, latent: Tensor) -> Tensor:
        """Return the mixed LUTs (B, n, 3, D, D, D) for latents (B, n, Z) drawn from N(0, I)."""
        return mix_luts(self.mixing_weights(condition, latent), self.basis)

    def encode(
        self, real: Tensor, mask: Tensor, composite: Tensor, *, refine: bool = True
    ) -> Tensor:
        """The latent (B, Z) of known composites.

        Args:
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            composite: (B, 3, H, W) in [0, 1].
            refine: improve on the posterior's mean for each pair (`nets.refine`), where the net
                is cheap enough; else the mean itself.
        """
        with torch.no_grad():
            condition = self.condition(real, mask)
            mean, _ = self.posterior(condition, self.change(real, mask, composite))
            latent = self.prior.inverse(mean, self.describe(condition))
        if not refine or not self.refinement_steps:
            return latent
        with torch.inference_mode(False):
            seen = condition.clone()  # no inference tensor, through which nothing is descended
        return refine_latent(
            lambda z: self.mixing_weights(seen, z),
            self.basis,
            latent,
            real,
            mask,
            composite,
            self.refinement_steps,
        )
