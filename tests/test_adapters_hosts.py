"""Every preset against a double of its host's batches."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from adapter_doubles import BATCHES, HEIGHT, SAMPLES, SIZE, WIDTH, ToyAugment, same, shape_of
from torch import Tensor

from harmaug.adapters import AugmentBatch, AugmentedLoader, Fields, SampleTransform
from harmaug.adapters.containers import Path
from harmaug.augment import SycoNetAugment
from harmaug.inputs import Space


def _pairs(fields: Fields, batch: Any) -> list[tuple[int, Tensor, Tensor, Tensor]]:
    """(sample, composite, real, mask) of every image of every view."""
    found = []
    for view in fields.places.views:
        triple = view.old_composite(batch, False), view.real_of(batch), view.mask_of(batch)
        for row, (composite, real, mask) in enumerate(zip(*triple, strict=True)):
            mask = mask[None] if mask.ndim == 2 else mask
            if composite.ndim == 3:
                found.append((row, composite, real, mask))
            else:
                found += [(row, *frame) for frame in zip(composite, real, mask, strict=True)]
    return found


def _eligible(host: str) -> list[int]:
    return [2, 3] if host == "harmonizer" else list(range(SIZE))


def test_further_codes_of_region_to_region_follow_the_composite() -> None:
    _, batch, augmented = _augmented("region-to-region-vae")
    assert augmented["ori"].dtype == torch.uint8
    codes = ((augmented["ref"] + 1) * 127.5).round().byte()
    assert torch.equal(augmented["ori"], codes)
    assert not torch.equal(augmented["ori"], batch["ori"])


def test_all_frames_of_a_clip_take_the_same_colours() -> None:
    """A pixel that never moves has one colour in all frames where the mask covers it."""
    batch = BATCHES["videotriplettransformer"]()
    batch["real"] = batch["real"][:, :1].expand_as(batch["real"]).clone()
    batch["mask"] = torch.ones_like(batch["mask"])
    augmented = AugmentBatch(ToyAugment(), _fields("videotriplettransformer"), 1.0)(batch)
    made = augmented["comp"]
    assert torch.equal(made, made[:, :1].expand_as(made))
    assert not torch.equal(made[0], made[1])


def _fields(host: str) -> Fields:
    return Fields.preset(host, **({"space": "imagenet"} if host == "co2net" else {}))


def _augmented(host: str, p: float = 1.0) -> tuple[Fields, Any, Any]:
    fields, batch = _fields(host), BATCHES[host]()
    return fields, batch, AugmentBatch(ToyAugment(), fields, p, seed=3)(batch)


def test_every_preset_has_a_double() -> None:
    assert set(Fields.presets()) == set(BATCHES) | set(SAMPLES)


@pytest.mark.parametrize("host", BATCHES)
def test_batch_keeps_keys_order_types_shapes(host: str) -> None:
    _, batch, augmented = _augmented(host)
    assert shape_of(augmented) == shape_of(batch)


@pytest.mark.parametrize("host", BATCHES)
def test_batch_given_is_not_written_to(host: str) -> None:
    _, batch, _ = _augmented(host)
    assert same(batch, BATCHES[host]())


@pytest.mark.parametrize("host", BATCHES)
def test_background_is_real_bit_for_bit_in_every_view(host: str) -> None:
    fields, _, augmented = _augmented(host)
    for row, composite, real, mask in _pairs(fields, augmented):
        if row in _eligible(host):
            assert torch.equal(composite[:, mask[0] == 0], real[:, mask[0] == 0])


@pytest.mark.parametrize("host", BATCHES)
def test_foreground_is_recoloured_within_range(host: str) -> None:
    fields, _, augmented = _augmented(host)
    space = Space.of(fields.space)  # type: ignore[arg-type]
    for row, composite, real, mask in _pairs(fields, augmented):
        if row not in _eligible(host):
            continue
        unit = space.decode(composite)
        assert unit.min() > -1e-6
        assert unit.max() < 1 + 1e-6
        inside = mask[0] == 1
        assert inside.any() == bool((composite - real)[:, inside].abs().sum() > 0)


@pytest.mark.parametrize("host", BATCHES)
def test_only_the_composite_and_what_follows_it_changes(host: str) -> None:
    fields, batch, augmented = _augmented(host)
    follow = *map(Path.of, fields.copies), *map(Path.of, fields.derive)
    for path in (*(view.composite for view in fields.places.views), *follow):
        augmented = path.put(augmented, path.get(batch))
    assert same(augmented, batch)


@pytest.mark.parametrize("host", BATCHES)
def test_copies_follow_the_composite(host: str) -> None:
    fields, _, augmented = _augmented(host, p=0.5)
    for path in map(Path.of, fields.copies):
        assert torch.equal(path.get(augmented), Path.of(fields.composite).get(augmented))


@pytest.mark.parametrize("host", ["dccf", "pctnet-cnn", "pctnet-vit", "aict"])
def test_full_resolution_takes_the_same_colours(host: str) -> None:
    """Low-resolution pixels are every second one of full resolution in the doubles."""
    _, _, augmented = _augmented(host)
    for low, full in zip(augmented["images"], augmented["images_fullres"], strict=True):
        picked = full[:, : 2 * HEIGHT : 2, : 2 * WIDTH : 2]
        assert torch.allclose(low, picked, atol=1e-6)


def test_both_resolutions_of_diffharmony_take_the_same_colours() -> None:
    _, _, augmented = _augmented("diffharmony")
    assert torch.allclose(augmented[512]["comp"][..., ::2, ::2], augmented[256]["comp"], atol=1e-6)


def test_all_frames_of_co2net_take_the_same_colours() -> None:
    _, _, augmented = _augmented("co2net")
    assert torch.allclose(augmented["pre_images"][:, 0], augmented["images"], atol=1e-6)


@pytest.mark.parametrize("host", BATCHES)
def test_samples_not_drawn_keep_every_bit(host: str) -> None:
    fields, batch, augmented = _augmented(host, p=0.5)
    rows = [(row, composite) for row, composite, _, _ in _pairs(fields, batch)]
    after = [composite for _, composite, _, _ in _pairs(fields, augmented)]
    changed = {row for (row, a), b in zip(rows, after, strict=True) if not torch.equal(a, b)}
    for (row, a), b in zip(rows, after, strict=True):
        assert (row in changed) or torch.equal(a, b)
    assert 0 < len(changed) < SIZE, "the seed draws some and not all"


@pytest.mark.parametrize("host", BATCHES)
def test_no_probability_changes_nothing(host: str) -> None:
    _, batch, augmented = _augmented(host, p=0.0)
    assert same(batch, augmented)


def test_empty_masks_skip_the_encoder_and_give_real_back() -> None:
    augment, batch = ToyAugment(), BATCHES["issam"]()
    augmented = AugmentBatch(augment, Fields.preset("issam"), 1.0)(batch)
    assert augment.seen == [SIZE - 1]
    assert torch.equal(augmented["images"][1], batch["target_images"][1])
    batch["masks"][:] = 0
    augmented = AugmentBatch(augment, Fields.preset("issam"), 1.0)(batch)
    assert augment.seen == [SIZE - 1], "no sample with a foreground, no encoder"
    assert torch.equal(augmented["images"], batch["target_images"])


def test_a_sample_whose_low_resolution_mask_is_empty_is_real_in_full_resolution_too() -> None:
    batch = BATCHES["dccf"]()
    batch["masks"][2] = 0
    augmented = AugmentBatch(ToyAugment(), Fields.preset("dccf"), 1.0)(batch)
    assert torch.equal(augmented["images_fullres"][2], batch["target_images_fullres"][2])


def test_only_the_second_stream_of_harmonizer_is_touched() -> None:
    _, batch, augmented = _augmented("harmonizer")
    assert torch.equal(augmented[0][0][:2], batch[0][0][:2])
    assert not torch.equal(augmented[0][0][2], batch[0][0][2])


def test_dccf_without_full_resolution_has_a_preset_of_its_own() -> None:
    """With use_hr=False DCCF repeats the low resolution and has no full-resolution target."""
    batch = BATCHES["dccf-lr"]()
    with pytest.raises(KeyError, match="target_images_fullres"):
        AugmentBatch(ToyAugment(), Fields.preset("dccf"), 1.0)(batch)
    augmented = AugmentBatch(ToyAugment(), Fields.preset("dccf-lr"), 1.0)(batch)
    assert torch.equal(augmented["images_fullres"], augmented["images"])
    assert not torch.equal(augmented["images"], batch["images"])


def test_copy_may_be_a_list_of_images() -> None:
    batch = BATCHES["cdtnet"]()
    batch["images_fullres"] = list(batch["images"].clone())
    fields = Fields.preset("pctnet-vit", views=(), copies=("images_fullres",))
    augmented = AugmentBatch(ToyAugment(), fields, 1.0)(batch)
    assert type(augmented["images_fullres"]) is list
    assert torch.equal(torch.stack(augmented["images_fullres"]), augmented["images"])
    assert torch.equal(torch.stack(batch["images_fullres"]), batch["images"])


def test_pih_recolours_the_photo_and_leaves_the_pasted_composite() -> None:
    _, batch, augmented = _augmented("pih")
    assert all(same(batch[part], augmented[part]) for part in (0, 1, 2, 3, 4, 6, 7))
    assert not torch.equal(batch[5], augmented[5])


def test_issam_declared_as_cdtnet_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\['target_images'\].*'unit'.*declare"):
        AugmentBatch(ToyAugment(), Fields.preset("cdtnet"))(BATCHES["issam"]())


def test_cdtnet_declared_as_issam_is_warned_of() -> None:
    """[0, 1] lies inside what ImageNet's scaling can give, so values alone are no proof."""
    with pytest.warns(UserWarning, match=r"\['target_images'\].*'unit'.*'imagenet'.*declare"):
        AugmentBatch(ToyAugment(), Fields.preset("issam"))(BATCHES["cdtnet"]())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("declared", ["unit", "pm1", "imagenet"])
@pytest.mark.parametrize("used", ["unit", "pm1", "imagenet"])
def test_every_wrong_space_is_noticed(declared: str, used: str) -> None:
    batch = BATCHES["cdtnet"]()
    for key in ("images", "target_images"):
        batch[key] = Space.of(used).encode(batch[key])
    augment = AugmentBatch(ToyAugment(), Fields.preset("issam", space=declared), 0.0)
    if declared == used:
        augment(batch)
    else:
        with pytest.raises((ValueError, UserWarning), match="declare"):
            augment(batch)


def test_co2net_asks_for_its_space() -> None:
    with pytest.raises(TypeError, match="space must be declared"):
        Fields.preset("co2net")


@pytest.fixture(scope="module")
def unified() -> SycoNetAugment:
    return SycoNetAugment.from_pretrained("unified")


@pytest.mark.parametrize("host", BATCHES)
def test_the_real_augmenter_serves_every_host(host: str, unified: SycoNetAugment) -> None:
    fields, batch = _fields(host), BATCHES[host]()
    augmented = AugmentBatch(unified, fields, 1.0, seed=0)(batch)
    assert shape_of(augmented) == shape_of(batch)
    for row, composite, real, mask in _pairs(fields, augmented):
        if row in _eligible(host):
            assert torch.equal(composite[:, mask[0] == 0], real[:, mask[0] == 0])
            assert mask.max() == 0 or not torch.equal(composite, real)


def test_unknown_host_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"dovenet.*pctnet-cnn.*got 'pctnet'"):
        Fields.preset("pctnet")


@pytest.mark.parametrize("host", SAMPLES)
def test_sample_host_keeps_types_and_background(host: str) -> None:
    if host == "duconet":
        pytest.importorskip("cv2", reason="DucoNet's Lab needs opencv-python")
    fields, sample = Fields.preset(host), SAMPLES[host]()
    before = copy.deepcopy(sample)
    changed = SampleTransform(ToyAugment(), fields)(sample)
    assert same(
        {k: np.asarray(v) for k, v in sample.items()}, {k: np.asarray(v) for k, v in before.items()}
    )
    assert shape_of(changed) == shape_of(sample)
    view = fields.places.views[0]
    composite, real = np.asarray(view.composite.get(changed)), np.asarray(view.real.get(changed))
    mask = np.asarray(view.mask_of(changed))
    assert np.array_equal(composite[mask == 0], real[mask == 0])
    assert not np.array_equal(composite, np.asarray(view.composite.get(sample)))
    assert np.array_equal(real, np.asarray(view.real.get(sample)))


def test_duconet_lab_follows_the_composite() -> None:
    cv2 = pytest.importorskip("cv2", reason="DucoNet's Lab needs opencv-python")
    sample = SAMPLES["duconet"]()
    changed = SampleTransform(ToyAugment(), Fields.preset("duconet"))(sample)
    expected = cv2.cvtColor(changed["image"], cv2.COLOR_RGB2Lab)
    assert np.array_equal(changed["comp_img_lab"], expected)
    assert changed["real_img_lab"] is sample["real_img_lab"]


@pytest.mark.parametrize("host", SAMPLES)
def test_sample_host_is_refused_for_batches(host: str) -> None:
    with pytest.raises(ValueError, match="use SampleTransform"):
        AugmentedLoader([], ToyAugment(), Fields.preset(host))


@pytest.mark.parametrize(
    "host",
    [
        "bargainnet",
        "iih",
        "ht",
        "dht+",
        "pctnet-cnn",
        "pctnet-vit",
        "aict",
        "harmonizer",
        "diffharmony",
    ],
)
def test_bound_host_refuses_to_grow(host: str) -> None:
    with pytest.raises(ValueError, match="bound; use mode='replace'"):
        AugmentedLoader([], ToyAugment(), Fields.preset(host), mode="append")


@pytest.mark.parametrize("host", [host for host in BATCHES if not _fields(host).bound])
def test_append_keeps_the_batch_and_adds_synthetic_samples(host: str) -> None:
    fields, batch = _fields(host), BATCHES[host]()
    augmented = AugmentBatch(ToyAugment(), fields, 1.0, mode="append", seed=0)(batch)
    pairs = _pairs(fields, augmented)
    assert {row for row, *_ in pairs} == set(range(2 * SIZE))
    originals = [composite for row, composite, _, _ in pairs if row < SIZE]
    expected = [composite for _, composite, _, _ in _pairs(fields, batch)]
    assert all(map(torch.equal, originals, expected))
    for row, composite, real, mask in pairs:
        if row >= SIZE:
            assert torch.equal(composite[:, mask[0] == 0], real[:, mask[0] == 0])
    assert type(augmented) is type(batch)
    if isinstance(batch, dict) and "img_path" in batch:
        assert augmented["img_path"] == batch["img_path"] * 2
