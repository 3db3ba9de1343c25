"""Claims about the batches of a wrapped loader, by code that shares nothing with the adapters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

Place = tuple[Any, ...]
"""Keys and indices that lead to a value in a batch; a slice at the end takes channels."""

EPOCHS = 4  # their sets are small, and a quarter of the composites is synthetic


class Recorder:
    """Stands between a host's loader and the wrapper; keeps each batch and a copy of it."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.batches: list[tuple[Any, Any]] = []

    def __iter__(self) -> Iterator[Any]:
        for batch in self.loader:
            self.batches.append((batch, copy.deepcopy(batch)))
            yield batch

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def dataset(self) -> Any:
        return self.loader.dataset


class Trial(NamedTuple):
    """A wrapped loader, and where its batches hold what."""

    name: str
    wrapped: Any
    recorder: Recorder
    views: Sequence[tuple[Place, ...]]  # composite, real, mask
    copies: tuple[Place, ...] = ()
    untouched: int = 0  # samples at the start of each batch that keep their composite
    last: bool = False  # channels are the last axis
    sized: bool = True  # the loader knows its number of batches


def leaves(batch: Any, place: Place = ()) -> dict[Place, Any]:
    """Return what a batch holds, by place; of a container its type."""
    if not isinstance(batch, (dict, list, tuple)):
        return {place: batch}
    found: dict[Place, Any] = {place: type(batch)}
    for key, value in batch.items() if isinstance(batch, dict) else enumerate(batch):
        found |= leaves(value, (*place, key))
    return found


def at(batch: Any, place: Place, last: bool = False) -> Any:
    """Return what is at a place: a tensor, or a list of one for each sample."""
    for key in place:
        if isinstance(key, slice):
            batch = batch[..., key] if last else batch[..., key, :, :]
        else:
            batch = batch[key]
    return batch


def same(a: Any, b: Any) -> bool:
    """Return whether two leaves agree in type, dtype, strides and every bit."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        alike = a.dtype == b.dtype and a.stride() == b.stride() and a.is_pinned() == b.is_pinned()
        return alike and torch.equal(a, b)
    if hasattr(a, "dtype") and hasattr(b, "dtype"):  # arrays
        return bool(type(a) is type(b) and a.dtype == b.dtype and (a == b).all())
    return type(a) is type(b) and a == b


def check(trial: Trial) -> None:
    """Iterate a wrapped loader and raise where a promise is broken."""
    given = [batch for _ in range(EPOCHS) for batch in trial.wrapped]
    assert len(given) == len(trial.recorder.batches) > 0
    assert not trial.sized or len(given) == EPOCHS * len(trial.wrapped)
    follow = [*(view[0] for view in trial.views), *trial.copies]
    synthetic: list[bool] = []
    for (seen, before), after in zip(trial.recorder.batches, given, strict=True):
        _check_rest(seen, before, after, follow, trial.last)
        old, new = ([at(batch, place, trial.last) for place in follow] for batch in (before, after))
        for row in range(len(old[0])):
            synthetic.append(not torch.equal(old[0][row], new[0][row]))
            if not synthetic[-1]:
                kept = zip(old, new, strict=True)
                assert all(torch.equal(one[row], other[row]) for one, other in kept)
                continue
            assert row >= trial.untouched, "a sample that is not eligible changed"
            for view in trial.views:
                composite, real, mask = (at(after, place, trial.last)[row] for place in view)
                mask = mask if mask.ndim == composite.ndim else mask.unsqueeze(-3)
                outside = (mask == 0).expand_as(composite)
                assert torch.equal(composite[outside], real[outside]), f"background, {view}"
                assert outside.any()
                assert not torch.equal(composite, real)
            for value in new[len(trial.views) :]:
                assert torch.equal(value[row], new[0][row]), "a copy does not follow"
    assert 0 < sum(synthetic) < len(synthetic)
    print(f"{trial.name}: {sum(synthetic)} of {len(synthetic)} composites synthetic, all else kept")


def _check_rest(seen: Any, before: Any, after: Any, follow: list[Place], last: bool) -> None:
    """Raise unless everything but what follows the composite is as the host gave it."""
    old, new = leaves(before), leaves(after)
    for place, value in leaves(seen).items():
        unwritten = torch.equal(value, old[place]) if isinstance(value, Tensor) else True
        assert unwritten, f"{place} of the host's batch was written"
    given = leaves(seen)
    assert list(given) == list(new), "keys or order"
    for place, value in given.items():
        parts = [path for path in follow if path[: len(place)] == place]
        inside = [path for path in follow if place[: len(path)] == path]
        if isinstance(value, Tensor):
            made = new[place]
            assert (value.shape, value.dtype) == (made.shape, made.dtype), place
            assert value.stride() == made.stride(), f"strides of {place}"
            assert value.is_pinned() == made.is_pinned(), f"pinned memory of {place}"
            if parts:  # of a packed tensor only its slices may differ
                made = made.clone()
                for *_, channels in parts:
                    if not isinstance(channels, slice):
                        channels = slice(None)
                    at(made, (channels,), last).copy_(at(value, (channels,), last))
            if not inside or parts:
                assert torch.equal(value, made), f"{place} changed"
        elif not inside:
            assert same(value, new[place]), f"{place} changed"


def check_samples(
    name: str, batches: Any, training: bool, composite: str, real: str, mask: str
) -> None:
    """Raise unless a training set has synthetic composites, and another split none.

    A synthetic composite has the very background of its photo; one of the data set was coded as
    JPEG by itself. Beside the mask 3 pixels are left out, for resized pictures are mixed there.
    """
    synthetic = total = 0
    for batch in batches:
        for made, photo, alpha in zip(batch[composite], batch[real], batch[mask], strict=True):
            near = torch.nn.functional.max_pool2d(alpha.float(), 7, stride=1, padding=3)
            outside = (near == 0).expand_as(photo)
            total += 1
            synthetic += torch.equal(made[outside], photo[outside])
    assert 0 < synthetic < total if training else not synthetic
    print(f"{name}: {synthetic} of {total} composites synthetic")
