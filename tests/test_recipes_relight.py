"""Hand-made fields of light: smooth, within their ranges, of every kind."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_inputs import generator

from harmaug.recipes import Relight

SIZE = (40, 60)
KINDS = {"field": 0, "ramp": 1, "shadow": 2, "sides": 3}


def only(kind, **changes):
    """A recipe of one kind, without the gain for the whole foreground."""
    shares = [float(KINDS[kind] == place) for place in range(4)]
    return Relight(shares=tuple(shares), **({"exposed": 0.0} | changes))


def log_gains(recipe, count=200, seed=0, mask=None):
    """(B, 3, H, W), read from what the recipe makes of photos too dark to clip."""
    real = 0.05 + 0.2 * torch.rand(count, 3, *SIZE, generator=generator(9))
    mask = torch.ones(count, 1, *SIZE) if mask is None else mask
    return (recipe(real, mask, generator(seed)) / real).log()


@pytest.mark.parametrize("kind", KINDS)
def test_light_of_each_kind_varies_smoothly_across_the_foreground(kind):
    light = log_gains(only(kind, softness=(0.5, 0.5)), 60)
    assert (light.amax((2, 3)) - light.amin((2, 3))).amax(1).median() > 0.1
    steps = torch.cat(
        (light.diff(dim=2).abs().amax((1, 2, 3)), light.diff(dim=3).abs().amax((1, 2, 3)))
    )
    assert steps.max() < 0.2, "a step between neighbouring pixels would be seen as an edge"


def test_a_field_has_the_published_deviations():
    light = log_gains(only("field"), 600)
    corner = light[:, :, 0, 0]  # a node of the grid
    common = corner.mean(1).std().item()
    assert common == pytest.approx(math.hypot(0.3, 0.08 / math.sqrt(3)), rel=0.1)
    assert (corner - corner.mean(1, keepdim=True)).std().item() == pytest.approx(
        0.08 * math.sqrt(2 / 3), rel=0.1
    )


def test_a_shadow_has_two_levels_of_which_the_darker_is_bluer():
    light = log_gains(only("shadow", softness=(0.05, 0.05), shadow=(0.8, 0.8)))
    high, low = light.amax((2, 3)), light.amin((2, 3))
    whole = (high - low).mean(1) > 0.75  # the edge lies within the frame
    assert whole.float().mean() > 0.7
    torch.testing.assert_close((high - low)[whole].mean(), torch.tensor(0.8), atol=0.03, rtol=0)
    assert ((low[:, 2] - low[:, 0])[whole] > 0.1).all()


def test_sides_are_opposite_casts():
    light = log_gains(only("sides", warmth=(0.4, 0.4)))
    torch.testing.assert_close(light[:, 0], -light[:, 2], atol=1e-4, rtol=0)
    assert light[:, 1].abs().max() < 1e-5
    cast = light[:, 0] - light[:, 2]
    both = (cast.amax((1, 2)) > 0.1) & (cast.amin((1, 2)) < -0.1)
    assert both.float().mean() > 0.8


def test_edges_lie_in_the_foreground_wherever_it_is():
    mask = torch.zeros(100, 1, *SIZE)
    mask[..., 30:38, 50:58] = 1
    light = log_gains(only("shadow"), 100, mask=mask)[..., 30:38, 50:58]
    assert ((light.amax((1, 2, 3)) - light.amin((1, 2, 3))) > 0.15).float().mean() > 0.8


def test_light_falls_from_every_side():
    light = log_gains(only("ramp"), 200)
    slope = torch.stack((light.diff(dim=3).mean((1, 2, 3)), light.diff(dim=2).mean((1, 2, 3))), 1)
    quadrant = (slope > 0).long() @ torch.tensor([1, 2])
    assert torch.bincount(quadrant, minlength=4).min() > 25


def test_the_one_gain_is_the_same_for_all_of_a_foreground():
    light = log_gains(Relight(brightness=0.0, tint=0.0, shares=(1.0, 0, 0, 0), exposed=1.0), 400)
    assert (light.amax((2, 3)) - light.amin((2, 3))).max() < 1e-5
    assert light.mean((1, 2, 3)).std().item() == pytest.approx(0.3, rel=0.15)
    half = log_gains(Relight(brightness=0.0, tint=0.0, shares=(1.0, 0, 0, 0)), 400)
    assert (half.abs().amax((1, 2, 3)) < 1e-6).float().mean().item() == pytest.approx(0.5, abs=0.08)


def test_kinds_come_in_their_shares():
    light = log_gains(Relight(tint=0.0, exposed=0.0, shares=(0.0, 3.0, 0.0, 1.0)), 400)
    neutral = (light[:, 0] - light[:, 2]).abs().amax((1, 2)) < 1e-5
    assert neutral.float().mean().item() == pytest.approx(0.75, abs=0.07)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(0, 10**6), st.booleans()
)
def test_any_size_and_any_mask_even_of_one_pixel_gives_a_picture(height, width, batch, seed, one):
    draw = generator(seed)
    real = torch.rand(batch, 3, height, width, generator=draw)
    mask = (torch.rand(batch, 1, height, width, generator=draw) - 0.3).clamp(0, 1)
    if one:
        mask = torch.zeros_like(mask)
        mask[..., -1, -1] = 1
    composite = Relight()(real, mask, draw)
    assert composite.isfinite().all()
    assert 0 <= composite.min() <= composite.max() <= 1
    outside = (mask == 0).expand_as(real)
    assert torch.equal(composite[outside], real[outside])


def test_a_bright_foreground_is_not_burnt_out():
    real = 0.6 + 0.35 * torch.rand(100, 3, *SIZE, generator=generator())
    composite = Relight()(real, torch.ones(100, 1, *SIZE), generator(1))
    burnt = (composite.amax(1) >= 1).float().mean((1, 2))
    assert (burnt > 0.5).float().mean() < 0.05
