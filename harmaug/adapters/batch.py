"""AugmentBatch: synthetic composites in a collated batch, in every field that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from harmaug.adapters import append
from harmaug.adapters.amount import Probability, check_probability, probability
from harmaug.adapters.containers import (
    Path,
    clone,
    describe,
    is_sequence,
    map_tensors,
    rebuild,
)
from harmaug.adapters.decisions import check_drift, draw
from harmaug.adapters.fields import Fields
from harmaug.adapters.recolour import paint, recolour
from harmaug.adapters.routing import (
    Augmenters,
    Route,
    check_augmenters,
    check_length,
    each,
    pick_at_random,
    pick_augmenter,
)
from harmaug.adapters.streams import WorkerStream
from harmaug.augment import LutAugment
from harmaug.inputs import check_clips, move, row_index

Mode = Literal["replace", "append"]
Groups = list[tuple[LutAugment, list[int]]]
"""Augmenters, each with the samples of the batch that it serves."""


class AugmentBatch:
    """Replaces composites of a batch by synthetic ones of the same photos.

    Called on a batch, it returns one of the same keys, order, types and sizes. Only the composite,
    the further views and the fields that follow the composite differ. The batch given is never
    written to. This is no ``nn.Module``: stored on a model, it stays out of the model's state
    dict, parameters and DDP.

    Args:
        augment: the augmenter; several in a list, of which each sample takes one at random; or
            several by name, one a domain.
        fields: layout of the batch.
        p: probability, for each sample, of a synthetic composite. Keep some original ones
            (p < 1): their edges carry JPEG and anti-aliasing that synthetic ones lack. "auto"
            takes `default_amount` of the dataset's length, in DataLoader workers. With p = 1 the
            batch need not have composites.
        mode: "replace" replaces composites in place; "append" adds the samples with synthetic
            composites to the batch, which grows by the share p on average.
        route: with augmenters by name, a callable that takes the batch and returns the
            augmenter's name for each sample (or one for all); None leaves a sample alone.
        seed: draw from an own stream; None draws from torch's global generator.
        strength, spatial, candidates: as for `SycoNetAugment.augment`.
        drift: way of the latent over the frames of a clip (B, T, 3, H, W): 0 keeps one LUT for
            the clip, 1 ends at an independent one; values between drift more slowly.
        device: move every tensor of the batch there first; None leaves them where they are.
            Either way the augmenter works on its own device.
    """

    def __init__(
        self,
        augment: Augmenters,
        fields: Fields,
        p: Probability = 0.5,
        mode: Mode = "replace",
        *,
        route: Route | None = None,
        seed: int | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
        drift: float = 0.0,
        device: torch.device | str | None = None,
    ) -> None:
        if not isinstance(fields, Fields):
            raise TypeError(
                f"fields must be Fields(...) or Fields.preset(...), got {type(fields).__name__}."
            )
        if fields.per_sample:
            raise ValueError(
                "these fields describe one sample, because the host derives more fields from its "
                "composite before batching; use SampleTransform in the dataset."
            )
        if mode not in ("replace", "append"):
            raise ValueError(f"mode must be 'replace' or 'append', got {mode!r}.")
        if mode == "append" and fields.bound:
            raise ValueError(
                "mode='append' grows the batch, but the fields say that the host's batch size is "
                "bound; use mode='replace', or 'interleave' with AugmentedLoader."
            )
        check_probability(p)
        check_augmenters(augment, route)
        check_drift(drift)
        self.augment, self.fields, self.p, self.mode = augment, fields, p, mode
        self.route, self.device = route, device
        self.options: dict[str, Any] = {
            "strength": strength,
            "spatial": spatial,
            "candidates": candidates,
            "drift": drift,
        }
        self.stream = WorkerStream(seed)

    def to(self, device: torch.device | str) -> AugmentBatch:
        """Move the augmenters to a device and return self."""
        for augment in each(self.augment):
            augment.to(device)
        return self

    def fits(self, value: Any) -> bool:
        """Return whether a value is a batch of these fields."""
        if not isinstance(value, Mapping) and not is_sequence(value):
            return False
        try:
            self._size(value)
        except Exception:  # callables of the fields meet what they were not written for
            return False
        return self.fields.places.views[0].composite.holds(value)

    def __call__(self, batch: Any) -> Any:
        """Return the batch with synthetic composites, drawn as the constructor says."""
        return self.draw(batch, self.stream.generator())

    @torch.no_grad()
    def draw(
        self, batch: Any, generator: torch.Generator | None, *, everything: bool = False
    ) -> Any:
        """Return the batch as a call does, drawn from this generator.

        Args:
            batch: as for a call.
            generator: draws; torch's global generator if None.
            everything: replace every composite in place, whatever p and mode say.
        """
        if self.device is not None:
            target = torch.device(self.device)
            batch = map_tensors(batch, lambda tensor: move(tensor, target))
        size = self._size(batch)
        p = probability(self.p)
        drawn = (torch.rand(size, generator=generator) < p).tolist()
        groups = self._groups(batch, [True] * size if everything else drawn, size, generator)
        if not size:
            return batch
        if self.mode == "replace" or everything:
            return self._replace(batch, groups, size, generator, everything or p >= 1)
        rows = sorted(row for _, group in groups for row in group)
        if not rows:
            return batch
        taken = append.take(batch, rows, size)
        renamed = [(aug, [rows.index(row) for row in group]) for aug, group in groups]
        return append.join(batch, self._replace(taken, renamed, len(rows), generator), size)

    def _size(self, batch: Any) -> int:
        main = self.fields.places.views[0]
        real = main.real_of(batch)
        dense = isinstance(real, Tensor) and not real.is_nested
        if not dense or real.ndim not in (4, 5) or real.shape[-3] != 3:
            axes = "clips are (B, T, 3, H, W)"
            if dense and real.ndim in (4, 5) and real.shape[-1] == 3:
                axes = "declare layout='hwc' where channels come last"
            raise ValueError(
                f"field {main.real} must be the real photos as a tensor (B, 3, H, W), "
                f"got {describe(real)}; {axes}."
            )
        return len(real)

    def _groups(
        self, batch: Any, drawn: list[bool], size: int, generator: torch.Generator | None
    ) -> Groups:
        """Return the samples to replace, by the augmenter that serves them."""
        if self.fields.where is not None:
            allowed = torch.as_tensor(self.fields.where(batch)).bool().flatten().tolist()
            check_length("where", allowed, size)
            drawn = [a and b for a, b in zip(drawn, allowed, strict=True)]
        rows = [row for row in range(size) if drawn[row]]
        if isinstance(self.augment, Sequence):
            picked = pick_at_random(self.augment, size, generator)
            groups = [(aug, [row for row in group if drawn[row]]) for aug, group in picked]
            return [(aug, group) for aug, group in groups if group]
        if not isinstance(self.augment, Mapping):
            return [(self.augment, rows)] if rows else []
        assert self.route is not None
        names = self.route(batch)
        names = [names] * size if names is None or isinstance(names, str) else list(names)
        check_length("route", names, size)
        routed: dict[Any, list[int]] = {}
        for row in rows:
            if names[row] is not None:
                routed.setdefault(names[row], []).append(row)
        return [(pick_augmenter(self.augment, name), group) for name, group in routed.items()]

    def _replace(
        self,
        batch: Any,
        groups: Groups,
        size: int,
        generator: torch.Generator | None,
        may_lack_composites: bool = False,
    ) -> Any:
        places = self.fields.places
        main = places.views[0]
        real = main.real_of(batch)
        inputs = check_clips(real, main.mask_of(batch), places.space, names=main.names)
        frames = real.shape[1] if real.ndim == 5 else None
        views = [
            (view, view.old_composite(batch, may_lack_composites), view.real_of(batch))
            for view in places.views
        ]
        copies = [(path, path.get(batch)) for path in places.copies]
        derived = [(path, path.get(batch), function) for path, function in places.derived]
        changed = [row for _, rows in groups for row in rows]
        if not changed:
            return batch
        draws = [
            made
            for aug, rows in groups
            if (made := draw(aug, inputs, rows, frames=frames, generator=generator, **self.options))
        ]
        source = batch
        for view, old, photos in views:
            try:
                if view is main:
                    new = paint(old, inputs, changed, draws, real.shape)
                else:
                    new = recolour(
                        old, photos, view.mask_of(source), changed, draws, places.space, size
                    )
            except (TypeError, ValueError) as error:
                raise type(error)(f"field {view.composite}: {error}") from error
            batch = view.put(batch, new)
        composite = main.composite.get(batch)
        for path, old in copies:
            batch = path.put(batch, _follow(old, changed, composite, path))
        for path, old, function in derived:
            batch = path.put(batch, _follow(old, changed, function(batch), path))
        return batch


def _follow(old: Any, rows: Sequence[int], new: Any, path: Path) -> Any:
    """Return ``old`` with the rows of ``new``: samples that kept their composite keep this too."""
    if isinstance(old, Tensor) and isinstance(new, Tensor) and old.shape == new.shape:
        changed = clone(old)
        new = new[row_index(rows, new.device)].to(old.device, old.dtype)
        changed[row_index(rows, old.device)] = new
        return changed
    alike = is_sequence(new) or isinstance(new, Tensor)
    if is_sequence(old) and alike and len(old) == len(new):
        items = list(old)
        for row in rows:
            items[row] = new[row]
        return rebuild(old, items)
    raise ValueError(
        f"field {path} follows the composite, so it must stay {describe(old)}, got {describe(new)}."
    )
