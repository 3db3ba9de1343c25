"""The door: value spaces, and photos and masks through every way in."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import harmaug
from harmaug.inputs import SPACES, Space, check_inputs, constant, opacity

NAN, INF = float("nan"), float("inf")
three = st.tuples(*[st.floats(-4, 4)] * 3)
three_positive = st.tuples(*[st.floats(0.01, 300)] * 3)


def test_names_mean_what_codebases_mean_by_them():
    unit = torch.rand(2, 3, 4, 5)
    assert Space.of("unit").encode(unit) is unit
    assert Space.of("unit").decode(unit) is unit
    torch.testing.assert_close(Space.of("pm1").encode(unit), unit * 2 - 1)
    # torchvision.transforms.Normalize with the constants of its pretrained models
    expected = unit.numpy().astype(np.float64)
    expected = expected - np.reshape([0.485, 0.456, 0.406], (3, 1, 1))
    expected /= np.reshape([0.229, 0.224, 0.225], (3, 1, 1))
    stored = Space.of("imagenet").encode(unit)
    np.testing.assert_allclose(stored.numpy(), expected, rtol=1e-5, atol=1e-6)


@given(three, three_positive)
def test_decode_inverts_encode(mean, std):
    space = Space.of((mean, std))
    unit = torch.rand(3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(space.decode(space.encode(unit)), unit)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_is_kept_and_inputs_are_not_written_to(name, dtype):
    unit = torch.rand(3, 4, 5).to(dtype)
    before = unit.clone()
    space = Space.of(name)
    assert space.encode(unit).dtype == dtype
    assert space.decode(unit).dtype == dtype
    assert torch.equal(unit, before)


@pytest.mark.parametrize(
    "given",
    [
        ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25)),
        [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]],
        (0.5, 0.25),
        (0.5, [0.25] * 3),
        (np.full(3, 0.5), np.float32(0.25)),
        (torch.full((3,), 0.5), torch.full((3,), 0.25)),
        torch.tensor([[0.5] * 3, [0.25] * 3]),
    ],
    ids=str,
)
def test_mean_and_std_may_be_numbers_or_any_container_of_three(given):
    assert Space.of(given) == Space("custom", (0.5,) * 3, (0.25,) * 3)


def test_a_space_is_handed_through():
    space = Space.of((0.1, 2))
    assert Space.of(space) is space
    assert Space.of("pm1") is SPACES["pm1"]


@pytest.mark.parametrize("name", ["", "PM1", "rgb", "custom"])
def test_unknown_names_list_the_known(name):
    with pytest.raises(ValueError, match=r"'unit', 'pm1', 'imagenet' or \(mean, std\)") as caught:
        Space.of(name)
    assert f"got {name!r}." in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        None,
        3,
        (),
        (0.5,),
        (0.5, 0.5, 0.5),
        ((0.5, 0.5), (0.5, 0.5)),
        ((0.5,) * 4, (0.5,) * 4),
        (0.5, 0),
        (0.5, -1),
        (0.5, (1, 1, 0)),
        (NAN, 1),
        (0.5, NAN),
        (INF, 1),
        (0.5, (1, 1, INF)),
        ("a", "b"),
        (None, None),
        {"mean": 0.5, "std": 0.5},
    ],
    ids=str,
)
def test_what_is_no_space_is_refused_in_one_sentence(given):
    with pytest.raises(ValueError, match="space must be a name or") as caught:
        Space.of(given)
    assert str(caught.value).endswith(f"got {given!r}.")


# The door: one table of what is given, through every way in.

NUMBERS = torch.Generator().manual_seed(0)
REAL = torch.rand(2, 3, 24, 20, generator=NUMBERS)
MASK = torch.zeros(2, 1, 24, 20)
MASK[:, :, 6:18, 5:15] = 1
SOFT = MASK * torch.linspace(0.3, 1, 20)
BYTES = (REAL * 255).round().byte()


@cache
def augmenter():
    return harmaug.SycoNetAugment.from_pretrained("unified")


def by_augment(real, mask, space):
    return augmenter()(real, mask, space=space, generator=torch.Generator().manual_seed(1))


def by_sample_and_apply(real, mask, space):
    numbers = torch.Generator().manual_seed(1)
    luts = augmenter().sample(real, mask, space=space, generator=numbers)
    return augmenter().apply(luts[:, 0], real, mask, space=space)


def by_encode(real, mask, space):
    return augmenter().encode(real, mask, real, space=space)


def by_apply(real, mask, space):
    lut = harmaug.identity_lut(9).expand(len(real), -1, -1, -1, -1) ** 2
    return augmenter().apply(lut, real, mask, space=space)


def by_loader(real, mask, space):
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space=space)
    batch = {"comp": real.clone(), "real": real, "mask": mask}
    loader = harmaug.AugmentedLoader([batch], augmenter(), fields, p=1.0, seed=0)
    return next(iter(loader))["comp"]


def by_collate(real, mask, space):
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space=space)
    collate = harmaug.AugmentCollate(augmenter(), fields, p=1.0, seed=0)
    return collate([{"comp": r, "real": r, "mask": m} for r, m in zip(real, mask, strict=True)])[
        "comp"
    ]


def by_view(real, mask, space):
    """As a further view of a batch whose main view is fine."""
    fields = harmaug.Fields(
        composite="comp", real="real", mask="mask", space=space, views=[("c", "r", "m")]
    )
    fine = REAL if real.is_floating_point() else BYTES
    fine = Space.of(space).encode(fine) if fine.is_floating_point() else fine
    batch = {"comp": fine, "real": fine, "mask": MASK, "c": real.clone(), "r": real, "m": mask}
    return harmaug.adapters.AugmentBatch(augmenter(), fields, p=1.0, seed=0)(batch)["c"]


def by_sample_transform(real, mask, space):
    numbers = {"composite": "comp", "real": "real", "mask": "mask", "space": space, "seed": 0}
    transform = harmaug.SampleTransform(augmenter(), **numbers)
    made = [
        transform({"real": r, "mask": m, "comp": r})["comp"]
        for r, m in zip(real, mask, strict=True)
    ]
    return torch.stack(made)


def by_arrays(real, mask, space):
    numbers = {"composite": "comp", "real": "real", "mask": "mask", "space": space, "seed": 0}
    transform = harmaug.SampleTransform(augmenter(), **numbers)
    made = []
    for r, m in zip(real, mask, strict=True):
        sample = {"real": r.permute(1, 2, 0).numpy(), "mask": m[0].numpy()}
        made.append(torch.from_numpy(transform(sample)["comp"]).permute(2, 0, 1))
    return torch.stack(made)


WAYS = [
    *(by_augment, by_sample_and_apply, by_encode, by_apply, by_loader, by_collate, by_view),
    *(by_sample_transform, by_arrays),
]

# What is given, and the canonical inputs that it must equal.
SAME = {
    "bool mask": (REAL, MASK > 0, "unit", REAL, MASK, "unit"),
    "mask of labels, uint8": (REAL, MASK.byte(), "unit", REAL, MASK, "unit"),
    "mask of labels, int64": (REAL, MASK.long(), "unit", REAL, MASK, "unit"),
    "mask of labels, int16": (REAL, MASK.short(), "unit", REAL, MASK, "unit"),
    "mask of 0..255": (REAL, (SOFT * 255).byte(), "unit", REAL, (SOFT * 255).byte() / 255, "unit"),
    "mask of float64": (REAL, SOFT.double(), "unit", REAL, SOFT, "unit"),
    "mask that overshoots": (REAL, SOFT * 1.02 - 0.0005, "unit", REAL, None, "unit"),
    "photo that overshoots": (REAL * 1.03 - 0.015, SOFT, "unit", None, SOFT, "unit"),
    "photo of float64": (REAL.double(), SOFT, "unit", REAL, SOFT, "unit"),
    "photo of bytes": (BYTES, SOFT, "unit", BYTES / 255, SOFT, "unit"),
    "photo in pm1": (REAL * 2 - 1, SOFT, "pm1", REAL, SOFT, "unit"),
}


@pytest.mark.parametrize(
    "way", [way for way in WAYS if way is not by_encode], ids=lambda way: way.__name__
)
@pytest.mark.parametrize("name", SAME)
def test_every_way_in_reads_alike(name, way):
    real, mask, space, same_real, same_mask, same_space = SAME[name]
    made = way(real, mask, space)
    same_real = real.clamp(0, 1) if same_real is None else same_real
    same_mask = mask.clamp(0, 1) if same_mask is None else same_mask
    expected = way(same_real, same_mask, same_space)
    inside = (same_mask > 0).expand_as(made)
    as_unit = Space.of(space).decode(made.float() / 255 if made.dtype == torch.uint8 else made)
    limit = 1.01 / 255 if made.dtype == torch.uint8 else 1e-4
    assert (as_unit - expected)[inside].abs().max() <= limit
    assert torch.equal(made[~inside], real[~inside])
    assert made.dtype == real.dtype


def test_encode_reads_labels_and_bytes_too(monkeypatch):
    monkeypatch.setattr(augmenter().net, "refinement_steps", 2)
    assert by_encode(BYTES[:1], MASK[:1].byte(), "unit").isfinite().all()


REFUSED = {
    "photo of 0..255": (REAL * 255, MASK, "unit", ValueError, r"spans \[.*declare the space"),
    "photo of another space": (REAL * 2 - 1, MASK, "unit", ValueError, "declare the space"),
    "photo resampled beyond": (REAL * 1.2 - 0.1, MASK, "unit", ValueError, "clamp"),
    "photo with NaN": (REAL.where(REAL < 0.99, NAN), MASK, "unit", ValueError, "holds NaN"),
    "photo with infinity": (REAL.where(REAL < 0.99, INF), MASK, "unit", ValueError, "inf"),
    "photo of integers": ((REAL * 255).int(), MASK, "unit", TypeError, "floating point or uint8"),
    "bytes in pm1": (BYTES, MASK, "pm1", ValueError, "uint8, which is sRGB"),
    "unknown space": (REAL, MASK, "rgb", ValueError, "space must be one of"),
    "mask of class ids": (REAL, MASK.byte() * 15, "unit", ValueError, "class ids or a faint"),
    "mask of class ids, int64": (REAL, MASK.long() * 15, "unit", ValueError, "labels 0 and 1"),
    "mask of 0..255 in int64": (REAL, MASK.long() * 255, "unit", ValueError, "mask > 0"),
    "mask of 1/255": (REAL, MASK / 255, "unit", ValueError, "labels that were divided by 255"),
    "mask of floats to 255": (REAL, MASK * 255, "unit", ValueError, "divide 8-bit values by 255"),
    "mask below 0": (REAL, MASK - 0.5, "unit", ValueError, r"spans \[-0.5"),
    "mask with NaN": (REAL, MASK.where(MASK < 1, NAN), "unit", ValueError, "holds NaN"),
    "mask of another size": (REAL, MASK[:, :, 1:], "unit", ValueError, "to match"),
    "complex mask": (
        REAL,
        MASK.to(torch.complex64),
        "unit",
        TypeError,
        "bool, floating point or integers",
    ),
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_way_in_refuses_alike(name, way):
    real, mask, space, error, match = REFUSED[name]
    with pytest.raises(error, match=match) as caught:
        way(real, mask, space)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 3, 0, 8), (2, 3, 8, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_empty_photos_pass(shape, dtype):
    real, mask = torch.zeros(shape, dtype=dtype), torch.zeros(shape[0], 1, *shape[2:])
    inputs = check_inputs(real, mask)
    assert inputs.foreground == (False,) * shape[0]
    assert augmenter()(real, mask).shape == shape


def test_foreground_says_which_masks_are_empty():
    mask = MASK.clone()
    mask[1] = 0
    assert check_inputs(REAL, mask).foreground == (True, False)
    assert check_inputs(REAL, mask > 0).foreground == (True, False)


def test_a_faint_edge_alone_is_no_label_mask():
    edge = torch.zeros(1, 1, 100, 100)
    edge[0, 0, 0, :50] = 1 / 255
    assert check_inputs(torch.rand(1, 3, 100, 100), edge).foreground == (True,)
    check_inputs(torch.rand(1, 3, 100, 100), (edge * 255 * 3).byte())


@given(st.integers(0, 255), st.integers(0, 255), st.floats(0.0, 1.0))
def test_bytes_are_labels_or_opacities_or_refused(low, high, share):
    codes = torch.full((10, 100), low, dtype=torch.uint8)
    codes.view(-1)[: round(share * 1000)] = high
    inside = codes[codes > 0].unique()
    faint = len(inside) and (codes.max() < 25.5 or (len(inside) == 1 and codes.max() < 250))
    if codes.max() > 1 and faint and (codes > 0).float().mean() > 0.01:
        with pytest.raises(ValueError, match="class ids"):
            opacity(codes)
    elif codes.max() <= 1:
        assert torch.equal(opacity(codes), codes.float())
    else:
        torch.testing.assert_close(opacity(codes), codes.float() / 255)


@pytest.mark.parametrize("top", [255, 65535])
def test_one_rule_for_8_and_16_bits(top):
    dtype = torch.uint8 if top == 255 else torch.uint16
    ramp = torch.linspace(0, top, 200).round().to(torch.int32).to(dtype)
    torch.testing.assert_close(opacity(ramp), ramp.float() / top)
    labels = (ramp.float() > top / 2).to(dtype)
    assert torch.equal(opacity(labels), labels.float())
    with pytest.raises(ValueError, match="class ids or a faint opacity"):
        opacity((labels.int() * 15).to(dtype))


def test_half_precision_overshoot_and_photos_are_decoded_once():
    inputs = check_inputs((REAL * 2 - 1).half(), MASK, "pm1")
    assert inputs.photo is inputs.photo
    assert inputs.photo.dtype == torch.float32
    assert inputs.photo.min() >= 0
    assert inputs.photo.max() <= 1


def test_rows_keep_what_is_known_of_each_photo():
    mask = MASK.clone()
    mask[0] = 0
    inputs = check_inputs(REAL, mask)
    assert inputs.rows([0, 1]) is inputs
    second = inputs.rows([1])
    assert second.foreground == (True,)
    assert torch.equal(second.real, REAL[1:])


def test_the_same_rows_are_taken_and_moved_once():
    inputs = check_inputs(REAL, MASK)
    assert inputs.rows([1]) is inputs.rows((1,))
    there = inputs.rows([0, 1], torch.device("meta"))
    assert there.real.device.type == there.mask.device.type == "meta"
    assert inputs.rows([0, 1], torch.device("meta")) is there


def test_constants_are_kept_for_each_dtype_and_serve_gradients():
    with torch.inference_mode():
        first = constant(((1.0, 2.0), (3.0, 4.0)), REAL)
    assert first is constant(((1.0, 2.0), (3.0, 4.0)), REAL)
    assert first.tolist() == [[1, 2], [3, 4]]
    assert constant((1.0, 2.0), REAL.double()).dtype == torch.float64
    weight = torch.ones(2, 2, requires_grad=True)
    (weight * first).sum().backward()
    assert torch.equal(weight.grad, first)


def test_the_door_does_not_write_to_its_inputs():
    real, mask = REAL * 1.01, SOFT * 1.01
    before = real.clone(), mask.clone()
    inputs = check_inputs(real, mask)
    assert inputs.mask.max() <= 1
    assert torch.equal(real, before[0])
    assert torch.equal(mask, before[1])


@pytest.mark.parametrize("declared", SPACES)
@pytest.mark.parametrize("true", SPACES)
def test_a_wrong_declaration_is_caught_where_the_picture_has_black_and_white(declared, true):
    picture = torch.rand(1, 3, 8, 8)
    picture[..., 0, 0], picture[..., 0, 1] = 0, 1
    stored, mask = Space.of(true).encode(picture), torch.ones(1, 1, 8, 8)
    # Stored values of a narrow space are good values of a wider one: that no one can tell.
    hidden = [("pm1", "unit"), ("imagenet", "unit"), ("imagenet", "pm1")]
    if declared == true or (declared, true) in hidden:
        check_inputs(stored, mask, declared)
    else:
        with pytest.raises(ValueError, match="declare the space"):
            check_inputs(stored, mask, declared)


@pytest.mark.parametrize(("declared", "true"), [("pm1", "unit"), ("imagenet", "pm1")])
def test_photos_that_fill_a_narrower_space_warn(declared, true):
    picture = torch.rand(2, 3, 8, 8)
    picture[..., 0, 0], picture[..., 0, 1] = 0, 1
    stored = Space.of(true).encode(picture)
    with pytest.warns(UserWarning, match=f"fills the range of space '{true}' exactly"):
        check_inputs(stored, torch.ones(2, 1, 8, 8), declared)


def test_two_devices_are_named():
    with pytest.raises(ValueError, match="mask is on meta but real is on cpu; move both"):
        check_inputs(REAL, MASK.to("meta"))
    with pytest.raises(ValueError, match=r"real is on cpu but the augmenter is on cuda:0.*aug\.to"):
        check_inputs(REAL, MASK, device=torch.device("cuda:0"))
