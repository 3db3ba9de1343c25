"""albumentations: a transform that makes the composite inside a `Compose` of a dataset.

For albumentations 2.0, the last line under the MIT licence (extra ``albumentations``). On import
it asks a server for newer versions of itself, unless ``NO_ALBUMENTATIONS_UPDATE=1`` is set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from harmaug.adapters.images import image_like, image_tensor, mask_tensor
from harmaug.adapters.recolour import as_mask, check_real, decide, paint
from harmaug.augment import SycoNetAugment
from harmaug.inputs import Space

try:
    from albumentations.core.transforms_interface import BasicTransform
except ImportError as error:
    raise ImportError(
        "this adapter needs albumentations 2.0: pip install 'harmaug[albumentations]'."
    ) from error


@functools.cache
def load(checkpoint: str) -> SycoNetAugment:
    """The augmenter of that name or path, loaded once a process, on the CPU."""
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
        strength, candidates: as for `SycoNetAugment.augment`.
        p: probability of a synthetic composite.
    """

    class InitSchema(BasicTransform.InitSchema):
        """Types of the arguments, which albumentations checks."""

        checkpoint: str
        real: str | None
        mask: str
        strength: float
        candidates: int | None

    def __init__(
        self,
        checkpoint: str = "unified",
        real: str | None = "real",
        mask: str = "mask",
        strength: float = 1.0,
        candidates: int | None = None,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.checkpoint = checkpoint
        self.real = real
        self.mask = mask
        self.strength = strength
        self.candidates = candidates

    @property
    def targets(self) -> dict[str, Callable[..., Any]]:
        """Only the image; a mask or a ground truth is never touched."""
        return {"image": self.apply}

    @property
    def targets_as_params(self) -> list[str]:
        """What the composite is computed from."""
        return [self.mask] if self.real is None else [self.real, self.mask]

    def add_targets(self, additional_targets: dict[str, str]) -> None:
        """Take no further targets: one that is an image, the ground truth, would be recoloured."""

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """The composite, from the photo, the mask and a latent of the `Compose`'s random state."""
        name = self.real or "image"
        photo = image_tensor(data[name], name)
        space = Space.of("unit")
        check_real(photo, space, name)
        mask = as_mask(mask_tensor(data[self.mask], self.mask), photo)
        generator = torch.Generator().manual_seed(self.py_random.getrandbits(63))
        with torch.no_grad():
            decision = decide(
                load(self.checkpoint),
                photo,
                mask,
                space,
                generator=generator,
                strength=self.strength,
                candidates=self.candidates,
            )
            composite = image_like(paint(decision, photo, mask), data["image"])
        return {"composite": composite}

    def apply(self, img: np.ndarray, composite: np.ndarray, **params: Any) -> np.ndarray:
        """The composite in place of the image."""
        return composite
