"""SampleTransform: a synthetic composite for one sample, before it is batched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from harmaug.adapters.amount import check_probability, probability
from harmaug.adapters.batch import check_augmenters, pick_augmenter
from harmaug.adapters.containers import Path, PathLike, is_sequence, rebuild
from harmaug.adapters.fields import Fields, MaskField
from harmaug.adapters.images import image_like, image_tensor, mask_tensor
from harmaug.adapters.recolour import Decision, as_mask, check_real, decide, paint
from harmaug.adapters.streams import WorkerStream
from harmaug.augment import SycoNetAugment
from harmaug.inputs import Space, SpaceLike


class SampleTransform:
    """Gives one sample a synthetic composite; for a dataset's ``__getitem__`` or a transform list.

    Images are NumPy arrays (H, W, 3), PIL images in mode RGB or tensors (3, H, W); masks arrays
    (H, W) or (H, W, 1), PIL images in mode L or 1, or tensors (1, H, W) or (H, W). 8-bit images
    are sRGB and 8-bit masks reach 255. With ``p=1`` a sample need not have a composite: one of the
    type of ``real`` is added, so that photos with masks are enough to train on. Only what changes
    is copied.

    Args:
        augment: the augmenter, or several by name, one a domain.
        fields: the layout of a sample; or name composite, real and mask here:
        composite, real, mask: fields of the sample, see `Fields`.
        space: how floating-point images are scaled.
        p: probability that the composite is replaced by a synthetic one; "auto" takes
            `default_amount` of the dataset's length, in DataLoader workers.
        route: with several augmenters, a callable that takes the sample and returns the name of
            one; None leaves the sample alone.
        seed: draw from a stream of its own, one for each rank, worker and epoch; None draws from
            torch's global generator.
        strength, candidates: as for `SycoNetAugment.augment`.
    """

    def __init__(
        self,
        augment: SycoNetAugment | Mapping[str, SycoNetAugment],
        fields: Fields | None = None,
        *,
        composite: PathLike | None = None,
        real: PathLike | None = None,
        mask: MaskField | None = None,
        space: SpaceLike = "unit",
        p: float | str = 1.0,
        route: Callable[[Any], Any] | None = None,
        seed: int | None = None,
        strength: float = 1.0,
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
        self.options = {"strength": strength, "candidates": candidates}
        self.stream = WorkerStream(seed)

    @torch.no_grad()
    def __call__(self, sample: Any) -> Any:
        """The sample with a synthetic composite, or the very sample given."""
        generator = self.stream.generator()
        p = probability(self.p)
        drawn = torch.rand((), generator=generator).item() < p
        main, *further = self.fields.all_views()
        if p < 1:
            main.composite.get(sample)  # raises where it is not there: see the class
        augment = self._augmenter(sample)
        if augment is None or not drawn:
            return sample

        space = Space.of(self.fields.space)  # type: ignore[arg-type]
        photo = image_tensor(main.real.get(sample), f"field {main.real}")
        check_real(photo, space, f"field {main.real}")
        mask = as_mask(mask_tensor(main.mask_of(sample), f"mask of {main.real}"), photo)
        decision = decide(augment, photo, mask, space, generator=generator, **self.options)

        changed = sample
        for view in (main, *further):
            real = view.real.get(sample)
            old = view.composite.get(sample) if view.composite.holds(sample) else real
            new = _recolour(old, real, view.mask_of(sample), decision)
            changed = view.composite.put(changed, new)
        for path in map(Path.of, self.fields.copies):
            changed = path.put(changed, _like(main.composite.get(changed), path.get(sample)))
        for spec, function in self.fields.derive.items():
            path = Path.of(spec)
            path.get(sample)  # a field that is not there is a mistake in the layout
            changed = path.put(changed, function(changed))
        return changed

    def _augmenter(self, sample: Any) -> SycoNetAugment | None:
        if not isinstance(self.augment, Mapping):
            return self.augment
        assert self.route is not None
        name = self.route(sample)
        return None if name is None else pick_augmenter(self.augment, name)


def _recolour(old: Any, real: Any, mask: Any, decision: Decision) -> Any:
    """A view recoloured: one image, or a list of them; of the type of ``old``."""
    if is_sequence(real):
        items = [_recolour(*view, decision) for view in zip(old, real, mask, strict=True)]
        return rebuild(old, items)
    photo = image_tensor(real, "real")
    return image_like(paint(decision, photo, as_mask(mask_tensor(mask, "mask"), photo)), old)


def _like(image: Any, old: Any) -> Any:
    return image_like(image_tensor(image, "composite"), old)
