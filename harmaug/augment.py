"""SycoNetAugment: the object a user holds, from photo and mask to composites."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import torch
from torch import Tensor, nn

from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.inputs import Space, SpaceLike
from harmaug.lut import composite_lut, identity_lut
from harmaug.lut.ops import check_image, check_mask
from harmaug.lut.tensors import check_lut
from harmaug.nets import LutNet
from harmaug.nets.decision import Decision, decide
from harmaug.nets.judging import hardest
from harmaug.nets.latents import draw_latents


class SycoNetAugment(nn.Module):
    """Learnt augmentation for image harmonization: recolours foregrounds into composites.

    The net is frozen and stays in eval. It is not registered as a submodule, so an augmenter stored
    on a host model adds nothing to the host's parameters, state dict or DistributedDataParallel; it
    still follows the host to another device. It computes in float32 whatever the host's dtype.

    Everywhere below: ``real`` (B, 3, H, W) or (3, H, W), floating point, in the value space
    ``space`` ("unit" [0, 1], "pm1" [-1, 1], "imagenet", or ``(mean, std)``); ``mask`` (B, 1, H, W),
    (B, H, W), (1, H, W) or (H, W), bool or floating point in [0, 1], 1 is foreground. Without
    the batch axis on ``real`` the result has none either.

    Args:
        net: a trained generator; `from_pretrained` reads one.
        card: what is known of it.
        checkpoint: the name or path that would load it again.
    """

    net: LutNet

    def __init__(
        self, net: LutNet, card: dict[str, Any] | None = None, checkpoint: str | None = None
    ) -> None:
        super().__init__()
        self.card = dict(card or {})
        self.checkpoint = checkpoint
        # Past nn.Module's registration, see above.
        object.__setattr__(self, "net", net.float().eval().requires_grad_(False))
        self.training = False

    @classmethod
    def from_pretrained(
        cls, name: str | os.PathLike[str] = "unified", device: torch.device | str | None = None
    ) -> SycoNetAugment:
        """Load a checkpoint by packaged name, ``.safetensors`` file, folder or Hub id.

        Args:
            name: see `harmaug.list_checkpoints` for the packaged ones; ``owner/name`` or
                ``owner/name@revision`` of the Hugging Face Hub is fetched once (extra ``hub``).
            device: where to put it; the CPU if not given.
        """
        net, card = open_checkpoint(name)
        return cls(net.to(device or "cpu"), card, os.fspath(name))

    def save_pretrained(self, path: str | os.PathLike[str]) -> Path:
        """Write weights and card to a folder or ``.safetensors`` file for `from_pretrained`."""
        return save_checkpoint(path, self.net, self.card)

    def forward(
        self, real: Tensor, mask: Tensor, *, space: SpaceLike = "unit", **options: Any
    ) -> Tensor:
        """One composite a photo: (B, 3, H, W) in the space, dtype and device of ``real``.

        ``options`` are those of `augment`, except ``n``.
        """
        composites = self.augment(real, mask, 1, space=space, **options)
        if composites.shape[-4] != 1:
            raise ValueError(
                f"forward makes one composite a photo but latent has {composites.shape[-4]}; "
                "use augment, or latent[:, :1]."
            )
        return composites.squeeze(-4)

    def augment(
        self,
        real: Tensor,
        mask: Tensor,
        n: int = 1,
        *,
        space: SpaceLike = "unit",
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        candidates: int | None = None,
    ) -> Tensor:
        """n composites a photo, each with another latent: (B, n, 3, H, W).

        Latents come from N(0, I); those of one photo are spread evenly among each other
        (`nets.latents`), so that n composites differ more than n separate draws would. A drawn
        latent that would clip more than a tenth of the foreground, or flatten it, gives way to its
        opposite, or where that is no better to a weaker one; a given one is taken as it is.

        Args:
            real: see the class.
            mask: see the class.
            n: composites a photo; a given ``latent`` says it by itself.
            space: value space of ``real`` and of the result.
            latent: (B, n, Z) instead of drawing from N(0, I).
            generator: draws the latents; torch's global generator if not given.
            strength: 0 leaves the photo as it is, 1 takes the sampled LUT, between interpolates.
            candidates: sample that many latents, at least n, and keep the n composites whose
                foreground differs most from the background.
        """
        luts = self.sample(
            real,
            mask,
            n,
            space=space,
            latent=latent,
            generator=generator,
            strength=strength,
            candidates=candidates,
        )
        return self._recolour(luts, real, mask, Space.of(space))

    def sample(
        self,
        real: Tensor,
        mask: Tensor,
        n: int = 1,
        *,
        space: SpaceLike = "unit",
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        candidates: int | None = None,
    ) -> Tensor:
        """The LUTs of n composites a photo, (B, n, 3, D, D, D), to `apply` to any of its views.

        Arguments are those of `augment`.
        """
        return self.decide(
            real,
            mask,
            n,
            space=space,
            latent=latent,
            generator=generator,
            strength=strength,
            candidates=candidates,
        ).luts

    def decide(
        self,
        real: Tensor,
        mask: Tensor,
        n: int = 1,
        *,
        space: SpaceLike = "unit",
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        candidates: int | None = None,
    ) -> Decision:
        """The LUTs that `sample` gives, and the latents and mixing weights that they come from.

        Arguments are those of `augment`.
        """
        photo, alpha = self._unit(real, mask, Space.of(space))
        if not 0 <= strength < math.inf:
            raise ValueError(f"strength must be a finite number from 0 upwards, got {strength}.")
        drawn = latent is None
        if latent is None:
            latent = self._draw(len(photo), n, candidates, generator)
        elif candidates is not None:
            raise ValueError("give latent or candidates, not both: a given latent is not drawn.")
        else:
            latent = self._fitting(latent, real, n)
        latent = latent.to(self.device, torch.float32)
        # To decide takes hundreds of small operations; where nobody asks for a gradient they go
        # without autograd's bookkeeping, which makes `augment` about 6 percent faster.
        inputs = (photo, alpha, latent, self.net.basis)
        asked = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
        alone = not asked and not torch.compiler.is_compiling()
        with torch.autocast(photo.device.type, enabled=False), torch.inference_mode(alone):
            decision = decide(self.net, photo, alpha, latent, drawn=drawn)
            if candidates is not None:
                order = hardest(decision.luts, photo, alpha, n)
                rows = torch.arange(len(order), device=order.device).unsqueeze(1)
                decision = Decision(*(values[rows, order] for values in decision))
        if alone and not torch.is_inference_mode_enabled():  # hand out tensors as any other
            decision = Decision(*(values.clone() for values in decision))
        if strength != 1:
            neutral = identity_lut(self.basis.shape[-1], dtype=torch.float32, device=self.device)
            moved = neutral + float(strength) * (decision.luts - neutral)
            decision = decision._replace(luts=moved)
        return decision if real.ndim == 4 else Decision(*(values[0] for values in decision))

    @overload
    def apply(
        self, luts: Tensor, real: Tensor, mask: Tensor, *, space: SpaceLike = "unit"
    ) -> Tensor: ...

    @overload
    def apply(self, luts: Callable[[nn.Module], None]) -> SycoNetAugment: ...

    def apply(
        self,
        luts: Tensor | Callable[[nn.Module], None],
        real: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        space: SpaceLike = "unit",
    ) -> Tensor | SycoNetAugment:
        """Recolour the foreground by sampled LUTs; any view or size of the photo they are for.

        Args:
            luts: (B, 3, D, D, D), or (B, n, 3, D, D, D) for n results a photo.
            real: see the class.
            mask: see the class.
            space: value space of ``real`` and of the result.

        Returns:
            (B, 3, H, W) or (B, n, 3, H, W); outside the mask the very bits of ``real``.
        """
        if not isinstance(luts, Tensor) and callable(luts) and real is None:
            # A host that initialises its weights calls nn.Module.apply(fn) on every child.
            return super().apply(luts)
        if not isinstance(luts, Tensor) or real is None or mask is None:
            raise TypeError(
                f"apply takes luts, real and mask, each a torch.Tensor, got {type(luts).__name__}, "
                f"{type(real).__name__} and {type(mask).__name__}."
            )
        check_lut(luts, "luts")
        self._unit(real, mask, Space.of(space))
        return self._recolour(luts, real, mask, Space.of(space))

    def encode(
        self, real: Tensor, mask: Tensor, composite: Tensor, *, space: SpaceLike = "unit"
    ) -> Tensor:
        """The latent of known composites, (B, Z): the posterior's mean, refined on each pair.

        Args:
            real: see the class.
            mask: see the class.
            composite: the shape and space of ``real``.
            space: value space of both.
        """
        space = Space.of(space)
        photo, alpha = self._unit(real, mask, space)
        check_image(composite, "composite")
        if composite.shape != real.shape:
            raise ValueError(
                f"composite must have the shape of real, {tuple(real.shape)}, "
                f"got {tuple(composite.shape)}."
            )
        known, _ = self._unit(composite, mask, space, "composite")
        with torch.autocast(photo.device.type, enabled=False):
            latent = self.net.encode(photo, alpha, known)
        return latent if real.ndim == 4 else latent[0]

    @property
    def basis(self) -> Tensor:
        """The LUTs that are mixed, (K, 3, D, D, D)."""
        return self.net.basis.detach()

    @property
    def latent_dim(self) -> int:
        """Z."""
        return self.net.latent_dim

    @property
    def device(self) -> torch.device:
        """Where the net is; inputs must be there too."""
        return self.net.basis.device

    def train(self, mode: bool = True) -> SycoNetAugment:
        """Does nothing: the net is frozen, in eval."""
        return self

    def extra_repr(self) -> str:
        return f"checkpoint={self.checkpoint!r}, Z={self.latent_dim}, K={len(self.basis)}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SycoNetAugment:
        # How nn.Module moves and casts: the device is followed, the dtype is not.
        self.net.to(fn(torch.empty(0, device=self.device)).device)
        return self

    def _unit(
        self, real: Tensor, mask: Tensor, space: Space, name: str = "real"
    ) -> tuple[Tensor, Tensor]:
        """Checked inputs as float32 (B, 3, H, W) in [0, 1] and (B, 1, H, W) in [0, 1]."""
        photo = check_image(real, name)
        if not real.is_floating_point():
            raise TypeError(f"{name} must be floating point, got {real.dtype}; divide by 255.")
        if photo.device != self.device:
            raise ValueError(
                f"{name} is on {photo.device} but the augmenter is on {self.device}; "
                f"move one of them, for example aug.to({str(photo.device)!r})."
            )
        alpha = check_mask(mask, photo).float()
        photo = space.decode(photo.float())
        if not alpha.numel():
            return photo, alpha
        low, high = (value.item() for value in alpha.detach().aminmax())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"mask must be in [0, 1], got values from {low:g} to {high:g}.")
        extremes = torch.stack(photo.detach().aminmax())
        space.check(extremes, name)
        inside = bool(((extremes >= 0) & (extremes <= 1)).all())  # as most are: spare them a copy
        return photo if inside else photo.clamp(0, 1), alpha

    def _draw(
        self, batch: int, n: int, candidates: int | None, generator: torch.Generator | None
    ) -> Tensor:
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}.")
        if candidates is not None and candidates < n:
            raise ValueError(f"candidates must be at least n = {n}, got {candidates}.")
        return draw_latents(batch, candidates or n, self.latent_dim, generator)

    def _fitting(self, latent: Tensor, real: Tensor, n: int) -> Tensor:
        """A given latent as (B, n, Z); raise if it is not one for these photos."""
        if not isinstance(latent, Tensor) or not latent.is_floating_point():
            got = latent.dtype if isinstance(latent, Tensor) else type(latent).__name__
            raise TypeError(f"latent must be a floating point torch.Tensor, got {got}.")
        given = latent.unsqueeze(0) if real.ndim == 3 and latent.ndim == 2 else latent
        batch = len(real) if real.ndim == 4 else 1
        if n == 1 and given.ndim == 3:  # the default: the latent says how many
            n = max(given.shape[1], 1)
        if given.shape != (batch, n, self.latent_dim):
            raise ValueError(
                f"latent must be (B, n, Z) with B = {batch}, n = {n} and Z = {self.latent_dim}, "
                f"got {tuple(latent.shape)}."
            )
        if not latent.isfinite().all():
            raise ValueError("latent holds NaN or infinity; draw it from N(0, I) or encode a pair.")
        return given

    def _recolour(self, luts: Tensor, real: Tensor, mask: Tensor, space: Space) -> Tensor:
        photo, alpha = check_image(real), check_mask(mask, check_image(real))
        if real.ndim == 3:
            luts = luts.unsqueeze(0)
        if luts.shape[0] != len(photo) or luts.ndim not in (5, 6):
            raise ValueError(
                f"luts must be (B, 3, D, D, D) or (B, n, 3, D, D, D) with B = {len(photo)}, "
                f"got {tuple(luts.shape)}."
            )
        if space.name == "unit":
            result = composite_lut(photo, alpha, luts)
        else:
            # Half precision would round three times, and in decoding hard where stored values are
            # near 0. Outside the mask take real itself, for even float32 rounds.
            wide = photo.to(torch.promote_types(photo.dtype, torch.float32))
            result = space.encode(composite_lut(space.decode(wide), alpha, luts)).to(photo.dtype)
            many = luts.ndim == 6
            inside, source = (t.unsqueeze(1) if many else t for t in (alpha > 0, photo))
            result = torch.where(inside, result, source)
        return result if real.ndim == 4 else result[0]
