"""Streams of their own for adapters: a function of seed, rank, worker and epoch alone."""

from __future__ import annotations

import copy
import itertools
import pickle

import pytest
import torch
from torch import Tensor

from harmaug.adapters.streams import WorkerStream, fold, rank


def _draw(generator: torch.Generator | None) -> Tensor:
    return torch.randn(4, generator=generator)


def test_every_part_of_the_seed_matters() -> None:
    parts = list(itertools.product(range(3), repeat=4))
    draws = torch.stack([_draw(fold(*part)) for part in parts])
    assert len(draws.unique(dim=0)) == len(parts)
    assert torch.equal(draws[5], _draw(fold(*parts[5])))


def test_no_seed_is_the_global_generator() -> None:
    assert WorkerStream(None).generator() is None


def test_one_process_goes_on_with_its_generator() -> None:
    stream = WorkerStream(1)
    assert stream.generator() is stream.generator()


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_its_own_way(copier: object) -> None:
    stream = WorkerStream(1)
    drawn = _draw(stream.generator())
    other = copier(stream)  # type: ignore[operator]
    assert not torch.equal(drawn, _draw(other.generator())), "it was copied after a first epoch"
    assert torch.equal(drawn, _draw(copier(WorkerStream(1)).generator()))  # type: ignore[operator]
    assert stream._epochs.tolist()[:2] == [1, 0]  # type: ignore[union-attr]
    assert other._epochs.is_shared()


def test_a_spawned_worker_is_told_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert rank() == 3
    pickled = pickle.dumps(WorkerStream(1))
    expected = _draw(WorkerStream(1).generator())
    monkeypatch.delenv("RANK")
    assert rank() == 0
    assert torch.equal(expected, _draw(pickle.loads(pickled).generator()))
    assert not torch.equal(expected, _draw(WorkerStream(1).generator()))


def test_the_environment_outranks_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher may copy the object from a process of another rank."""
    pickled = pickle.dumps(WorkerStream(1))
    monkeypatch.setenv("RANK", "2")
    assert torch.equal(_draw(pickle.loads(pickled).generator()), _draw(WorkerStream(1).generator()))


@pytest.mark.parametrize("text", ["", "-1", " "])
def test_an_unset_rank_is_the_first_or_the_one_told(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("RANK", text)
    assert rank() == 0
    assert rank(2) == 2


@pytest.mark.parametrize("text", ["one", "1.5", "-2", "0x1"])
def test_a_rank_that_is_no_number_is_explained(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("RANK", text)
    with pytest.raises(ValueError, match=f"RANK must be a whole number, got '{text}'"):
        rank()
