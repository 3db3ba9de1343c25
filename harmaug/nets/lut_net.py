"""LutNet, the interface of both nets: photo, mask and latent to mixing weights and LUTs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harmaug.lut.tensors import identity_lut, mix_luts
from harmaug.nets.prior import Prior, Transport
from harmaug.nets.refine import refine_latent


class LutNet(nn.Module):
    """Base of the nets: a LUT basis, a prior, and the methods that a net fills in.

    Images are (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1], of any size: a net resizes
    them itself. `condition` is computed once a photo and serves any number of latents. No learnt
    value enters `condition` or `change`, so that a training computes them once a pair.

    Attributes:
        latent_dim: Z.
        basis: (K, 3, D, D, D), the LUTs that are mixed.
        prior: maps z ~ N(0, I) to the net's codes, in another way for each photo.
        refinement_steps: steps by which `encode` improves the posterior's mean; for nets with a
            cheap decoder.

    Args:
        latent_dim: Z.
        basis_size: K.
        lut_size: D.
        description: C, numbers of a photo that the prior depends on.
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
        """Return the keyword arguments that build this net again."""
        raise NotImplementedError

    def condition(self, real: Tensor, mask: Tensor) -> Tensor:
        """Return the net's view of the photos, (B, ...), once for all their latents."""
        raise NotImplementedError

    def describe(self, condition: Tensor) -> Tensor:
        """Return the numbers (B, C) that the prior depends on, near standard normal; C may be 0."""
        return condition.new_zeros(len(condition), 0)

    def decode(self, condition: Tensor, code: Tensor) -> Tensor:
        """Return mixing weights (B, n, K), convex, of conditions (B, ...) and codes (B, n, Z)."""
        raise NotImplementedError

    def start_from(self, weights: Tensor) -> None:
        """Make a new net predict the mixing weights (K,) for every photo, to train from there."""
        raise NotImplementedError

    def change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        """Return the reconstruction branch's view of known composites, (B, ...)."""
        raise NotImplementedError

    def posterior(self, condition: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (B, Z) each, of the codes of known composites."""
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
        """Return the latent (B, Z) of known composites.

        Args:
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            composite: (B, 3, H, W) in [0, 1].
            refine: improve the posterior's mean for each pair (`nets.refine`), if the net is
                cheap enough.
        """
        with torch.no_grad():
            condition = self.condition(real, mask)
            mean, _ = self.posterior(condition, self.change(real, mask, composite))
            latent = self.prior.inverse(mean, self.describe(condition))
        if not refine or not self.refinement_steps:
            return latent
        with torch.inference_mode(False):
            seen = condition.clone()  # descent cannot pass through an inference tensor
        return refine_latent(
            lambda z: self.mixing_weights(seen, z),
            self.basis,
            latent,
            real,
            mask,
            composite,
            self.refinement_steps,
        )
