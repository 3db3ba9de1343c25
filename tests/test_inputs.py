"""Value spaces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harmaug.inputs import SPACES, Space

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


def test_a_little_overshoot_is_a_photo_and_more_is_a_wrong_space():
    space = Space.of("pm1")
    for good in (torch.tensor([-0.02, 1.02]), torch.rand(5), torch.empty(0)):
        space.check(good)
    for bad in ([-0.03, 0.5], [0.5, 1.03], [-1.0, 1.0], [0.0, 255.0], [0.5, INF], [-INF, 0.5]):
        with pytest.raises(ValueError, match=r"picture decoded from space 'pm1' spans \["):
            space.check(torch.tensor(bad), "picture")


@pytest.mark.parametrize("wrong", [NAN, -NAN])
def test_a_single_nan_is_found_wherever_it_is(wrong):
    for index in (0, 17, 59):
        picture = torch.rand(3, 4, 5)
        picture.view(-1)[index] = wrong
        with pytest.raises(ValueError, match="picture holds NaN"):
            Space.of("unit").check(picture, "picture")


@pytest.mark.parametrize("declared", SPACES)
@pytest.mark.parametrize("true", SPACES)
def test_a_wrong_declaration_is_caught_where_the_picture_has_black_and_white(declared, true):
    picture = torch.rand(3, 8, 8)
    picture[:, 0, 0], picture[:, 0, 1] = 0, 1
    decoded = Space.of(declared).decode(Space.of(true).encode(picture))
    # Stored values of a narrow space are good values of a wider one: that no one can tell.
    hidden = [("pm1", "unit"), ("imagenet", "unit"), ("imagenet", "pm1")]
    if declared == true or (declared, true) in hidden:
        Space.of(declared).check(decoded)
    else:
        with pytest.raises(ValueError, match="declare the space"):
            Space.of(declared).check(decoded)
