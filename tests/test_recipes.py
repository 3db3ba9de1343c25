"""What every recipe keeps: the background untouched, photos in range, the generator in charge."""

from __future__ import annotations

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_inputs import TRANSFORMS, assert_background_kept, generator, photos

from harmaug import recipes
from harmaug.recipes import (
    ColorTransfer,
    Filters,
    Illuminant,
    RandomFilters,
    Relight,
    Retouch,
    build_recipe,
)

NAMES = ("color-transfer", "retouch", "illuminant", "filters", "relight", "transplant")


def everything():
    assert TRANSFORMS.to_standard is not None
    assert TRANSFORMS.from_standard is not None
    return {
        "transfer": ColorTransfer(),
        "retouch": Retouch(TRANSFORMS.looks, TRANSFORMS.white_balance),
        "plain retouch": Retouch(),
        "filters": Filters(),
        "random filters": RandomFilters(),
        "illuminant": Illuminant(TRANSFORMS.to_standard, TRANSFORMS.from_standard),
        "relight": Relight(),
        "composition": build_recipe({"filters+retouch+relight": 1.0}, TRANSFORMS),
        "mixture": build_recipe(dict.fromkeys(NAMES, 1.0), TRANSFORMS, Filters()),
    }


@pytest.fixture(params=list(everything()))
def recipe(request):
    return everything()[request.param]


def test_the_background_is_bit_identical_and_the_foreground_changes(recipe):
    real, mask = photos()
    composite = recipe(real, mask, generator())
    assert composite.shape == real.shape
    assert composite.dtype == real.dtype
    assert_background_kept(composite, real, mask)
    change = (composite - real).abs().flatten(1).mean(1)
    assert (change > 1e-3).float().mean() >= 0.5


def test_composites_are_photos_in_range(recipe):
    real, mask = photos(16)
    for seed in range(5):
        composite = recipe(real, mask, generator(seed))
        assert composite.min() >= 0
        assert composite.max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(list(everything())),
    values=st.lists(st.sampled_from([0.0, 0.5, 1.0, 1 / 255]), min_size=3, max_size=3),
    noise=st.sampled_from([0.0, 1e-6, 0.05, 1.0]),
    fill=st.sampled_from([0.0, 1e-7, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_no_picture_mask_or_draw_gives_nan_or_touches_the_background(
    name, values, noise, fill, seed
):
    drawn = torch.rand(3, 3, 6, 8, generator=generator(seed))
    real = (torch.tensor(values).view(3, 1, 1, 1) + noise * (drawn - 0.5)).clamp(0, 1)
    mask = torch.full((3, 1, 6, 8), fill)
    mask[:, :, :2] = 0
    composite = everything()[name](real, mask, generator(seed))
    assert composite.isfinite().all()
    assert composite.min() >= 0
    assert composite.max() <= 1
    assert_background_kept(composite, real, mask)


def test_an_empty_mask_gives_real_back(recipe):
    real, _ = photos()
    composite = recipe(real, torch.zeros(4, 1, 20, 30), generator())
    assert torch.equal(composite, real)


def test_the_generator_alone_decides(recipe):
    real, mask = photos()
    state = torch.get_rng_state()
    first = recipe(real, mask, generator(1))
    assert torch.equal(torch.get_rng_state(), state), "the global stream is left alone"
    torch.rand(3)
    assert torch.equal(recipe(real, mask, generator(1)), first)
    assert not torch.equal(recipe(real, mask, generator(2)), first)


def test_without_a_generator_the_global_one_serves(recipe):
    real, mask = photos()
    torch.manual_seed(3)
    first = recipe(real, mask)
    torch.manual_seed(3)
    assert torch.equal(recipe(real, mask), first)
    assert not torch.equal(recipe(real, mask), first)


def test_inputs_are_not_written_to(recipe):
    real, mask = photos()
    before = real.clone(), mask.clone()
    recipe(real, mask, generator()).fill_(9)
    assert torch.equal(real, before[0])
    assert torch.equal(mask, before[1])


@pytest.mark.parametrize("name", sorted(everything().keys() - {"transfer"}))
def test_equal_photos_of_a_batch_get_different_changes(name):
    real, mask = photos(1)
    real, mask = real.repeat(8, 1, 1, 1), mask.repeat(8, 1, 1, 1)
    composite = everything()[name](real, mask, generator())
    assert len({round(float(c.sum()), 3) for c in composite}) > 3


CLASSES = [value for value in vars(recipes).values() if inspect.isclass(value)]


@pytest.mark.parametrize("kind", sorted(set(CLASSES) - {recipes.Transforms}, key=str))
def test_recipes_have_one_call_and_say_what_they_take(kind):
    assert inspect.signature(kind.__call__) == inspect.signature(recipes.Recipe.__call__)
    assert kind.__doc__
    assert kind.__call__.__doc__
