"""SampleTransform: a synthetic composite for one sample, before it is batched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from harmaug.adapters.amount import Probability, check_probability, probability
from harmaug.adapters.containers import PathLike, is_sequence, rebuild
from harmaug.adapters.decisions import Draw, draw
from harmaug.adapters.fields import Fields, MaskField, RealField
from harmaug.adapters.images import image_like, image_tensor, mask_tensor
from harmaug.adapters.recolour import paint
from harmaug.adapters.routing import (
    Augmenters,
    Route,
    check_augmenters,
    pick_at_random,
    pick_augmenter,
)
from harmaug.adapters.streams import WorkerStream
from harmaug.augment import LutAugment
from harmaug.inputs import Inputs, Space, SpaceLike, check_inputs


class SampleTransform:
    """Gives one sample a synthetic composite; for a dataset's ``__getitem__`` or a transform list.

    Images are NumPy arrays (H, W, 3), PIL images in mode RGB or tensors (3, H, W); masks arrays
    (H, W) or (H, W, 1), PIL images in mode L or 1, or tensors (1, H, W) or (H, W). The values are
    those of `SycoNetAugment`. With ``p=1`` a sample need not have a composite: one of the type of
    ``real`` is added, so photos with masks are enough to train on. Only what changes is copied.

    Args:
        augment: the augmenter; several in a list, of which each sample takes one at random; or
            several by name, one a domain.
        fields: the layout of a sample; or name composite, real and mask here:
        composite, real, mask: fields of the sample, see `Fields`.
        space: how floating-point images are scaled.
        p: probability that the composite is replaced by a synthetic one; "auto" takes
            `default_amount` of the dataset's length, in DataLoader workers.
        route: with augmenters by name, a callable that takes the sample and returns the name of
            one; None leaves the sample alone.
        seed: draw from an own stream for each rank, worker and epoch; None draws from torch's
            global generator.
        strength, spatial, candidates: as for `SycoNetAugment.augment`.
    """

    def __init__(
        self,
        augment: Augmenters,
        fields: Fields | None = None,
        *,
        composite: PathLike | None = None,
        real: RealField | None = None,
        mask: MaskField | None = None,
        space: SpaceLike = "unit",
        p: Probability = 1.0,
        route: Route | None = None,
        seed: int | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> None:
        if fields is None:
            if composite is None or real is None or mask is None:
                raise TypeError(
                    "give composite=, real= and mask=, the sample's fields, or fields=Fields(...)."
                )
            fields = Fields(composite=composite, real=real, mask=mask, space=space)
        elif not (composite is real is mask is None):
            raise TypeError("give either fields or composite, real and mask, not both.")
        check_probability(p)
        check_augmenters(augment, route)
        self.augment, self.fields, self.p, self.route = augment, fields, p, route
        self.options: dict[str, Any] = {
            "strength": strength,
            "spatial": spatial,
            "candidates": candidates,
        }
        self.stream = WorkerStream(seed)

    @torch.no_grad()
    def __call__(self, sample: Any) -> Any:
        """Return the sample with a synthetic composite, or the very sample given."""
        generator = self.stream.generator()
        p = probability(self.p)
        drawn = torch.rand((), generator=generator).item() < p
        places, may_lack = self.fields.places, p >= 1
        main = places.views[0]
        main.old_composite(sample, may_lack)  # raises where it is not there: see the class
        aug = self._augmenter(sample, generator)
        if aug is None or not drawn:
            return sample

        inputs = sample_inputs(main.real_of(sample), main.mask_of(sample), places.space, main.names)
        made = draw(aug, inputs, [0], generator=generator, **self.options)
        changed = sample
        for view in places.views:
            old = view.old_composite(sample, may_lack)
            try:
                if view is main:
                    new = recoloured_image(old, inputs, made)
                else:
                    new = _recoloured(
                        old, view.real_of(sample), view.mask_of(sample), made, places.space
                    )
            except (TypeError, ValueError) as error:
                raise type(error)(f"field {view.composite}: {error}") from error
            changed = view.put(changed, new)
        composite = main.old_composite(changed, False)
        for path in places.copies:
            old = main.first(path.get(sample), f"field {path}")
            like = image_like(image_tensor(composite, "composite"), old)
            changed = path.put(changed, main.back(like))
        for path, function in places.derived:
            path.get(sample)  # a field that is not there is a mistake in the layout
            changed = path.put(changed, function(changed))
        return changed

    def _augmenter(self, sample: Any, generator: torch.Generator | None) -> LutAugment | None:
        if isinstance(self.augment, Sequence):
            return next(aug for aug, rows in pick_at_random(self.augment, 1, generator) if rows)
        if not isinstance(self.augment, Mapping):
            return self.augment
        assert self.route is not None
        name = self.route(sample)
        return None if name is None else pick_augmenter(self.augment, name)


def sample_inputs(
    real: Any, mask: Any, space: Space, names: tuple[str, str] = ("real", "mask")
) -> Inputs:
    """Check one image and its mask, of any type, as a batch of one."""
    photo, alpha = image_tensor(real, names[0]), mask_tensor(mask, names[1])
    return check_inputs(photo, alpha, space, names=names)


def recoloured_image(old: Any, inputs: Inputs, made: Draw | None) -> Any:
    """Return the composite of a batch of one as an image of the type of ``old``."""
    batched = image_tensor(old, "composite")
    new: Tensor = paint(batched, inputs, [0], [made] if made else [])
    return image_like(new, old)


def _recoloured(old: Any, real: Any, mask: Any, made: Draw | None, space: Space) -> Any:
    """Return a view recoloured: one image, or a list of them; of the type of ``old``."""
    if is_sequence(real):
        views = zip(old, real, mask, strict=True)
        return rebuild(old, [_recoloured(*view, made, space) for view in views])
    return recoloured_image(old, sample_inputs(real, mask, space), made)
