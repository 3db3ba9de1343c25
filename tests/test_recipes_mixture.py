"""Mixtures, and recipes by name."""

from __future__ import annotations

import pytest
import torch
from recipe_inputs import TRANSFORMS, assert_background_kept, generator, photos

from harmaug.recipes import ColorTransfer, Filters, Mixture, Retouch, Transforms, build_recipe

NAMES = ("color-transfer", "retouch", "illuminant", "filters", "transplant")


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
    assert isinstance(build_recipe({"filters": 1}, Transforms()), Filters)
    pairs = Retouch()
    mixture = build_recipe(dict.fromkeys(NAMES, 0.5), TRANSFORMS, pairs)
    assert isinstance(mixture, Mixture)
    assert [share for _, share in mixture.parts] == [0.5] * 5
    assert mixture.parts[-1][0] is pairs


def test_recipes_that_cannot_be_built_say_why():
    with pytest.raises(ValueError, match="unknown recipe 'sepia', expected one of color-transfer"):
        build_recipe({"sepia": 1}, TRANSFORMS)
    with pytest.raises(ValueError, match="no recipe was named; there are color-transfer"):
        build_recipe({}, TRANSFORMS)
    with pytest.raises(ValueError, match="'illuminant' needs illuminant polynomials"):
        build_recipe({"illuminant": 1}, Transforms())
    with pytest.raises(ValueError, match="'transplant' needs true pairs"):
        build_recipe({"transplant": 1}, TRANSFORMS)
