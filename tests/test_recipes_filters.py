import colorsys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.recipes.filters import FILTER_RANGES, RandomFilters, apply_filters, draw_filters


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def picture(seed=0, batch=2, side=12):
    return torch.rand(batch, 3, side, side, generator=generator(seed))


def amounts(batch=2, **chosen):
    assert chosen.keys() <= FILTER_RANGES.keys()
    return torch.tensor([[chosen.get(name, 0.0) for name in FILTER_RANGES]]).repeat(batch, 1)


def filtered(image, **chosen):
    return apply_filters(image, image, amounts(len(image), **chosen))


def test_no_amount_changes_nothing():
    torch.testing.assert_close(filtered(picture()), picture(), atol=2e-6, rtol=0)


@pytest.mark.parametrize("amount", [-0.5, -0.2, 0.3, 0.5])
def test_brightness_scales_the_value_of_hsv(amount):
    image = picture()
    gain = 1 + amount if amount < 0 else 1 / (1 - amount)
    for before, after in pixels(image, filtered(image, brightness=amount)):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        expected = colorsys.hsv_to_rgb(hue, saturation, value * gain)
        assert after == pytest.approx([min(v, 1) for v in expected], abs=1e-4)


@pytest.mark.parametrize("amount", [-0.6, -0.3, 0.2, 0.6])
def test_saturation_moves_the_saturation_of_hsl_and_keeps_its_lightness(amount):
    image = picture()
    for before, after in pixels(image, filtered(image, saturation=amount)):
        hue, lightness, saturation = colorsys.rgb_to_hls(*before)
        wanted = saturation * (1 + amount) if amount < 0 else min(saturation / (1 - amount), 1)
        assert after == pytest.approx(colorsys.hls_to_rgb(hue, lightness, wanted), abs=1e-3)


def test_contrast_spreads_about_the_mean_of_the_photo():
    image = 0.4 + 0.2 * picture(batch=1)
    middle = image.mean()
    flat, steep = filtered(image, contrast=-0.5), filtered(image, contrast=0.5)
    torch.testing.assert_close(flat, middle + (image - middle) / 2)
    torch.testing.assert_close(steep, middle + (image - middle) * 2)


def test_shadow_and_highlight_are_powers_from_either_end():
    image = picture()
    torch.testing.assert_close(filtered(image, shadow=0.3), image**0.7, atol=1e-5, rtol=0)
    expected = 1 - (1 - image) ** 0.7
    torch.testing.assert_close(filtered(image, highlight=-0.3), expected, atol=1e-5, rtol=0)


def test_temperature_trades_red_for_blue():
    image = 0.3 + 0.2 * picture()
    before = image.mean((0, 2, 3))
    warm, cold = (filtered(image, temperature=a).mean((0, 2, 3)) - before for a in (0.2, -0.2))
    assert warm[0] > 0 > warm[2]
    assert cold[0] < 0 < cold[2]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 1.6))
def test_any_draw_keeps_to_the_range_and_to_the_foreground(seed, strength):
    real = picture(seed)
    mask = (torch.rand(2, 1, 12, 12, generator=generator(seed)) - 0.3).clamp(0, 1)
    composite = RandomFilters(strength)(real, mask, generator(seed))
    assert composite.isfinite().all()
    assert composite.min() >= 0
    assert composite.max() <= 1
    outside = (mask == 0).expand_as(real)
    assert torch.equal(composite[outside], real[outside])


def test_stronger_ranges_change_more():
    real, mask = picture(batch=64), torch.ones(64, 1, 12, 12)
    changes = [
        (RandomFilters(strength)(real, mask, generator()) - real).square().mean().item()
        for strength in (0.0, 0.3, 0.6, 1.0, 1.5)
    ]
    assert changes[0] < 1e-10
    assert changes == sorted(changes)


def test_a_part_of_a_photo_is_filtered_as_it_is_within_the_whole():
    image, drawn = picture(), draw_filters(2, generator=generator())
    whole = apply_filters(image, image, drawn)
    torch.testing.assert_close(apply_filters(image[..., :3, 4:], image, drawn), whole[..., :3, 4:])


def test_amounts_fill_their_published_ranges():
    drawn = draw_filters(4000, generator=generator())
    for column, limit in zip(drawn.unbind(1), FILTER_RANGES.values(), strict=True):
        assert column.abs().max() <= limit
        assert column.max() > 0.98 * limit
        assert column.min() < -0.98 * limit
    assert draw_filters(4000, strength=9, generator=generator()).abs().max() < 1


def pixels(*images):
    """The colours at the same places of pictures."""
    return zip(
        *(image.permute(0, 2, 3, 1).reshape(-1, 3).tolist() for image in images), strict=True
    )
