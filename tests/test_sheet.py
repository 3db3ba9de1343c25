"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageChops

from harmaug.sheet import contact_sheet


def plain(height, width, *colour):
    return np.full((height, width, len(colour) or 1), colour or 0, np.uint8)


RED, BLUE = (200, 0, 0), (0, 0, 200)


def bounds(sheet, colour):
    """Left, top, right and bottom of the pixels of one colour."""
    ys, xs = np.nonzero((np.asarray(sheet) == colour).all(-1))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def test_pictures_stand_in_their_row_and_column_at_their_aspect():
    sheet = contact_sheet(
        [
            [("a", plain(400, 800, 9, 9, 9)), ("b", plain(400, 800, *RED))],
            [("c", plain(800, 400, *BLUE))],
        ],
        cell=200,
    )
    left, top, right, bottom = bounds(sheet, RED)
    assert (right - left, bottom - top) == (200, 100)
    assert left > 200
    blue_left, blue_top, blue_right, blue_bottom = bounds(sheet, BLUE)
    assert (blue_right - blue_left, blue_bottom - blue_top) == (100, 200)
    assert blue_top > bottom
    assert blue_right < left


def test_small_pictures_are_not_enlarged_and_grey_ones_are_taken():
    sheet = contact_sheet([[("mask", np.zeros((30, 40), np.uint8))]], cell=200)
    assert sheet.mode == "RGB"
    assert sheet.width < 100


def test_captions_are_drawn_and_cut_to_the_column():
    def ink(caption):
        blank = contact_sheet([[("", plain(100, 200, *RED))]])
        drawn = contact_sheet([[(caption, plain(100, 200, *RED))]])
        assert drawn.size == blank.size
        return ImageChops.difference(drawn, blank).getbbox()

    short, long = ink("real"), ink("a very long caption " * 20)
    assert short is not None
    assert short[2] - short[0] < long[2] - long[0] <= 200


@pytest.mark.parametrize("rows", [[], [[]]])
def test_nothing_to_show_is_refused(rows):
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet(rows)
