"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageChops

from harmaug.io.contact_sheet import contact_sheet, thumbnail

RED, BLUE = (200, 0, 0), (0, 0, 200)


def bounds(sheet, colour):
    """Left, top, right and bottom of the pixels of one colour."""
    ys, xs = np.nonzero((np.asarray(sheet) == colour).all(-1))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


@pytest.mark.parametrize(
    ("shape", "size"),
    [((400, 800, 3), (240, 120)), ((800, 400), (120, 240)), ((30, 40, 3), (40, 30))],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_keep_aspect_and_brightness_and_are_never_enlarged(shape, size, dtype):
    picture = thumbnail(np.full(shape, np.iinfo(dtype).max // 3, dtype))
    assert (picture.mode, picture.size) == ("RGB", size)
    assert picture.getextrema() == ((85, 85),) * 3


def test_pictures_stand_in_their_row_and_column_at_their_own_size():
    black, red, blue = (Image.new("RGB", (200, 100), c) for c in ("black", RED, BLUE))
    sheet = contact_sheet([[("a", black), ("b", red)], [("c", blue)]])
    left, top, right, bottom = bounds(sheet, RED)
    assert (right - left, bottom - top) == (200, 100)
    blue_left, blue_top, blue_right, blue_bottom = bounds(sheet, BLUE)
    assert (blue_right - blue_left, blue_bottom - blue_top) == (200, 100)
    assert blue_top > bottom
    assert blue_right < left


def test_captions_are_drawn_and_cut_to_the_column():
    def ink(caption):
        blank, drawn = (
            contact_sheet([[(text, Image.new("RGB", (200, 100), RED))]]) for text in ("", caption)
        )
        assert drawn.size == blank.size
        return ImageChops.difference(drawn, blank).getbbox()

    short, long = ink("real"), ink("a very long caption " * 20)
    assert short is not None
    assert short[2] - short[0] < long[2] - long[0] <= 200


@pytest.mark.parametrize("rows", [[], [[]]])
def test_nothing_to_show_is_refused(rows):
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet(rows)
