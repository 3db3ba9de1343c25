"""Channels last, and composites and photos that callables reach."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from adapter_doubles import (
    HEIGHT,
    SIZE,
    WIDTH,
    ToyAugment,
    disc,
    photo,
    same,
    shape_of,
    strong_composite,
)

from harmaug.adapters import AugmentBatch, AugmentedLoader, Fields, SampleTransform

NAMES: dict[str, Any] = {"composite": "comp", "real": "real", "mask": "mask", "space": "unit"}


def _batch() -> dict[str, Any]:
    real, mask = photo(SIZE, HEIGHT, WIDTH), disc(SIZE, HEIGHT, WIDTH)
    return {"comp": strong_composite(real, mask), "real": real, "mask": mask}


def _last(batch: dict[str, Any]) -> dict[str, Any]:
    return {key: value.movedim(1, -1).contiguous() for key, value in batch.items()}


def _made(batch: Any, p: float = 0.5, **fields: Any) -> Any:
    return AugmentBatch(ToyAugment(), Fields(**{**NAMES, **fields}), p, seed=4)(batch)


def test_channels_last_gives_the_same_pixels_with_the_strides_of_the_host() -> None:
    batch, last = _batch(), _last(_batch())
    made = _made(last, layout="hwc")
    assert shape_of(made) == shape_of(last)
    assert torch.equal(made["comp"], _made(batch)["comp"].movedim(1, -1))
    assert same(last, _last(_batch())), "the batch given is not written to"


def test_masks_beside_channels_last_may_lack_the_axis() -> None:
    last = _last(_batch())
    bare = {**last, "mask": last["mask"][..., 0]}
    assert torch.equal(_made(bare, layout="hwc")["comp"], _made(last, layout="hwc")["comp"])


def test_one_packed_tensor_may_hold_composite_real_and_mask() -> None:
    """As Region_to_Region packs them: real, composite, mask along the last axis."""
    last = _last(_batch())
    packed = torch.cat((last["real"], last["comp"], last["mask"]), -1)
    batch = {"jpg": packed, "hint": packed[..., 3:].clone()}
    made = _made(
        batch,
        layout="hwc",
        composite="jpg[3:6]",
        real="jpg[:3]",
        mask="jpg[6:]",
        copies=["hint[:3]"],
    )
    assert torch.equal(made["jpg"][..., 3:6], _made(last, layout="hwc")["comp"])
    assert torch.equal(made["hint"][..., :3], made["jpg"][..., 3:6])
    for part in slice(0, 3), slice(6, 7):
        assert torch.equal(made["jpg"][..., part], packed[..., part])
    assert torch.equal(made["hint"][..., 3:], batch["hint"][..., 3:])


def test_lists_and_clips_of_channels_last() -> None:
    batch = _last(_batch())
    lists = {f"{key}s": list(value) for key, value in batch.items()}
    views = [("comps", "reals", "masks")]
    made = _made({**batch, **lists}, layout="hwc", views=views)
    assert torch.equal(torch.stack(made["comps"]), made["comp"])
    clips = {key: value[:, None].repeat(1, 3, 1, 1, 1) for key, value in batch.items()}
    shown = _made(clips, layout="hwc")
    assert shape_of(shown) == shape_of(clips)
    assert torch.equal(shown["comp"][:, 2], made["comp"])


def test_samples_with_channels_last() -> None:
    sample = {key: value[0] for key, value in _last(_batch()).items()}
    sample["thumb"] = sample["comp"].clone()
    fields = Fields(**NAMES, layout="hwc", copies=["thumb"])
    made = SampleTransform(ToyAugment(), fields)(sample)
    assert shape_of(made) == shape_of(sample)
    background = sample["mask"][..., 0] == 0
    assert torch.equal(made["comp"][background], sample["real"][background])
    assert not torch.equal(made["comp"], sample["comp"])
    assert torch.equal(made["thumb"], made["comp"])


def test_channels_last_declared_on_channels_first_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'real'.*3 channels last.*got \(4, 3, 24, 20\).*'chw'"):
        _made(_batch(), layout="hwc")


def test_channels_first_declared_on_channels_last_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(4, 24, 20, 3\); declare layout='hwc'"):
        _made(_last(_batch()))


def test_unknown_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="layout must be 'chw' or 'hwc', got 'nhwc'"):
        Fields(**NAMES, layout="nhwc")  # type: ignore[arg-type]


def _stacked(name: str) -> Any:
    return lambda batch: torch.stack([sample[name] for sample in batch])


def _written(batch: Any, composite: torch.Tensor) -> Any:
    return [{**sample, "comp": one} for sample, one in zip(batch, composite, strict=True)]


PER_SAMPLE: dict[str, Any] = {
    "composite": (_stacked("comp"), _written),
    "real": _stacked("real"),
    "mask": _stacked("mask"),
}


def _samples() -> list[dict[str, Any]]:
    batch = _batch()
    return [{key: value[row] for key, value in batch.items()} for row in range(SIZE)]


def test_callables_reach_a_batch_that_is_a_list_of_samples() -> None:
    batch = _samples()
    made = _made(batch, **PER_SAMPLE)
    assert torch.equal(torch.stack([one["comp"] for one in made]), _made(_batch())["comp"])
    assert same(batch, _samples())
    assert [list(one) for one in made] == [list(one) for one in batch]


def test_a_loader_of_such_batches_has_twins_of_them_and_refuses_to_grow_them() -> None:
    fields = Fields(**{**NAMES, **PER_SAMPLE})
    loader = AugmentedLoader([_samples()], ToyAugment(), fields, p=1.0, mode="interleave")
    original, twin = loader
    assert same(original, _samples())
    assert not torch.equal(twin[0]["comp"], original[0]["comp"])
    with pytest.raises(ValueError, match="use mode='replace' or 'interleave'"):
        list(AugmentedLoader([_samples()], ToyAugment(), fields, p=1.0, mode="append"))


@pytest.mark.parametrize(
    ("fields", "error", "match"),
    [
        ({"composite": _stacked("comp")}, TypeError, r"two callables \(read, write\)"),
        (
            {"composite": (_stacked("comp"), lambda batch, new: None)},
            ValueError,
            "write of composite must return a new batch .* got None",
        ),
        (
            {"composite": (_stacked("comp"), lambda batch, new: batch)},
            ValueError,
            "got the same batch",
        ),
        (
            {"real": lambda batch: photo(SIZE, 5, 5)},
            ValueError,
            r"mask of real.*must be \(4, 1, 5, 5\)",
        ),
        (
            {"composite": (lambda batch: photo(SIZE, 5, 5), _written)},
            ValueError,
            r"composite must be \(4, 3, 24, 20\) as its real, got \(4, 3, 5, 5\)",
        ),
        ({"mask": lambda batch: torch.ones(3, 4)}, ValueError, r"got \(3, 4\)"),
        ({"real": lambda batch: None}, ValueError, r"real as its callable gives it.*got NoneType"),
    ],
)
def test_bad_callables_are_explained(
    fields: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        _made(_samples(), 1.0, **{**PER_SAMPLE, **fields})


def test_one_sample_has_no_composite_by_callables() -> None:
    with pytest.raises(TypeError, match="composite must be a path in the fields of one sample"):
        Fields(**{**NAMES, **PER_SAMPLE}, per_sample=True)
