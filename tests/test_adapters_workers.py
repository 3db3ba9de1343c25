"""Adapters in DataLoader workers: 2 workers, 2 epochs, every start method."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from adapter_doubles import Photos, ToyAugment
from torch import Tensor
from torch.multiprocessing import get_all_start_methods, get_context
from torch.utils.data import DataLoader

from harmaug.adapters import AugmentCollate, AugmentedLoader, Fields, SampleTransform

FIELDS = Fields.preset("cdtnet")


def _loader(seed: int | None, method: str = "fork", **options: Any) -> DataLoader:
    """Per sample a composite in "thumb", per batch one in "images", both made in workers."""
    thumb = SampleTransform(ToyAugment(), Fields.preset("cdtnet", composite="thumb"), seed=seed)
    return DataLoader(
        Photos(8, thumb),
        batch_size=2,
        num_workers=2,
        multiprocessing_context=method,
        collate_fn=AugmentCollate(ToyAugment(), FIELDS, 1.0, seed=seed),
        **options,
    )


def _two_epochs(loader: Any) -> dict[str, Tensor]:
    """Composites of 2 epochs, of samples that are all the same."""
    batches = [batch for _ in range(2) for batch in loader]
    assert len(torch.cat([batch["worker"] for batch in batches[:4]]).unique()) == 2
    return {key: torch.cat([batch[key] for batch in batches]) for key in ("images", "thumb")}


def _equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first)


def _all_differ(*images: Tensor) -> bool:
    rows = torch.cat(images).flatten(1)
    return len(rows.unique(dim=0)) == len(rows)


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    return _two_epochs(_loader(5))


@pytest.mark.parametrize("persistent", [False, True])
def test_all_latents_differ_without_a_seed(persistent: bool) -> None:
    torch.manual_seed(0)
    first = _two_epochs(_loader(None, persistent_workers=persistent))
    assert _all_differ(*first.values())
    torch.manual_seed(0)
    assert _equal(first, _two_epochs(_loader(None, persistent_workers=persistent)))


def test_all_latents_differ_with_a_seed(expected: dict[str, Tensor]) -> None:
    assert _all_differ(expected["images"])
    assert _all_differ(expected["thumb"])


def test_persistent_workers_never_repeat() -> None:
    first = _two_epochs(_loader(5, persistent_workers=True))
    assert _all_differ(first["images"])
    assert _all_differ(first["thumb"])
    assert _equal(first, _two_epochs(_loader(5, persistent_workers=True)))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_same_seed_gives_the_same_stream_however_workers_start(
    method: str, expected: dict[str, Tensor]
) -> None:
    if method not in get_all_start_methods():
        pytest.skip(f"this system cannot start processes by {method}")
    if method == "forkserver":  # so that it imports torch once and not for every worker
        get_context(method).set_forkserver_preload(["adapter_doubles"])
    torch.manual_seed(len(method))  # the host's seed has no part in it
    assert _equal(_two_epochs(_loader(5, method)), expected)


@pytest.mark.parametrize("seed", [None, 5])
def test_loader_around_workers_never_repeats(seed: int | None) -> None:
    loader = DataLoader(Photos(8), 2, num_workers=2, persistent_workers=True)
    images = _two_epochs(AugmentedLoader(loader, ToyAugment(), FIELDS, 1.0, seed=seed))["images"]
    assert _all_differ(images)


def test_the_main_process_may_augment_between_epochs() -> None:
    """A generator that the main process has used must not be inherited by forked workers."""
    loader = _loader(5)
    samples = [Photos(2)[index] for index in range(2)]
    before = loader.collate_fn(samples)["images"]
    during = _two_epochs(loader)["images"]
    assert _all_differ(before, during, loader.collate_fn(samples)["images"])
