"""SampleTransform on arrays, PIL images and tensors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from adapter_doubles import DeviceToy, Photos, ToyAugment, disc, photo, same
from PIL import Image
from torch.utils.data import DataLoader

from harmaug.adapters import Fields, SampleTransform

NAMES: dict[str, Any] = {"composite": "image", "real": "target_image", "mask": "object_mask"}


def _array(seed: int = 0) -> np.ndarray:
    return photo(12, 10, seed=seed).mul(255).byte().permute(1, 2, 0).contiguous().numpy()


def _mask() -> np.ndarray:
    return disc(12, 10)[0].numpy()


def _sample(kind: str) -> dict[str, Any]:
    array, mask = _array(), _mask()
    images: dict[str, Any] = {
        "array": (array, mask),
        "float array": (array.astype(np.float32) / 255, mask),
        "double array": (array.astype(np.float64) / 255, mask > 0.5),
        "PIL": (Image.fromarray(array), Image.fromarray((mask * 255).astype(np.uint8))),
        "PIL and binary mask": (Image.fromarray(array), Image.fromarray(mask > 0.5)),
        "tensor": (torch.from_numpy(array).permute(2, 0, 1), torch.from_numpy(mask)),
        "float tensor": (photo(12, 10), disc(12, 10)),
        "reversed array": (array[::-1, ::-1], mask[::-1, ::-1]),
        "8-bit mask": (array, (mask[..., None] * 255).astype(np.uint8)),
    }
    real, mask = images[kind]
    composite = real if not hasattr(real, "copy") else real.copy()
    return {"image": composite, "target_image": real, "object_mask": mask, "image_id": 7}


def _hwc(image: Any) -> np.ndarray:
    if isinstance(image, torch.Tensor):
        return image.permute(1, 2, 0).numpy()
    return np.asarray(image)


KINDS = [
    "array",
    "float array",
    "double array",
    "PIL",
    "PIL and binary mask",
    "tensor",
    "float tensor",
    "reversed array",
    "8-bit mask",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_keeps_type_and_background(kind: str) -> None:
    sample = _sample(kind)
    before = copy.deepcopy(sample)
    changed = SampleTransform(ToyAugment(), **NAMES)(sample)
    assert type(changed["image"]) is type(sample["target_image"])
    composite, real = _hwc(changed["image"]), _hwc(sample["target_image"])
    mask = _hwc(sample["object_mask"][None] if kind == "tensor" else sample["object_mask"])
    if kind == "float tensor":
        mask = sample["object_mask"][0].numpy()
    mask = np.asarray(mask).reshape(12, 10)
    assert composite.dtype == real.dtype
    assert composite.shape == real.shape
    assert np.array_equal(composite[mask == 0], real[mask == 0])
    assert not np.array_equal(composite, real)
    for key in sample:
        assert np.array_equal(np.asarray(sample[key]), np.asarray(before[key]))
        assert key == "image" or changed[key] is sample[key]


@pytest.mark.parametrize("kind", KINDS)
def test_photos_without_composites_get_one(kind: str) -> None:
    sample = _sample(kind)
    del sample["image"]
    changed = SampleTransform(ToyAugment(), **NAMES)(sample)
    assert type(changed["image"]) is type(sample["target_image"])
    assert "image" not in sample


def test_missing_composite_is_explained_where_some_would_be_kept() -> None:
    sample = _sample("array")
    with pytest.raises(KeyError, match=r"no field \['imgae'\].*'image': ndarray \(12, 10, 3\)"):
        SampleTransform(ToyAugment(), **{**NAMES, "composite": "imgae"}, p=0.5)(sample)


def test_sample_not_drawn_is_the_very_sample() -> None:
    sample = _sample("array")
    assert SampleTransform(ToyAugment(), **NAMES, p=0.0)(sample) is sample


def test_soft_edges_blend() -> None:
    sample = {"target_image": np.full((4, 4, 3), 100, np.uint8)}
    sample["object_mask"] = np.tile(np.array([0, 0.25, 0.5, 1], np.float32), (4, 1))
    changed = SampleTransform(ToyAugment(), **NAMES, seed=1)(sample)["image"].astype(float)
    step = changed[0] - 100
    assert np.abs(step[3]).max() > 4
    assert np.allclose(step[2], step[3] / 2, atol=1)
    assert np.allclose(step[1], step[3] / 4, atol=1)


def test_empty_mask_skips_the_encoder() -> None:
    augment, sample = ToyAugment(), _sample("array")
    sample["object_mask"] = np.zeros((12, 10), np.float32)
    changed = SampleTransform(augment, **NAMES)(sample)
    assert np.array_equal(changed["image"], sample["target_image"])
    assert not np.shares_memory(changed["image"], sample["target_image"])
    assert augment.seen == []


def test_views_of_other_sizes_take_the_same_lut() -> None:
    real, mask = _array(), _mask()
    sample = {
        "image": [real[::2, ::2].copy(), real[::3, ::3].copy()],
        "target_image": [real[::2, ::2], real[::3, ::3]],
        "object_mask": [mask[::2, ::2], mask[::3, ::3]],
        "full": real,
        "full_target": real,
        "full_mask": mask,
    }
    fields = Fields(
        composite="full",
        real="full_target",
        mask="full_mask",
        space="unit",
        views=[("image", "target_image", "object_mask")],
    )
    changed = SampleTransform(ToyAugment(), fields)(sample)
    assert np.array_equal(changed["image"][0], changed["full"][::2, ::2])
    assert np.array_equal(changed["image"][1], changed["full"][::3, ::3])


def test_copies_and_derived_values_follow() -> None:
    sample = {**_sample("array"), "again": _sample("PIL")["image"], "mean": 0.0}
    fields = Fields(
        **NAMES, space="unit", copies=["again"], derive={"mean": lambda s: s["image"].mean()}
    )
    changed = SampleTransform(ToyAugment(), fields)(sample)
    assert isinstance(changed["again"], Image.Image)
    assert np.array_equal(np.asarray(changed["again"]), changed["image"])
    assert changed["mean"] == changed["image"].mean()


def test_derived_value_must_be_in_the_sample() -> None:
    fields = Fields(**NAMES, space="unit", derive={"lab": len})
    with pytest.raises(KeyError, match=r"no field \['lab'\]"):
        SampleTransform(ToyAugment(), fields)(_sample("array"))


def test_tuples_are_samples_too() -> None:
    real, mask = photo(6, 6), disc(6, 6)
    changed = SampleTransform(ToyAugment(), composite=0, real=2, mask=1)((real, mask, real, "id"))
    assert isinstance(changed, tuple)
    assert changed[1:] == (mask, real, "id")


def test_space_of_floats_is_declared() -> None:
    real = photo(6, 6) * 2 - 1
    sample = {"image": real, "target_image": real, "object_mask": disc(6, 6)}
    with pytest.raises(ValueError, match=r"\['target_image'\] decoded from space 'unit'"):
        SampleTransform(ToyAugment(), **NAMES)(sample)
    changed = SampleTransform(ToyAugment(), **NAMES, space="pm1")(sample)["image"]
    assert changed.min() >= -1
    assert changed.min() < 0


def test_of_augmenters_in_a_list_a_sample_takes_one_at_random() -> None:
    first, second = ToyAugment(), ToyAugment()
    transform = SampleTransform([first, second], **NAMES, seed=0)
    for _ in range(60):
        transform(_sample("array"))
    assert sum(first.seen) + sum(second.seen) == 60
    assert 15 < sum(first.seen) < 45


def test_route_picks_by_the_sample() -> None:
    augmenters = {"HCOCO": ToyAugment(), "HAdobe5k": ToyAugment()}
    transform = SampleTransform(augmenters, **NAMES, route=lambda sample: sample["domain"])
    transform({**_sample("array"), "domain": "HAdobe5k"})
    assert [augment.seen for augment in augmenters.values()] == [[], [1]]
    sample = {**_sample("array"), "domain": None}
    assert transform(sample) is sample


def test_seed_reproduces_and_leaves_the_hosts_stream_alone() -> None:
    state = torch.get_rng_state()
    first, second = (SampleTransform(ToyAugment(), **NAMES, seed=4) for _ in range(2))
    for _ in range(3):
        assert same(first(_sample("array")), second(_sample("array")))
    assert torch.equal(state, torch.get_rng_state())
    once, again = first(_sample("array")), first(_sample("array"))
    assert not np.array_equal(once["image"], again["image"])


def test_copies_of_a_transform_begin_the_stream_again() -> None:
    transform = SampleTransform(ToyAugment(), **NAMES, seed=4)
    expected = transform(_sample("array"))
    for other in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert isinstance(other(_sample("array")), dict)
        assert other.stream._epochs is not transform.stream._epochs
    fresh = pickle.loads(pickle.dumps(SampleTransform(ToyAugment(), **NAMES, seed=4)))
    assert same(expected, fresh(_sample("array")))


def test_cuda_in_a_worker_is_explained() -> None:
    transform = SampleTransform(DeviceToy(), Fields.preset("cdtnet"))
    loader = DataLoader(Photos(8, transform), 2, num_workers=1)
    with pytest.raises(RuntimeError, match="cuda:0 inside a DataLoader worker"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"object_mask": np.full((12, 10), 15, np.uint8)}, ValueError, "class ids.*mask > 0"),
        ({"object_mask": np.full((12, 10), 2, np.int64)}, ValueError, "expected labels 0 and 1"),
        ({"object_mask": np.ones((9, 9), np.float32)}, ValueError, r"\(1, 1, 12, 10\).*9, 9"),
        ({"object_mask": _array()}, ValueError, "one channel"),
        ({"object_mask": Image.new("RGB", (10, 12))}, ValueError, r"mode RGB; use mask.convert"),
        ({"object_mask": None}, TypeError, "got NoneType"),
        ({"target_image": Image.new("L", (10, 12))}, ValueError, "mode L; use image.convert"),
        ({"target_image": np.zeros((3, 12, 10), np.uint8)}, ValueError, r"array \(H, W, 3\)"),
        ({"target_image": np.zeros((12, 10, 3), np.int32)}, TypeError, "floating point or uint8"),
        ({"target_image": torch.zeros(2, 3, 12, 10)}, ValueError, r"tensor \(3, H, W\)"),
        ({"target_image": "a.jpg"}, TypeError, "got str"),
        ({"target_image": photo(12, 10).permute(1, 2, 0).numpy()}, TypeError, "uint8 but real"),
    ],
)
def test_bad_sample_is_explained(
    changes: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        SampleTransform(ToyAugment(), **NAMES)({**_sample("array"), **changes})


def test_faint_edges_of_an_8_bit_mask_are_no_labels() -> None:
    mask = np.zeros((12, 10), np.uint8)
    mask[0, 0] = 1
    SampleTransform(ToyAugment(), **NAMES)({**_sample("array"), "object_mask": mask})


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"composite": "image"}, "give composite=, real= and mask="),
        ({"fields": Fields.preset("inr"), **NAMES}, "either fields or composite"),
    ],
)
def test_fields_are_given_in_one_way(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        SampleTransform(ToyAugment(), **arguments)


def test_photos_and_masks_without_composites_get_a_third_item() -> None:
    real, mask = photo(6, 6), disc(6, 6)
    transform = SampleTransform(ToyAugment(), composite=2, real=0, mask=1)
    for sample in ((real, mask), [real, mask]):
        changed = transform(sample)
        assert type(changed) is type(sample)
        assert changed[0] is real
        assert changed[1] is mask
        assert changed[-1].shape == real.shape


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_arrays_of_another_byte_order_are_read_alike(dtype: str) -> None:
    sample = _sample("float array")
    expected = SampleTransform(ToyAugment(), **NAMES, seed=1)(sample)["image"]
    swapped = {key: sample[key].astype(dtype) for key in NAMES.values()}
    made = SampleTransform(ToyAugment(), **NAMES, seed=1)(swapped)["image"]
    assert made.dtype == np.dtype(dtype)
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_arrays_inside_records_are_read_alike() -> None:
    sample = _sample("array")
    records = np.zeros((12, 10), [("label", "u1"), ("mask", "f4")])
    records["mask"] = sample["object_mask"]
    expected = SampleTransform(ToyAugment(), **NAMES, seed=1)(sample)
    made = SampleTransform(ToyAugment(), **NAMES, seed=1)(
        {**sample, "object_mask": records["mask"]}
    )
    assert np.array_equal(made["image"], expected["image"])


@pytest.mark.parametrize("dtype", [object, str, np.longdouble])
def test_arrays_that_torch_cannot_hold_are_explained(dtype: Any) -> None:
    sample = {**_sample("array"), "object_mask": _mask().astype(dtype)}
    with pytest.raises(TypeError, match=r"mask \['object_mask'\] is an array of"):
        SampleTransform(ToyAugment(), **NAMES)(sample)


def test_composites_of_another_size_or_kind_of_number_are_refused_as_in_batches() -> None:
    transform, sample = SampleTransform(ToyAugment(), **NAMES), _sample("float tensor")
    with pytest.raises(ValueError, match=r"\['image'\].*must be \(1, 3, 12, 10\) as its real"):
        transform({**sample, "image": photo(12, 9)})
    for dtype in (torch.int32, torch.bool, torch.uint8):
        with pytest.raises(TypeError, match=r"\['image'\].*composite is torch\..*but real is"):
            transform({**sample, "image": photo(12, 10).to(dtype)})
