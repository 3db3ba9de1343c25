"""Claims about the batches of a wrapped loader, by code that shares nothing with the adapters."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

Place = tuple[Any, ...]
"""Keys and indices that lead to a value in a batch."""


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


class Trial(NamedTuple):
    """A wrapped loader, and where its batches hold what."""

    name: str
    wrapped: Any
    recorder: Recorder
    views: Sequence[tuple[Place, ...]]  # composite, real, mask
    copies: tuple[Place, ...] = ()
    untouched: int = 0  # samples at the start of each batch that keep their composite


def leaves(batch: Any, place: Place = ()) -> dict[Place, Any]:
    """Return what a batch holds, by place; of a container its type."""
    if not isinstance(batch, (dict, list, tuple)):
        return {place: batch}
    found: dict[Place, Any] = {place: type(batch)}
    for key, value in batch.items() if isinstance(batch, dict) else enumerate(batch):
        found |= leaves(value, (*place, key))
    return found


def same(a: Any, b: Any) -> bool:
    """Return whether two leaves agree in type, dtype and every bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b


def check(trial: Trial) -> None:
    """Iterate a wrapped loader and raise where a promise is broken."""
    given = list(trial.wrapped)
    assert len(given) == len(trial.recorder.batches) == len(trial.wrapped) > 0
    follow = [*(view[0] for view in trial.views), *trial.copies]
    synthetic: list[bool] = []
    for (seen, before), after in zip(trial.recorder.batches, given, strict=True):
        old, new = leaves(before), leaves(after)
        assert all(map(same, leaves(seen).values(), old.values())), "the host's batch was written"
        assert list(old) == list(new), "keys or order"
        for place, value in old.items():
            if place not in follow:
                assert same(value, new[place]), f"{place} changed"
        for place in follow:
            assert old[place].shape == new[place].shape
            assert old[place].dtype == new[place].dtype
        main = follow[0]
        for row in range(len(old[main])):
            synthetic.append(not torch.equal(old[main][row], new[main][row]))
            if not synthetic[-1]:
                assert all(same(old[place][row], new[place][row]) for place in follow)
                continue
            assert row >= trial.untouched, "a sample that is not eligible changed"
            for view in trial.views:
                composite, real, mask = (new[place][row] for place in view)
                outside = mask[0] == 0
                assert torch.equal(composite[:, outside], real[:, outside]), f"background, {view}"
                assert outside.any()
                assert not torch.equal(composite, real)
            for place in trial.copies:
                assert torch.equal(new[place][row], new[main][row]), f"{place} does not follow"
    assert 0 < sum(synthetic) < len(synthetic)
    print(f"{trial.name}: {sum(synthetic)} of {len(synthetic)} composites synthetic, all else kept")
