"""The albumentations adapter: a transform that makes the composite inside a `Compose`.

For albumentations 2.0, the last line under the MIT licence (extra ``albumentations``). On import
it asks a server for newer versions of itself, unless ``NO_ALBUMENTATIONS_UPDATE=1`` is set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from harmaug.adapters.decisions import Draw, draw
from harmaug.adapters.sample import recoloured_image, sample_inputs
from harmaug.augment import SycoNetAugment
from harmaug.inputs import Inputs, Space

try:
    from albumentations.core.transforms_interface import BasicTransform
except ImportError as error:
    raise ImportError(
        "this adapter needs albumentations 2.0: pip install 'harmaug[albumentations]'."
    ) from error


@functools.cache
def load(checkpoint: str) -> SycoNetAugment:
    """Return the augmenter of that name or path, loaded once a process, on the CPU."""
    return SycoNetAugment.from_pretrained(checkpoint)


class SyntheticComposite(BasicTransform):
    """Replaces ``image`` by a synthetic composite of ``real`` under the mask.

    Only the target ``image`` changes: ``real``, even as an additional target of the `Compose`,
    and the mask are left as they are. Put it after the geometry, so that all three are aligned.
    It is serialised by the checkpoint's name, and draws from the `Compose`'s random state.

    Args:
        checkpoint: name or path for `SycoNetAugment.from_pretrained`.
        real: target that holds the real photo, (H, W, 3) uint8 or float in [0, 1]; None where
            the image itself is the real photo (photos with masks and no composites).
        mask: target that holds the mask, (H, W), bool, float in [0, 1] or uint8 in [0, 255].
            As the target "mask" it loses its soft edges in geometry unless the pipeline sets
            ``mask_interpolation``.
        strength, spatial, candidates: as for `SycoNetAugment.augment`.
        p: probability of a synthetic composite.
    """

    class InitSchema(BasicTransform.InitSchema):
        """Types of the arguments, which albumentations checks."""

        checkpoint: str
        real: str | None
        mask: str
        strength: float
        spatial: float
        candidates: int | None

    def __init__(
        self,
        checkpoint: str = "unified",
        real: str | None = "real",
        mask: str = "mask",
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.checkpoint = checkpoint
        self.real = real
        self.mask = mask
        self.strength = strength
        self.spatial = spatial
        self.candidates = candidates

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """Only the image; a mask or a ground truth is never touched."""
        return {"image": self.apply}

    @property
    def targets_as_params(self) -> list[str]:
        """Targets that the LUT is drawn from."""
        return [self.mask] if self.real is None else [self.real, self.mask]

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Take no further targets: one that is an image, the ground truth, would be recoloured."""

    @torch.no_grad()
    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Draw LUTs from the random state of the `Compose`; None for an empty mask."""
        made = draw(
            load(self.checkpoint),
            self._inputs(data),
            [0],
            generator=torch.Generator().manual_seed(self.py_random.getrandbits(63)),
            strength=self.strength,
            spatial=self.spatial,
            candidates=self.candidates,
        )
        return {"lut": None if made is None else made.luts[0].numpy()}

    @torch.no_grad()
    def apply_with_params(
        self, params: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the targets with a composite as the image; on replay by the LUT drawn before."""
        made = None
        if params["lut"] is not None:
            made = Draw(load(self.checkpoint), [0], torch.from_numpy(params["lut"])[None])
        return kwargs | {"image": recoloured_image(kwargs["image"], self._inputs(kwargs), made)}

    def _inputs(self, data: dict[str, Any]) -> Inputs:
        name = self.real or "image"
        return sample_inputs(data[name], data[self.mask], Space.of("unit"), (name, self.mask))
