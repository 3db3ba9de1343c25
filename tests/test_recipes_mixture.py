"""Mixtures, and recipes by name."""

from __future__ import annotations

import pytest
import torch
from recipe_inputs import TRANSFORMS, assert_background_kept, generator, photos

from harmaug.recipes import (
    ColorTransfer,
    Composition,
    Filters,
    Mixture,
    RandomFilters,
    Relight,
    Retouch,
    Transforms,
    build_recipe,
)

NAMES = ("color-transfer", "retouch", "illuminant", "filters", "relight", "transplant")


def test_a_mixture_uses_every_part_as_often_as_asked():
    def mark(value):
        return lambda real, mask, generator=None: torch.full_like(real, value)

    real, mask = photos(4000, (4, 12))
    composite = Mixture([(mark(0.0), 3), (mark(1.0), 1)])(real, mask, generator())
    share = (composite[:, 0, 0, 0] == 1).float().mean()
    assert abs(share - 0.25) < 0.03


def test_a_mixture_gives_a_lone_transfer_company():
    real, mask = photos(2)
    mixture = Mixture([(ColorTransfer(), 1), (Filters(), 1)])
    for seed in range(8):
        composite = mixture(real, mask, generator(seed))
        assert_background_kept(composite, real, mask)
    assert mixture(real[:1], mask[:1], generator()).shape == (1, 3, 20, 30)


def test_recipes_are_built_by_name():
    assert isinstance(build_recipe({"color-transfer": 1}, Transforms()), ColorTransfer)
    assert isinstance(build_recipe({"retouch": 1}, Transforms()), Retouch)
    assert build_recipe({"filters": 1}, Transforms()) == RandomFilters()
    assert build_recipe({"relight": 1}, Transforms()) == Relight()
    pairs = Retouch()
    mixture = build_recipe(dict.fromkeys(NAMES, 0.5), TRANSFORMS, pairs)
    assert isinstance(mixture, Mixture)
    assert [share for _, share in mixture.parts] == [0.5] * 6
    assert mixture.parts[-1][0] is pairs


def test_joined_names_are_one_recipe_on_top_of_another():
    first, second = Retouch(TRANSFORMS.looks, TRANSFORMS.white_balance), Relight()
    joined = build_recipe({"retouch+relight": 1}, TRANSFORMS)
    real, mask = photos()
    draw = generator(4)
    below = first(real, mask, draw)
    assert joined(real, mask, generator(4)).equal(second(below, mask, draw))
    mixture = build_recipe({"filters+relight": 0.2, "relight": 0.8}, Transforms())
    assert [type(recipe) for recipe, _ in mixture.parts] == [Composition, Relight]
    assert [share for _, share in mixture.parts] == [0.2, 0.8]


def test_a_composition_of_a_transfer_gets_company_within_a_mixture():
    mixture = build_recipe({"color-transfer+relight": 1, "filters": 1}, Transforms())
    real, mask = photos(2)
    for seed in range(8):
        assert_background_kept(mixture(real, mask, generator(seed)), real, mask)


def test_recipes_that_cannot_be_built_say_why():
    with pytest.raises(ValueError, match="unknown recipe 'sepia', expected one of color-transfer"):
        build_recipe({"sepia": 1}, TRANSFORMS)
    for name in ("filters+sepia", "filters+", "+", "filters + relight", ""):
        with pytest.raises(ValueError, match=r"unknown recipe .* or several joined by \+"):
            build_recipe({name: 1}, TRANSFORMS)
    with pytest.raises(ValueError, match="no recipe was named; there are color-transfer"):
        build_recipe({}, TRANSFORMS)
    with pytest.raises(ValueError, match="'illuminant' needs illuminant polynomials"):
        build_recipe({"illuminant": 1}, Transforms())
    for name in ("transplant", "relight+transplant"):
        with pytest.raises(ValueError, match="'transplant' needs true pairs"):
            build_recipe({name: 1}, TRANSFORMS)
