"""Illuminants: lights as they are measured, and none that no light would be."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import torch
from recipe_inputs import generator, lights, photos

from harmaug.recipes import Illuminant


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
