"""Pasting: by the mask, never far out of range."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.recipes import paste as paste_module
from harmaug.recipes.paste import clipped_fraction, paste


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def photos(count=4, size=24):
    """Photos, and masks with soft edges."""
    real = torch.rand(count, 3, size, size, generator=generator()) * 0.6 + 0.2
    mask = torch.zeros(count, 1, size, size)
    mask[..., 6:18, 4:20] = 0.5
    mask[..., 8:16, 6:18] = 1
    return real, mask


def test_paste_blends_by_the_mask():
    real, mask = photos()
    moved = (real * 0.8 + 0.1).flip(1)
    expected = real + mask * (moved - real)
    torch.testing.assert_close(paste(real, mask, moved), expected)


def test_paste_never_looks_outside_the_mask():
    real, mask = photos()
    moved = torch.where(mask > 0, real.flip(1), torch.nan)
    composite = paste(real, mask, moved)
    assert composite.isfinite().all()
    assert torch.equal(composite[mask.expand_as(real) == 0], real[mask.expand_as(real) == 0])


def test_paste_halves_changes_that_clip_until_few_pixels_do():
    real = torch.full((2, 3, 8, 8), 0.5)
    mask = torch.ones(2, 1, 8, 8)
    moved = torch.stack((torch.full((3, 8, 8), 2.0), torch.full((3, 8, 8), 0.8)))
    composite = paste(real, mask, moved)
    torch.testing.assert_close(composite[0], torch.full((3, 8, 8), 0.5 + 1.5 / 4))
    torch.testing.assert_close(composite[1], moved[1])


def test_pixels_that_were_clipped_before_do_not_count():
    real = torch.full((1, 3, 2, 2), 0.5)
    real[..., 0] = 1.02
    moved = torch.full((1, 3, 2, 2), 1.5)
    ones = torch.ones(1, 1, 2, 2)
    assert clipped_fraction(moved, real, ones) == 0.5
    assert clipped_fraction(real, real, ones) == 0
    assert clipped_fraction(moved, real, torch.zeros(1, 1, 2, 2)) == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_what_is_pasted_is_in_range_to_the_last_bit(seed):
    """Also where nothing is pulled back."""
    real, moved, mask = torch.rand(3, 1, 3, 64, 64, generator=generator(seed)).round(decimals=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paste_module, "_CLIPPED", 1.0)
        composite = paste(real, mask[:, :1], 3 * moved - 1)
    assert composite.min() >= 0
    assert composite.max() <= 1
