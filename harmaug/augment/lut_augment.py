"""LutAugment: from photo and mask to composites, by whatever decides on their LUTs."""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

import torch
from torch import Tensor, nn

from harmaug.inputs import Inputs, SpaceLike, check_clips, check_inputs
from harmaug.lut.ops import lut_composite
from harmaug.lut.tensors import check_lut
from harmaug.nets.decision import Decision


class LutAugment(nn.Module):
    """Base of augmenters: recolours foregrounds by LUTs that a subclass decides on.

    In every method ``real`` is (B, 3, H, W) or (3, H, W), floating point in the value space
    ``space`` ("unit" [0, 1], "pm1" [-1, 1], "imagenet" or ``(mean, std)``), or uint8. ``mask`` is
    (B, 1, H, W), (B, H, W), (1, H, W) or (H, W), 1 is foreground: bool, floating point in [0, 1],
    labels 0 and 1, or uint8 in 0..255. A ``real`` without batch axis gives a result without one.
    `inputs.check_inputs` says what is refused.
    """

    @property
    def device(self) -> torch.device:
        """Device that inputs must be on."""
        raise NotImplementedError

    @property
    def image_size(self) -> int:
        """Pixels a side at which photos are looked at; more add nothing."""
        raise NotImplementedError

    @property
    def varies(self) -> bool:
        """True if changes vary across a foreground, and ``spatial`` scales that."""
        raise NotImplementedError

    def decide(
        self,
        inputs: Inputs,
        n: int = 1,
        *,
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Decision:
        """Return LUTs and latents for checked photos; arguments as in `augment`."""
        raise NotImplementedError

    @torch.jit.unused
    def forward(
        self,
        real: Tensor,
        mask: Tensor,
        *,
        space: SpaceLike = "unit",
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Tensor:
        """Return one composite a photo, (B, 3, H, W); arguments as in `augment`.

        Raises:
            ValueError: ``latent`` has more than one latent a photo.
        """
        composites = self.augment(
            real,
            mask,
            space=space,
            latent=latent,
            generator=generator,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
        )
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
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Tensor:
        """Return n composites a photo, (B, n, 3, H, W), each of another latent.

        The result has the space, dtype and device of ``real``. Latents come from N(0, I); those of
        one photo are spread evenly (`nets.latents`), so that n composites differ more than n
        separate draws. `SycoNetAugment` replaces a drawn latent that would clip more than a tenth
        of the foreground, or flatten it: by its opposite, or by a weaker one if that is no better.
        A given latent is taken as it is.

        Args:
            real: see the class.
            mask: see the class.
            n: composites a photo; a given ``latent`` says it by itself.
            space: value space of ``real`` and of the result.
            latent: (B, n, Z) instead of drawing from N(0, I).
            generator: draws the latents; torch's global generator if not given.
            strength: 0 leaves the photo as it is, 1 takes the sampled LUT; values between blend.
            spatial: scales how much the change varies across the foreground, as light does; 0 takes
                one LUT for all of it. Ignored unless `varies`.
            candidates: sample that many latents, at least n, and keep the n composites whose
                foreground differs most from the background. An experiment: it did not help
                training.

        Raises:
            TypeError: an argument is no tensor, or of a dtype without a reading.
            ValueError: a shape, device, space, range or number is wrong.
        """
        inputs = self.admit(real, mask, space)
        decision = self.decide(
            inputs,
            n,
            latent=latent,
            generator=generator,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
        )
        return like_real(self.recolour(decision.luts, inputs), inputs)

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
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Tensor:
        """Return the LUTs of n composites a photo; arguments as in `augment`.

        `apply` puts them on any size of the same photo.

        Returns:
            (B, n, 2, 2, 3, D, D, D): LUTs for the corners of the frame, bilinear between
            (`harmaug.composite_lut`). With ``spatial=0``, and from a checkpoint without a spatial
            part, one LUT for all of it, (B, n, 3, D, D, D).
        """
        inputs = self.admit(real, mask, space)
        decision = self.decide(
            inputs,
            n,
            latent=latent,
            generator=generator,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
        )
        luts = decision.luts
        if not torch.compiler.is_compiling() and luts.is_inference():
            luts = luts.clone()  # no graph takes tensors of inference mode
        return like_real(luts, inputs)

    @overload
    def apply(
        self, luts: Tensor, real: Tensor, mask: Tensor, *, space: SpaceLike = "unit"
    ) -> Tensor: ...

    @overload
    def apply(self, luts: Callable[[nn.Module], None]) -> LutAugment: ...

    def apply(
        self,
        luts: Tensor | Callable[[nn.Module], None],
        real: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        space: SpaceLike = "unit",
    ) -> Tensor | LutAugment:
        """Recolour the foreground by sampled LUTs, in any view or size of their photo.

        Args:
            luts: (B, n, ...) as `sample` gives them, for n results a photo, or (B, ...) for one;
                without B where ``real`` has none. For clips (B, ...), one LUT a clip, or
                (B, T, ...), one a frame.
            real: see the class; or clips (B, T, 3, H, W).
            mask: see the class; for clips (B, T, 1, H, W) or (B, T, H, W).
            space: value space of ``real`` and of the result.

        Returns:
            (B, 3, H, W) or (B, n, 3, H, W); of clips (B, T, 3, H, W). Outside the mask the very
            bits of ``real``.
        """
        if not isinstance(luts, Tensor) and callable(luts) and real is None:
            # A host that initialises its weights calls nn.Module.apply(fn) on every child.
            return super().apply(luts)
        if not isinstance(luts, Tensor) or real is None or mask is None:
            got = ", ".join(type(value).__name__ for value in (luts, real, mask))
            raise TypeError(f"apply takes luts, real and mask, each a torch.Tensor, got {got}.")
        inputs = check_clips(real, mask, space, device=self.device)
        check_lut(luts, "luts")
        if real.ndim == 5:
            many = _luts_of_frames(luts, real)
        else:
            many = luts if inputs.batched else luts.unsqueeze(0)
        if many.ndim not in (5, 6, 7, 8) or many.shape[0] != len(inputs.real):
            raise ValueError(
                "luts must be (B, 3, D, D, D), (B, 2, 2, 3, D, D, D), or either with n after B, "
                f"with B = {len(inputs.real)}, got {tuple(luts.shape)}."
            )
        if many.device != inputs.real.device:
            raise ValueError(
                f"luts is on {many.device} but real is on {inputs.real.device}; move one of them."
            )
        result = self.recolour(many, inputs)
        return result.view(real.shape) if real.ndim == 5 else like_real(result, inputs)

    def admit(
        self,
        real: Tensor,
        mask: Tensor,
        space: SpaceLike = "unit",
        names: tuple[str, str] = ("real", "mask"),
    ) -> Inputs:
        """Check photos and masks for `decide` and `recolour`; see `inputs.check_inputs`."""
        return check_inputs(real, mask, space, device=self.device, names=names)

    def recolour(self, luts: Tensor, inputs: Inputs) -> Tensor:
        """Recolour checked photos; with any batch of the photos that ``luts`` were decided for.

        Args:
            luts: (B, ...) or (B, n, ...), each a LUT or a grid of LUTs over the frame.
            inputs: B photos of any size.

        Returns:
            (B, 3, H, W) or (B, n, 3, H, W) in the space, dtype and device of the photos.
        """
        real, mask, space = inputs.real, inputs.mask, inputs.space
        if space.name == "unit":
            return lut_composite(real, mask, luts)
        # Half precision would round three times, and in decoding hard where stored values are
        # near 0. Outside the mask take real itself, for even float32 rounds.
        wide = inputs.photo if real.dtype != torch.float64 else space.decode(real)
        result = space.encode(lut_composite(wide, mask, luts)).to(real.dtype)
        inside, source = mask > 0, real
        if luts.ndim in (6, 8):
            inside, source = inside.unsqueeze(1), source.unsqueeze(1)
        return torch.where(inside, result, source)


def _luts_of_frames(luts: Tensor, clips: Tensor) -> Tensor:
    """Return LUTs (B * T, ...) for the frames of clips (B, T, 3, H, W)."""
    batch, frames = clips.shape[:2]
    if luts.ndim in (5, 7) and len(luts) == batch:
        return luts.repeat_interleave(frames, 0)
    if luts.ndim in (6, 8) and luts.shape[:2] == (batch, frames):
        return luts.flatten(0, 1)
    raise ValueError(
        f"luts of {batch} clips of {frames} frames must be (B, 3, D, D, D) or "
        f"(B, 2, 2, 3, D, D, D), or either with T after B, got {tuple(luts.shape)}."
    )


def like_real(result: Tensor, inputs: Inputs) -> Tensor:
    """Return a result without its batch axis where the photo was given without one."""
    return result if inputs.batched else result[0]
