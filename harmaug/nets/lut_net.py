"""LutNet, the interface of both nets: photo, mask and latent to mixing weights and LUTs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmaug.lut.box import frame_corners
from harmaug.lut.tensors import identity_lut, mix_luts
from harmaug.nets.light import LIGHT_DIM, corner_gains
from harmaug.nets.prior import Prior, Transport
from harmaug.nets.refine import known_pixels, refine_latent
from harmaug.nets.spatial import PARTS, corner_latents

_REFINED_AT_ONCE = 16  # pairs, which bounds memory (about 6 MB each)


class LutNet(nn.Module):
    """Base of the nets: a LUT basis, a prior, and the methods that a net fills in.

    Images are (B, 3, H, W) in [0, 1] and masks (B, 1, H, W) in [0, 1], of any size: a net resizes
    them itself. `condition` is computed once a photo and serves any number of latents. No learnt
    value enters `condition` or `change`, so that a training computes them once a pair.

    Attributes:
        latent_dim: Z.
        code_dim: C, numbers of the latent that decide a mixture.
        spatial: whether the mixture varies across the foreground (`nets.spatial`); then Z is 4 C.
        spread: (3, C, C), how the latents of its corners differ; absent where it does not.
        light: (4, 3, 3), maps the last 13 numbers of the latent to gains on top of the mixture
            (`nets.light`); None of a net without.
        basis: (K, 3, D, D, D), the LUTs that are mixed.
        prior: maps z ~ N(0, I) to the net's codes, in another way for each photo.
        graphs: whether CUDA graphs may replay its decisions (`nets.replay`). Off until they have
            run on a GPU: a capture that fails there could disturb the training around it.
        cheap: whether a further latent of a photo costs hardly anything.
        refinement_steps: steps by which `encode` improves the posterior's mean, of a cheap net.

    Args:
        latent_dim: Z.
        basis_size: K.
        lut_size: D.
        description: numbers of a photo that the prior depends on.
        spatial: whether the mixture varies across the foreground; then Z is a multiple of 4.
        light: whether there are gains on top of one mixture; then Z has 13 numbers for them.
    """

    graphs = False
    cheap = False
    refinement_steps = 0

    spread: Tensor
    light: Tensor | None

    def __init__(
        self,
        latent_dim: int,
        basis_size: int,
        lut_size: int,
        description: int = 0,
        spatial: bool = False,
        light: bool = False,
    ) -> None:
        super().__init__()
        if spatial and light:
            raise ValueError("spatial and light are two ways to vary; a net has one of them.")
        if spatial and latent_dim % PARTS:
            raise ValueError(
                f"latent_dim of a spatial net must be a multiple of {PARTS}, got {latent_dim}."
            )
        if light and latent_dim <= LIGHT_DIM:
            raise ValueError(
                f"latent_dim of a net with light must be above {LIGHT_DIM}, got {latent_dim}."
            )
        self.latent_dim, self.spatial = latent_dim, spatial
        self.code_dim = latent_dim // PARTS if spatial else latent_dim - LIGHT_DIM * light
        self.basis = nn.Parameter(identity_lut(lut_size).repeat(basis_size, 1, 1, 1, 1))
        self.prior = Prior(self.code_dim, description)
        if spatial:
            self.register_buffer("spread", torch.zeros(PARTS - 1, self.code_dim, self.code_dim))
        self.register_buffer("light", torch.zeros(PARTS, 3, 3) if light else None)

    @property
    def varies(self) -> bool:
        """True if the change of a draw varies across the foreground."""
        return self.spatial or self.light is not None

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments that build this net again."""
        raise NotImplementedError

    def condition(self, real: Tensor, mask: Tensor) -> Tensor:
        """Return the net's view of the photos, (B, ...), once for all their latents."""
        raise NotImplementedError

    def describe(self, condition: Tensor) -> Tensor:
        """Return the numbers (B, M) that the prior depends on, near standard normal; M may be 0."""
        return condition.new_zeros(len(condition), 0)

    def decode(self, condition: Tensor, code: Tensor) -> Tensor:
        """Return mixing weights (B, n, K), convex, of conditions (B, ...) and codes (B, n, C)."""
        raise NotImplementedError

    def start_from(self, weights: Tensor) -> None:
        """Make a new net predict the mixing weights (K,) for every photo, to train from there."""
        raise NotImplementedError

    def change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        """Return the reconstruction branch's view of known composites, (B, ...)."""
        raise NotImplementedError

    def posterior(self, condition: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (B, C) each, of the codes of known composites."""
        raise NotImplementedError

    def prepared_prior(self, condition: Tensor) -> Transport:
        """Return the prior's map for the photos of a condition, for all their latents."""
        return self.prior.prepared(self.describe(condition).unsqueeze(1))

    def mixing_weights(
        self,
        condition: Tensor,
        latent: Tensor,
        spatial: float = 0.0,
        prior: Transport | None = None,
    ) -> Tensor:
        """Return mixing weights, convex.

        Args:
            condition: (B, ...), of `condition`.
            latent: (B, n, Z), drawn from N(0, I).
            spatial: how much the change varies across the foreground; 0: one for all of it.
            prior: that of `prepared_prior`, where it is known already.

        Returns:
            (B, n, K); of a spatial net, with ``spatial`` above 0, (B, n, 4, K) for the corners of
            the foreground's box.
        """
        prior = prior or self.prepared_prior(condition)
        if not (self.spatial and spatial):
            return self.decode(condition, prior.codes(latent[..., : self.code_dim]))
        corners = corner_latents(latent, self.spread, spatial).flatten(1, 2)
        return self.decode(condition, prior.codes(corners)).unflatten(1, (latent.shape[1], -1))

    def gains(self, latent: Tensor, spatial: float = 0.0) -> Tensor | None:
        """Return the gains of the light on top of the mixture; None of a net without.

        Args:
            latent: (B, n, Z), drawn from N(0, I).
            spatial: how much they vary across the foreground.

        Returns:
            (B, n, 1, 3), or with ``spatial`` above 0 (B, n, 4, 3) for the corners of the box.
        """
        if self.light is None:
            return None
        return corner_gains(latent[..., self.code_dim :], self.light, spatial)

    def mix(self, weights: Tensor, corners: Tensor | None) -> Tensor:
        """Return LUTs (B, n, 3, D, D, D) or (B, n, 2, 2, 3, D, D, D) of `mixing_weights`.

        Args:
            weights: (B, n, K) or (B, n, 4, K).
            corners: (B, 4, 4), of `lut.box.frame_corners`; read for the latter alone.
        """
        if weights.ndim == 3:
            return mix_luts(weights, self.basis)
        assert corners is not None
        return mix_luts(corners.unsqueeze(1) @ weights, self.basis).unflatten(2, (2, 2))

    def lit(self, luts: Tensor, gains: Tensor | None, corners: Tensor | None) -> Tensor:
        """Return mixed LUTs with the gains of the light on top.

        Args:
            luts: (B, n, 3, D, D, D), of `mix`; without gains they may be those of a spatial net.
            gains: (B, n, 1, 3), or (B, n, 4, 3) for the corners of the box, of `gains`; or None.
            corners: (B, 4, 4), of `lut.box.frame_corners`; read for the latter alone.

        Returns:
            (B, n, 3, D, D, D), or (B, n, 2, 2, 3, D, D, D) for the corners of the frame.
        """
        if gains is None:
            return luts
        if gains.shape[2] == 1:
            return luts * gains.squeeze(2)[..., None, None, None]
        assert corners is not None
        # LUTs times gains, bilinear over the box, are bilinear over the frame too.
        frame = (corners.unsqueeze(1) @ gains).unflatten(2, (2, 2))
        return luts[:, :, None, None] * frame[..., None, None, None]

    def luts(
        self,
        condition: Tensor,
        latent: Tensor,
        mask: Tensor | None = None,
        spatial: float = 1.0,
    ) -> Tensor:
        """Return the LUTs of latents drawn from N(0, I).

        Args:
            condition: (B, ...), of `condition`.
            latent: (B, n, Z).
            mask: (B, 1, H, W) in [0, 1], whose foregrounds the change varies across; without it
                there is one change for all of a foreground.
            spatial: how much it varies; 0 as without ``mask``.

        Returns:
            (B, n, 3, D, D, D); where the change varies, (B, n, 2, 2, 3, D, D, D).
        """
        varies = mask is not None and self.varies and spatial > 0
        amount = spatial if varies else 0.0
        weights = self.mixing_weights(condition, latent, amount)
        corners = frame_corners(mask) if varies and mask is not None else None
        return self.lit(self.mix(weights, corners), self.gains(latent, amount), corners)

    def first_latent(self, condition: Tensor, change: Tensor) -> Tensor:
        """Return the latent (B, Z) of the posterior's mean; nothing varies, and no light is on."""
        mean, _ = self.posterior(condition, change)
        latent = self.prior.inverse(mean, self.describe(condition))
        latent = F.pad(latent, (0, self.latent_dim - self.code_dim))
        if self.light is not None:
            latent[:, self.code_dim] = 1  # an amount; at 0 the gains would have no gradient
        return latent

    def encode(
        self,
        real: Tensor,
        mask: Tensor,
        composite: Tensor,
        *,
        refine: bool = True,
        spatial: float = 1.0,
    ) -> Tensor:
        """Return the latent (B, Z) of known composites.

        Args:
            real: (B, 3, H, W) in [0, 1].
            mask: (B, 1, H, W) in [0, 1].
            composite: (B, 3, H, W) in [0, 1].
            refine: improve the posterior's mean for each pair (`nets.refine`), if the net is
                cheap enough.
            spatial: 0 finds the best latent whose spatial parts are not used.
        """
        with torch.no_grad():
            condition = self.condition(real, mask)
            latent = self.first_latent(condition, self.change(real, mask, composite))
        if not refine or not self.refinement_steps or not real.numel():
            return latent
        with torch.inference_mode(False):
            seen = condition.clone()  # descent cannot pass through an inference tensor
        parts = (x.split(_REFINED_AT_ONCE) for x in (latent, seen, real, mask, composite))
        return torch.cat(
            [self._refined(*some, spatial=spatial) for some in zip(*parts, strict=True)]
        )

    def _refined(
        self,
        latent: Tensor,
        condition: Tensor,
        real: Tensor,
        mask: Tensor,
        composite: Tensor,
        *,
        spatial: float,
    ) -> Tensor:
        def mixture(latent: Tensor) -> tuple[Tensor, Tensor | None]:
            latent = latent.unsqueeze(1)
            gains = self.gains(latent, spatial)
            weights = self.mixing_weights(condition, latent, spatial).flatten(1, -2)
            return weights, None if gains is None else gains.squeeze(1)

        return refine_latent(
            mixture,
            latent,
            known_pixels(self.basis.detach(), real, mask, composite),
            self.refinement_steps,
        )
