"""The prior: from z ~ N(0, I) to the codes that training pairs really have."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_COUPLINGS = 6
_WIDTH = 64
_REACH = 1.5  # a coupling stretches by at most e^1.5, so that no latent runs away
_BATCH = 256


class Prior(nn.Module):
    """Invertible map from standard normal latents to codes, fitted to those of training pairs.

    The codes of a conditional VAE's training pairs spread wider than N(0, I) and have heavier
    tails: many slight changes, some drastic. A decoder fed with N(0, I) changes colours too little,
    and one fed with their mean and covariance alone too much too often. So after mean and
    covariance a few affine couplings (RealNVP; Dinh et al., 2017) follow the rest of
    the distribution. New, the map is the identity.
    """

    mean: Tensor  # (Z,)
    scale: Tensor  # (Z, Z), lower triangular

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.eye(latent_dim))
        order = torch.arange(latent_dim)
        halves = [(order // 2**k) % 2 == 0 for k in range(_COUPLINGS // 2)]
        kept = [half if k == 0 else ~half for half in halves for k in (0, 1)]
        self.couplings = nn.ModuleList(_Coupling(mask.float()) for mask in kept)
        self.requires_grad_(False)  # `fit` trains it, a training of the net does not

    def forward(self, latent: Tensor) -> Tensor:
        """Latents (..., Z), standard normal -> codes (..., Z)."""
        white = latent
        for coupling in self.couplings:
            white = coupling(white)
        return self.mean + white @ self.scale.mT

    def inverse(self, code: Tensor) -> Tensor:
        """Codes (..., Z) -> latents (..., Z)."""
        return self._latent(self._whiten(code))[0]

    def fit(
        self,
        mean: Tensor,
        variance: Tensor,
        *,
        steps: int = 1000,
        generator: torch.Generator | None = None,
    ) -> None:
        """Follow the aggregated posterior of N pairs; goes on from the last fit.

        Args:
            mean: (N, Z), posterior means.
            variance: (N, Z), posterior variances.
            steps: steps of maximum likelihood for the couplings; 0 fits mean and covariance alone.
            generator: on the CPU; draws codes from the posteriors.
        """
        with torch.no_grad():
            centre = mean.double().mean(0)
            spread = (mean.double() - centre).mT @ (mean.double() - centre) / len(mean)
            covariance = spread + variance.double().mean(0).diag()
            scale = torch.linalg.cholesky(covariance)  # raises before anything is changed
            self.mean.copy_(centre)
            self.scale.copy_(scale)
        if steps:
            self._fit_couplings(mean.detach(), variance.detach().sqrt(), steps, generator)
        else:
            for coupling in self.couplings:
                coupling.reset()  # type: ignore[operator]

    def _fit_couplings(
        self, mean: Tensor, deviation: Tensor, steps: int, generator: torch.Generator | None
    ) -> None:
        self.couplings.requires_grad_(True)
        optimizer = torch.optim.AdamW(self.couplings.parameters(), weight_decay=1e-3)
        with torch.enable_grad():
            for step in range(steps):
                optimizer.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / steps))
                rows = torch.randint(len(mean), (_BATCH,), generator=generator).to(mean.device)
                noise = torch.randn(_BATCH, mean.shape[1], generator=generator).to(mean)
                white = self._whiten(mean[rows] + noise * deviation[rows])
                latent, log_determinant = self._latent(white)
                loss = (latent.square().sum(1) / 2 - log_determinant).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.requires_grad_(False)

    def _whiten(self, code: Tensor) -> Tensor:
        centred = (code - self.mean).unsqueeze(-1)
        return torch.linalg.solve_triangular(self.scale, centred, upper=False).squeeze(-1)

    def _latent(self, white: Tensor) -> tuple[Tensor, Tensor]:
        """Latents, and the log of how much their volume grew."""
        latent, grown = white, white.new_zeros(white.shape[:-1])
        for coupling in reversed(self.couplings):
            latent, more = coupling.inverse(latent)  # type: ignore[operator]
            grown = grown + more
        return latent, grown


class _Coupling(nn.Module):
    """Stretch and shift one half of the dimensions by amounts that the other half decides."""

    kept: Tensor

    def __init__(self, kept: Tensor) -> None:
        super().__init__()
        self.register_buffer("kept", kept, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(len(kept), _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, 2 * len(kept)),
        )
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Become the identity."""
        for parameter in self.layers[-1].parameters():
            parameter.zero_()

    def forward(self, values: Tensor) -> Tensor:
        stretch, shift = self._amounts(values)
        return values * stretch.exp() + shift

    def inverse(self, values: Tensor) -> tuple[Tensor, Tensor]:
        stretch, shift = self._amounts(values)
        return (values - shift) * (-stretch).exp(), -stretch.sum(-1)

    def _amounts(self, values: Tensor) -> tuple[Tensor, Tensor]:
        stretch, shift = self.layers(values * self.kept).chunk(2, -1)
        moved = 1 - self.kept
        return moved * _REACH * torch.tanh(stretch / _REACH), moved * shift
