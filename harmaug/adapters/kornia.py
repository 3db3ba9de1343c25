"""The kornia adapter: geometry on composite, real and mask together, then a composite."""

from __future__ import annotations

from typing import Any

from kornia.augmentation import AugmentationSequential, IntensityAugmentationBase2D
from kornia.constants import DataKey, Resample
from torch import Tensor, nn

from harmaug.adapters.batch import AugmentBatch
from harmaug.adapters.fields import Fields
from harmaug.adapters.routing import Augmenters
from harmaug.inputs import SpaceLike


class KorniaAugment(nn.Module):
    """kornia's geometric augmentations and synthetic composites in one module.

    kornia's containers give a colour operation no mask, and would recolour the ground truth. So
    the geometry comes first, the same for all three, and the composite is made from its result.

    Args:
        augment: the augmenter, or several, as for `AugmentBatch`; they stay out of the module's
            state dict and parameters.
        geometry: kornia augmentations that only move pixels.
        space: value space of the images.
        p: probability, for each sample, of a synthetic composite.
        seed, strength, spatial, candidates: as for `AugmentBatch`.
    """

    def __init__(
        self,
        augment: Augmenters,
        *geometry: Any,
        space: SpaceLike,
        p: float = 0.5,
        seed: int | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> None:
        super().__init__()
        for module in (inner for outer in geometry for inner in outer.modules()):
            if isinstance(module, IntensityAugmentationBase2D):
                raise ValueError(
                    f"{type(module).__name__} changes colours, the ground truth's included; give "
                    "KorniaAugment geometric augmentations only."
                )
        # Without bilinear masks every resampling would harden soft edges.
        soft: dict[DataKey, dict[str, Any]] = {
            DataKey.MASK: {"resample": Resample.BILINEAR, "align_corners": True}
        }
        self.geometry = AugmentationSequential(*geometry, extra_args=soft) if geometry else None
        options: dict[str, Any] = {"seed": seed, "strength": strength, "spatial": spatial}
        options["candidates"] = candidates
        fields = Fields(composite=0, real=1, mask=2, space=space)
        self.batch = AugmentBatch(augment, fields, p, **options)

    def forward(
        self, composite: Tensor | None, real: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return composite, real and mask after the same geometry, some composites synthetic.

        Args:
            composite: (B, 3, H, W) in ``space``; None makes a synthetic one for every sample.
            real: (B, 3, H, W) in ``space``.
            mask: (B, 1, H, W) in [0, 1].
        """
        images = [real] if composite is None else [composite, real]
        if self.geometry is not None:
            # As an image a mask is resampled as the photo is; kornia 0.8 hardens the edges of what
            # it takes for a mask, and cannot resize it in RandomResizedCrop.
            keys = [*(["input"] * len(images)), "input" if mask.is_floating_point() else "mask"]
            *images, mask = self.geometry(*images, mask, data_keys=keys)
        triple = images[0], images[-1], mask
        made: tuple[Tensor, Tensor, Tensor] = self.batch.draw(
            triple, self.batch.stream.generator(), everything=composite is None
        )
        return made
