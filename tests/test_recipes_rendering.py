"""LUTs of what recipes draw: illuminants, white balance, tone curves."""

from __future__ import annotations

import torch
from recipe_inputs import generator

from harmaug.lut import identity_lut
from harmaug.recipes import (
    Transforms,
    render_illuminants,
    render_tone_curves,
    render_white_balance,
)


def gains(*factors):
    """Illuminant polynomials that multiply all channels."""
    maps = torch.zeros(len(factors), 3, 11)
    maps[:, range(3), range(3)] = torch.tensor(factors).unsqueeze(1)
    return maps


def test_rendered_illuminants_are_gains_where_the_polynomials_are():
    lights = Transforms(to_standard=gains(1.0, 1.0), from_standard=gains(0.5, 0.5))
    luts = render_illuminants(lights, 7, 5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(luts, (identity_lut(5) * 0.5).expand(7, -1, -1, -1, -1))


def test_wild_illuminants_are_left_out():
    lights = Transforms(to_standard=gains(1.0, 1.0), from_standard=gains(1.0, 9.0))
    luts = render_illuminants(lights, 40, 5, torch.Generator().manual_seed(0))
    assert 10 < len(luts) <= 40
    torch.testing.assert_close(luts, identity_lut(5).expand_as(luts))


def test_rendered_white_balance_is_the_polynomial_at_the_nodes():
    maps = torch.zeros(1, 9, 3)
    maps[0, 3, 0] = maps[0, 1, 1] = maps[0, 2, 2] = 1  # red squared, green and blue as they are
    lut = render_white_balance(Transforms(white_balance=maps), 1, 5)[0]
    neutral = identity_lut(5)
    torch.testing.assert_close(lut, torch.stack((neutral[0] ** 2, neutral[1], neutral[2])))


def test_kinds_that_are_not_there_render_nothing():
    assert render_illuminants(Transforms(), 5, 5).shape == (0, 3, 5, 5, 5)
    assert render_white_balance(Transforms(), 5, 5).shape == (0, 3, 5, 5, 5)


def test_tone_curves_lie_around_the_identity_and_in_bounds():
    luts = render_tone_curves(300, 5, torch.Generator().manual_seed(0))
    assert luts.aminmax().min >= -0.2
    assert luts.aminmax().max <= 1.2
    assert (luts.median(0).values - identity_lut(5)).abs().max() < 0.06
    assert 0.02 < (luts - identity_lut(5)).square().mean().sqrt() < 0.25


def test_tone_curves_are_smooth_luts_around_the_identity():
    luts = render_tone_curves(40, 9, generator())
    assert luts.shape == (40, 3, 9, 9, 9)
    assert luts.isfinite().all()
    assert torch.equal(render_tone_curves(40, 9, generator()), luts)
    difference = (luts - identity_lut(9)).abs().mean((1, 2, 3, 4))
    assert 0.02 < difference.median() < 0.3
