"""p="auto": from the length of what is trained on, or an error that says what to give instead."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from adapter_doubles import Photos, ToyAugment
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset

from harmaug.adapters import (
    AugmentBatch,
    AugmentCollate,
    AugmentedLoader,
    Fields,
    SampleTransform,
    default_amount,
)
from harmaug.adapters import amount as module

FIELDS = Fields(composite="images", real="target_images", mask="masks", space="unit")


class Endless(IterableDataset):
    """Samples without a length."""

    def __iter__(self) -> Any:
        yield from (Photos(4)[index] for index in range(4))


@pytest.fixture
def all_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of fewer than six samples are all made synthetic, larger ones left alone."""
    rule = lambda size: module.Amount(float(size < 6), 1)  # noqa: E731
    monkeypatch.setattr(module, "default_amount", rule)


def _share(batches: Any, count: int) -> float:
    """Of synthetic composites."""
    images = torch.cat([batch["images"] for batch in batches])
    before = torch.stack([Photos(count)[index]["images"] for index in range(count)])
    return (images != before).flatten(1).any(1).float().mean().item()


@given(st.integers(1, 10**7))
def test_amounts_are_probabilities_and_leave_some_original_composites(size: int) -> None:
    p, n = default_amount(size)
    assert 0 < p < 1
    assert n >= 1


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_larger_sets_are_never_augmented_more(size: int, more: int) -> None:
    assert default_amount(size + more).p <= default_amount(size).p


@pytest.mark.parametrize(("size", "p"), [(1, 0.25), (200, 0.25), (2000, 0.25), (8000, 0.125)])
def test_small_sets_take_a_quarter_and_large_ones_less(size: int, p: float) -> None:
    assert default_amount(size) == (p, 1)


@pytest.mark.parametrize("size", [0, -3])
def test_an_empty_set_has_no_amount(size: int) -> None:
    with pytest.raises(ValueError, match="size must be at least 1"):
        default_amount(size)


@pytest.mark.usefixtures("all_or_nothing")
@pytest.mark.parametrize(("count", "share"), [(4, 1.0), (8, 0.0)])
def test_a_wrapped_loader_goes_by_the_length_of_its_dataset(count: int, share: float) -> None:
    loader = AugmentedLoader(DataLoader(Photos(count), 2), ToyAugment(), FIELDS, p="auto")
    assert _share(loader, count) == share


@pytest.mark.usefixtures("all_or_nothing")
@pytest.mark.parametrize(("count", "share"), [(4, 1.0), (8, 0.0)])
def test_a_collate_function_in_a_worker_goes_by_its_dataset(count: int, share: float) -> None:
    collate = AugmentCollate(ToyAugment(), FIELDS, p="auto")
    loader = DataLoader(Photos(count), 2, num_workers=1, collate_fn=collate)
    assert _share(loader, count) == share


@pytest.mark.usefixtures("all_or_nothing")
@pytest.mark.parametrize(("count", "share"), [(4, 1.0), (8, 0.0)])
def test_a_transform_in_a_worker_goes_by_its_dataset(count: int, share: float) -> None:
    transform = SampleTransform(ToyAugment(), FIELDS, p="auto")
    loader = DataLoader(Photos(count, transform), 2, num_workers=1)
    assert _share(loader, count) == share


def test_interleaving_counts_its_batches_by_the_rule() -> None:
    loader = AugmentedLoader(
        DataLoader(Photos(8), 2), ToyAugment(), FIELDS, p="auto", mode="interleave"
    )
    assert len(loader) == len(list(loader)) == 4 + int(4 * default_amount(8).p + 1e-9)


def _wrap(loader: Any) -> Any:
    return AugmentedLoader(loader, ToyAugment(), FIELDS, p="auto")


@pytest.mark.parametrize(
    "use",
    [
        lambda: _wrap([{"images": 0}]),
        lambda: _wrap(DataLoader(Endless(), 2)),
        lambda: AugmentBatch(ToyAugment(), FIELDS, "auto")(next(iter(DataLoader(Photos(2), 2)))),
        lambda: AugmentCollate(ToyAugment(), FIELDS, "auto")([Photos(2)[0], Photos(2)[1]]),
        lambda: SampleTransform(ToyAugment(), FIELDS, p="auto")(Photos(2)[0]),
    ],
)
def test_an_unknown_length_is_an_error_that_says_what_to_give(use: Any) -> None:
    with pytest.raises(ValueError, match=r"p='auto' needs the length.*default_amount"):
        use()


@pytest.mark.parametrize("adapter", [AugmentBatch, AugmentCollate])
def test_other_words_than_auto_are_refused(adapter: Any) -> None:
    with pytest.raises(ValueError, match=r"or 'auto', got 'half'"):
        adapter(ToyAugment(), FIELDS, p="half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"or 'auto', got 'half'"):
        AugmentedLoader(DataLoader(Photos(2)), ToyAugment(), FIELDS, p="half")  # type: ignore[arg-type]
