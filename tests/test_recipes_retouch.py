"""Retouching: strength scales every part of it."""

from __future__ import annotations

import torch
from recipe_inputs import generator, looks, photos, white_balance

from harmaug.recipes import Filters, Retouch


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
