"""The prior: a map from z ~ N(0, I) to the codes that training pairs have."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmaug.nets import native

_COUPLINGS = 6
_WIDTH = 64
_REACH = 1.5  # a coupling stretches by at most e^1.5, so that no code is extreme
_BATCH = 256
_RATE = 2e-3  # of AdamW at the start, with a cosine down to 0
_DECAY = 1.0
_BLUR = 0.4  # standard deviation of noise on the conditions that are fitted to
_CHECK_EVERY = 4  # passes between looks at the codes set aside
_PATIENCE = 5  # looks without a better one before a fit stops


class Codes(NamedTuple):
    """Posteriors of N pairs, and the photos that the prior depends on.

    Attributes:
        mean: (N, Z).
        variance: (N, Z).
        condition: (N, C), numbers that describe the photos, near standard normal.
    """

    mean: Tensor
    variance: Tensor
    condition: Tensor


class Prior(nn.Module):
    """Invertible map from standard normal latents to codes, fitted to those of training pairs.

    The codes of a conditional VAE's training pairs spread wider than N(0, I) and have heavier tails
    (many slight changes, some drastic). The effect of a code depends on the photo: the code of a
    slight change in one photo makes a strong change in another. A decoder fed with N(0, I) changes
    colours too little, and one fed with codes of other photos too much. So the map has mean and
    covariance, and then a few affine couplings (RealNVP; Dinh et al., 2017) that see the photo's
    description. A new map is the identity.

    Args:
        latent_dim: Z.
        condition_dim: C, numbers that describe a photo; 0 makes one prior for all.
    """

    mean: Tensor  # (Z,)
    scale: Tensor  # (Z, Z), lower triangular
    kept: Tensor  # (6, 1, Z), 1 for the dimensions that a coupling leaves as they are
    moved: Tensor  # (6, 2 Z, 1), factor of stretches and shifts: not 0 for the others

    def __init__(self, latent_dim: int, condition_dim: int = 0) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("scale", torch.eye(latent_dim))
        order = torch.arange(latent_dim)
        halves = [(order // 2**k) % 2 == 0 for k in range(_COUPLINGS // 2)]
        kept = torch.stack([half if k == 0 else ~half for half in halves for k in (0, 1)])
        kept = kept.float()
        self.register_buffer("kept", kept.unsqueeze(1), persistent=False)
        moved = torch.cat(((1 - kept) / _REACH, 1 - kept), 1).unsqueeze(2)
        self.register_buffer("moved", moved, persistent=False)
        self.couplings = nn.ModuleList(_Coupling(latent_dim, condition_dim) for _ in kept)
        self.requires_grad_(False)  # `fit` trains it, a training of the net does not

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Return codes (..., Z) of standard normal latents.

        Args:
            latent: (..., Z).
            condition: (..., C), its leading axes those of ``latent`` or ones.
        """
        return self.prepared(condition).codes(latent)

    def inverse(self, code: Tensor, condition: Tensor) -> Tensor:
        """Return latents (..., Z) of codes (..., Z); condition as in `forward`."""
        return self.prepared(condition).inverse(self._whiten(code))[0]

    def prepared(self, condition: Tensor) -> Transport:
        """Return the map for some photos, to be used for any number of their latents.

        Args:
            condition: (..., C).
        """
        couplings = cast("list[_Coupling]", [*self.couplings])
        layers = [cast("list[nn.Linear]", [*each.layers][::2]) for each in couplings]
        looks = [each.seen for each in couplings]
        seen = [look.weight for look in looks if look is not None]
        # A photo unlike all that were fitted to must not be extrapolated to.
        condition = condition.clamp(-3, 3)
        bias = torch.cat([first.bias for first, _, _ in layers])
        joined = torch.cat(seen) if seen else bias.new_empty(len(bias), condition.shape[-1])
        return Transport(
            self.mean,
            self.scale,
            torch.stack([first.weight for first, _, _ in layers]) * self.kept,
            [(second.weight, second.bias) for _, second, _ in layers],
            torch.stack([last.weight for _, _, last in layers]) * self.moved,
            torch.stack([last.bias for _, _, last in layers]) * self.moved.squeeze(2),
            F.linear(condition, joined, bias).unflatten(-1, (len(layers), _WIDTH)),
        )

    def fit(
        self,
        codes: Codes,
        aside: Codes | None = None,
        *,
        passes: int = 80,
        generator: torch.Generator | None = None,
    ) -> None:
        """Fit the aggregated posterior of training pairs, starting from the last fit.

        Args:
            codes: the pairs to fit.
            aside: pairs of other photos. The couplings under which they are most likely are kept,
                so that a few photos are not learnt by heart; None keeps the last couplings.
            passes: passes over the codes that fit the couplings; 0 fits mean and covariance alone.
            generator: on the CPU; draws codes from the posteriors.
        """
        with torch.no_grad():
            mean, variance = codes.mean.double(), codes.variance.double()
            centre = mean.mean(0)
            spread = (mean - centre).mT @ (mean - centre) / len(mean)
            # Raises before anything is changed.
            scale = torch.linalg.cholesky(spread + variance.mean(0).diag())
            self.mean.copy_(centre)
            self.scale.copy_(scale)
        if passes:
            self._fit_couplings(codes, aside, passes, generator)
        else:
            for coupling in self.couplings:
                coupling.reset()  # type: ignore[operator]

    def _fit_couplings(
        self, codes: Codes, aside: Codes | None, passes: int, generator: torch.Generator | None
    ) -> None:
        self.couplings.requires_grad_(True)
        optimizer = torch.optim.AdamW(self.couplings.parameters(), weight_decay=_DECAY)
        sample = None if aside is None else (_draw(aside, generator), aside.condition)
        best, kept, waited = math.inf, copy.deepcopy(self.couplings.state_dict()), 0
        for number in range(passes + 1):
            if sample is not None and (number % _CHECK_EVERY == 0 or number == passes):
                with torch.no_grad():
                    surprise = self._surprise(*sample).item()
                if surprise < best:
                    best, kept, waited = surprise, copy.deepcopy(self.couplings.state_dict()), 0
                elif (waited := waited + 1) == _PATIENCE:
                    break
            if number < passes:
                rate = _RATE * (1 + math.cos(math.pi * number / passes)) / 2
                self._pass(codes, optimizer, rate, generator)
        if sample is not None:
            self.couplings.load_state_dict(kept)
        self.requires_grad_(False)

    def _pass(
        self,
        codes: Codes,
        optimizer: torch.optim.Optimizer,
        rate: float,
        generator: torch.Generator | None,
    ) -> None:
        optimizer.param_groups[0]["lr"] = rate
        for rows in torch.randperm(len(codes.mean), generator=generator).split(_BATCH):
            some = Codes(*(values[rows.to(values.device)] for values in codes))
            blur = _BLUR * torch.randn(some.condition.shape, generator=generator)
            with torch.enable_grad():
                loss = self._surprise(_draw(some, generator), some.condition + blur.to(some.mean))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    def _surprise(self, code: Tensor, condition: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of codes (N, Z), up to a constant."""
        latent, log_determinant = self.prepared(condition).inverse(self._whiten(code))
        return (latent.square().sum(1) / 2 - log_determinant).mean()

    def _whiten(self, code: Tensor) -> Tensor:
        centred = (code - self.mean).unsqueeze(-1)
        return torch.linalg.solve_triangular(self.scale, centred, upper=False).squeeze(-1)


class Transport(NamedTuple):
    """The prior's map for some photos, its weights prepared for many small calls.

    Every coupling stretches and shifts one half of the dimensions as the other half and the photo
    decide. Its weights are masked here: from dimensions that are moved nothing is read, and those
    that are kept get neither stretch nor shift.

    Attributes:
        mean: (Z,).
        scale: (Z, Z), lower triangular.
        first: (6, H, Z), weights of each coupling's first layer.
        second: weights (H, H) and bias (H,) of the second, of each coupling.
        last: (6, 2 Z, H), weights of its last layer: bounded by tanh and times 1.5 its first half
            is the log of how much to stretch, the other half are shifts.
        last_bias: (6, 2 Z).
        seen: (..., 6, H), what each coupling sees of the photos, and the bias of its first layer.
    """

    mean: Tensor
    scale: Tensor
    first: Tensor
    second: list[tuple[Tensor, Tensor]]
    last: Tensor
    last_bias: Tensor
    seen: Tensor

    def codes(self, latent: Tensor) -> Tensor:
        """Return codes (..., Z) of latents (..., Z)."""
        fit = self.seen.shape[:-2] == (len(latent), 1) and latent.shape[2:] == self.mean.shape
        if fit and native.takes(latent, *self.tensors()):
            return native.transport(latent, *self, _REACH)
        white = latent
        for number in range(len(self.second)):
            bent, shift = self._amounts(number, white)
            white = torch.addcmul(shift, white, math.exp(_REACH) ** bent)
        return F.linear(white, self.scale, self.mean)

    def inverse(self, white: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents of whitened codes (..., Z), and the log of how much their volume grew."""
        latent, grown = white, white.new_zeros(white.shape[:-1])
        for number in reversed(range(len(self.second))):
            bent, shift = self._amounts(number, latent)
            latent = (latent - shift) * math.exp(-_REACH) ** bent
            grown = grown - _REACH * bent.sum(-1)
        return latent, grown

    def tensors(self) -> list[Tensor]:
        """Return all that it is made of."""
        whole = [part for part in self if isinstance(part, Tensor)]
        return [*whole, *(part for layer in self.second for part in layer)]

    def rows(self, rows: Tensor) -> Transport:
        """Return the map for some of the photos, (M,) indices."""
        return self._replace(seen=self.seen[rows])

    def _amounts(self, number: int, values: Tensor) -> tuple[Tensor, Tensor]:
        seen, first = self.seen[..., number, :], self.first[number].mT
        if values.ndim == 3:
            hidden = torch.baddbmm(seen, values, first.expand(len(values), -1, -1))
        else:
            hidden = values @ first + seen
        hidden = F.linear(F.silu(hidden), *self.second[number])
        amounts = F.linear(F.silu(hidden), self.last[number], self.last_bias[number])
        bent, shift = amounts.chunk(2, -1)
        return torch.tanh(bent), shift


class _Coupling(nn.Module):
    """The layers of one coupling, as checkpoints hold them.

    Args:
        latent_dim: Z.
        condition_dim: C.
    """

    def __init__(self, latent_dim: int, condition_dim: int) -> None:
        super().__init__()
        self.seen = nn.Linear(condition_dim, _WIDTH, bias=False) if condition_dim else None
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, _WIDTH),
            nn.SiLU(),
            nn.Linear(_WIDTH, 2 * latent_dim),
        )
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Become the identity."""
        for parameter in self.layers[-1].parameters():
            parameter.zero_()


def _draw(codes: Codes, generator: torch.Generator | None) -> Tensor:
    """Return a code (N, Z) from each posterior."""
    noise = torch.randn(codes.mean.shape, generator=generator).to(codes.mean)
    return codes.mean + noise * codes.variance.sqrt()
