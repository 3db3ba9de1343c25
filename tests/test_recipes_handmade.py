"""Recipes: the background untouched, the foreground plausible, and the generator in charge."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.lut import identity_lut
from harmaug.recipes import colour
from harmaug.recipes import handmade as recipes
from harmaug.recipes.handmade import (
    RECIPES,
    ColorTransfer,
    Filters,
    Illuminant,
    Mixture,
    Retouch,
    build_recipe,
    render_tone_curves,
)
from harmaug.recipes.transforms import Transforms


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def looks(count=5, size=5):
    bends = torch.rand(count, 3, size, size, size, generator=generator(3)) - 0.5
    return (identity_lut(size) + 0.2 * bends).clamp(0, 1)


def white_balance(count=5):
    return torch.eye(9, 3) + 0.1 * torch.randn(count, 9, 3, generator=generator(4))


def lights(count=5, gain=0.15):
    drawn = torch.eye(3, 11).repeat(count, 1, 1)
    drawn[:, :, :3] += gain * torch.randn(count, 3, 3, generator=generator(5))
    return drawn


TRANSFORMS = Transforms(looks(), white_balance(), lights(), lights().flip(0))


def everything():
    return {
        "transfer": ColorTransfer(),
        "retouch": Retouch(TRANSFORMS.looks, TRANSFORMS.white_balance),
        "plain retouch": Retouch(),
        "filters": Filters(),
        "illuminant": Illuminant(TRANSFORMS.to_standard, TRANSFORMS.from_standard),
        "mixture": build_recipe(dict.fromkeys(RECIPES, 1.0), TRANSFORMS, Filters()),
    }


@pytest.fixture(params=list(everything()))
def recipe(request):
    return everything()[request.param]


def photos(batch=4, size=(20, 30), seed=0):
    """Photos of different colours; masks with a hard, a soft and an absent part."""
    real = torch.rand(batch, 3, *size, generator=generator(seed))
    tint = torch.rand(2, batch, 3, 1, 1, generator=generator(seed + 1))
    real = real * (0.3 + 0.4 * tint[0]) + 0.3 * tint[1]
    mask = torch.zeros(batch, 1, *size)
    height = size[0]
    mask[:, :, height // 4 : height // 2, 3:-3] = 1
    mask[:, :, height // 2 : -height // 4, 3:-3] = 0.4
    return real, mask


def assert_background_kept(composite, real, mask):
    outside = (mask == 0).expand_as(real)
    kept, source = composite[outside], real[outside]
    assert torch.equal(kept.view(torch.int32), source.view(torch.int32))


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


# Colour transfer


def test_a_transfer_wants_company():
    real, mask = photos(1)
    with pytest.raises(ValueError, match="needs a batch of at least 2 photos, got 1"):
        ColorTransfer()(real, mask, generator())


@pytest.mark.parametrize("seed", range(6))  # all three methods have their turn
def test_a_full_transfer_takes_the_mean_colour_of_the_other_photo(seed):
    real, mask = photos(2, (40, 40))
    mask = (mask > 0).float()
    composite = ColorTransfer(amount=(1.0, 1.0))(real, mask, generator(seed))
    before, _ = colour.foreground_moments(real, mask)
    after, _ = colour.foreground_moments(composite, mask)
    target = before.flip(0)
    # What clips, and a mean that is met in Lab rather than RGB, is off a little.
    assert ((after - target).norm(dim=1) < 0.2 * (before - target).norm(dim=1)).all()


def test_a_transfer_without_amount_changes_nothing():
    real, mask = photos()
    composite = ColorTransfer(amount=(0.0, 0.0))(real, mask, generator())
    torch.testing.assert_close(composite, real, rtol=0, atol=1e-6)


def test_photos_without_foreground_give_no_colours():
    real, mask = photos(2)
    mask[1] = 0
    for seed in range(6):
        assert torch.equal(ColorTransfer()(real, mask, generator(seed)), real)
    real, mask = photos(4)
    mask[1:3] = 0
    chosen = ColorTransfer(candidates=50)._references(real, mask, generator())
    assert chosen[[0, 3]].tolist() == [3, 0]


def test_the_transfer_in_lab_is_the_one_of_reinhard_by_scikit_image():
    real, mask = photos(2, (40, 40))
    hard = (mask > 0).float()
    reference, reference_mask = real.flip(0), hard.flip(0)
    found = recipes._transfer_in_lab(real, hard, reference, reference_mask)
    for row in range(2):
        inside = hard[row, 0].numpy() > 0
        lab, lab_to = (
            skimage.color.rgb2lab(p[row].permute(1, 2, 0).double().numpy())
            for p in (real, reference)
        )
        source, target = lab[inside], lab_to[reference_mask[row, 0].numpy() > 0]
        ratio = np.clip(target.std(0) / source.std(0), 0.4, 2.5)
        moved = (source - source.mean(0)) * ratio + target.mean(0)
        expected = skimage.color.lab2rgb(moved[None])[0]
        pixels = found[row].permute(1, 2, 0).numpy()[inside]
        within = ((expected > 0.01) & (expected < 0.99)).all(1)
        assert within.mean() > 0.5
        np.testing.assert_allclose(pixels[within], expected[within], atol=2e-3)


# The others


def test_strength_zero_changes_nothing():
    real, mask = photos()
    for idle in (Retouch(looks(), white_balance(), strength=0.0), Filters(strength=0.0)):
        torch.testing.assert_close(idle(real, mask, generator()), real, rtol=0, atol=1e-5)


def test_more_strength_changes_more():
    real, mask = photos(32)
    for kind in (Retouch, Filters):
        weak, strong = (
            (kind(strength=s)(real, mask, generator()) - real).abs().mean() for s in (0.3, 1.0)
        )
        assert weak < 0.7 * strong


def test_lights_that_extrapolate_are_drawn_again_or_left_out():
    """With a wild polynomial among tame ones, no composite is blown out."""
    real, mask = photos(32)
    tame = lights(4, gain=0.05)
    wild = torch.eye(3, 11).mul(20).unsqueeze(0)
    recipe = Illuminant(torch.cat((tame, wild)), torch.cat((tame, wild)))
    composite = recipe(real, mask, generator())
    clipped = ((composite > 0.999) & (real < 0.99)).any(1, keepdim=True) * (mask > 0)
    share = clipped.sum((1, 2, 3)) / (mask > 0).sum((1, 2, 3))
    assert share.max() < 0.05
    hopeless = Illuminant(wild, wild)(real, mask, generator())
    assert torch.equal(hopeless, real)


@pytest.mark.parametrize(("gain", "kept"), [(1.04, True), (1.25, False)])
def test_lights_that_clip_a_twentieth_of_the_foreground_are_left_out(gain, kept):
    real = torch.rand(4, 3, 50, 50, generator=generator())
    light = torch.eye(3, 11)[None] * torch.tensor([gain, 1, 1]).view(3, 1)
    same = torch.eye(3, 11)[None]
    composite = Illuminant(same, light)(real, torch.ones(4, 1, 50, 50), generator())
    assert torch.equal(composite, real) != kept


@pytest.mark.parametrize(("tint", "kept"), [(60.0, True), (5.0, False)])
def test_lights_that_tint_more_than_any_light_would_are_left_out(tint, kept):
    """Against scikit-image's Lab."""
    real = torch.rand(4, 3, 50, 50, generator=generator()) * 0.3 + 0.3
    light = torch.eye(3, 11)[None] * torch.tensor([1.3, 1, 0.8]).view(3, 1)
    same = torch.eye(3, 11)[None]
    recipe = Illuminant(same, light, tint)
    composite = recipe(real, torch.ones(4, 1, 50, 50), generator())
    assert torch.equal(composite, real) != kept
    if kept:
        before, after = (
            skimage.color.rgb2lab(image.permute(0, 2, 3, 1)) for image in (real, composite)
        )
        moved = np.linalg.norm((after - before).mean((1, 2))[:, 1:], axis=1)
        assert ((moved > 5) & (moved < 60)).all()


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
    mixture = build_recipe(dict.fromkeys(RECIPES, 0.5), TRANSFORMS, pairs)
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


def test_tone_curves_are_smooth_luts_around_the_identity():
    luts = render_tone_curves(40, 9, generator())
    assert luts.shape == (40, 3, 9, 9, 9)
    assert luts.isfinite().all()
    assert torch.equal(render_tone_curves(40, 9, generator()), luts)
    difference = (luts - identity_lut(9)).abs().mean((1, 2, 3, 4))
    assert 0.02 < difference.median() < 0.3
