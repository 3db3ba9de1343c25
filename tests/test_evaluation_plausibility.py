"""Plausibility of a change: what turns to which hue."""

import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from harmaug.evaluation.plausibility import implausible


def lab(*colour):
    return torch.from_numpy(rgb2lab(np.array(colour, dtype=np.float64) / 255))


GREY, SKIN, LEAF = (128, 128, 128), (224, 172, 140), (60, 140, 50)
BLUE, CYAN, MAGENTA = (60, 80, 190), (40, 170, 190), (190, 60, 170)


@pytest.mark.parametrize("before", [GREY, SKIN, (139, 101, 70)])
@pytest.mark.parametrize("after", [BLUE, CYAN, MAGENTA])
def test_grey_skin_and_wood_do_not_turn_blue_cyan_or_magenta(before, after):
    assert implausible(lab(*before), lab(*after)) == 1


@pytest.mark.parametrize("before", [GREY, SKIN])
@pytest.mark.parametrize(
    "after", [(128, 128, 128), (200, 150, 90), (230, 120, 60), (110, 125, 140), (90, 110, 70)]
)
def test_warm_light_and_a_cool_cast_are_plausible(before, after):
    assert implausible(lab(*before), lab(*after)) == 0


@pytest.mark.parametrize("before", [LEAF, BLUE, (220, 30, 30)])
def test_colours_that_are_strong_already_are_not_judged(before):
    assert math.isnan(implausible(lab(*before), lab(*MAGENTA)))


def test_any_leading_axes():
    before = torch.stack([lab(*GREY), lab(*LEAF)]).unsqueeze(1)
    after = torch.stack([lab(*BLUE), lab(*GREY)]).unsqueeze(0)
    found = implausible(before, after)
    assert found.shape == (2, 2)
    assert found[0].tolist() == [1, 0]
    assert found[1].isnan().all()
