"""FilterAugment: hand-made random filters with the methods of SycoNetAugment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.augment.lut_augment import LutAugment
from harmaug.inputs import Inputs, constant, move
from harmaug.lut import identity_lut
from harmaug.nets.decision import Decision, check_amounts
from harmaug.nets.latents import latents_of
from harmaug.recipes.filters import FILTER_RANGES, PHOTO_SIZE, apply_filters

LUT_SIZE = 33
_Self = TypeVar("_Self", bound="FilterAugment")


class FilterAugment(LutAugment):
    """Hand-made filters as an augmenter: those of `recipes.RandomFilters`, as LUTs.

    Nothing is learnt. Give it to adapters in the place of a `SycoNetAugment`, or beside one:
    ``AugmentedLoader(loader, [aug, harmaug.FilterAugment()], fields)``. A filter moves each colour
    of a photo in one way, so a LUT of 33 nodes holds it: foregrounds differ from those of
    `RandomFilters` by a third of a level of 255 or less on average, most in deep shadows.

    The latent has six numbers, one a filter. Draws are not judged, and do not vary across the
    foreground: ``spatial`` is ignored.
    """

    if TYPE_CHECKING:  # torch.jit.script of a host module cannot read annotations of a class
        _place: torch.device
    __jit_unused_properties__ = ("device", "image_size", "varies")

    def __init__(self) -> None:
        super().__init__()
        # Past nn.Module's registration: a host that stores the augmenter gets no buffer of its.
        object.__setattr__(self, "_place", torch.device("cpu"))

    @property
    def device(self) -> torch.device:
        """Device that inputs must be on; that of the host, or of `to`."""
        return self._place

    @property
    def image_size(self) -> int:
        """Pixels a side at which averages of photos are taken."""
        return PHOTO_SIZE

    @property
    def varies(self) -> bool:
        """False: a filter changes all of a foreground alike."""
        return False

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
        check_amounts(strength=strength, spatial=spatial)
        latent = latents_of(inputs, n, len(FILTER_RANGES), latent, generator, candidates)
        latent = move(latent.float(), self.device)
        photo = inputs.photo
        with torch.autocast(self.device.type, enabled=False):
            decision = Decision(filter_luts(photo, latent), latent, latent[..., :0])
            if candidates is not None:
                decision = decision.hardest(photo, inputs.mask.float(), n)
        return decision.at(strength)

    def _apply(self: _Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Self:
        # How nn.Module moves: the device is followed.
        object.__setattr__(self, "_place", fn(torch.empty(0, device=self.device)).device)
        return self


def filter_luts(photo: Tensor, latent: Tensor) -> Tensor:
    """Return the LUTs (B, n, 3, D, D, D) of random filters; they see the whole photo.

    Args:
        photo: (B, 3, H, W) in [0, 1].
        latent: (B, n, 6), drawn from N(0, I); the amounts are uniform in their published ranges.
    """
    ranges = constant(tuple(FILTER_RANGES.values()), latent)
    amounts = (ranges * torch.erf(latent / math.sqrt(2))).flatten(0, 1)
    small = F.adaptive_avg_pool2d(photo, PHOTO_SIZE).repeat_interleave(latent.shape[1], 0)
    colours = identity_lut(LUT_SIZE, dtype=torch.float32, device=photo.device).flatten(2)
    luts = apply_filters(colours.expand(len(amounts), -1, -1, -1), small, amounts)
    return luts.view(*latent.shape[:2], 3, LUT_SIZE, LUT_SIZE, LUT_SIZE)
