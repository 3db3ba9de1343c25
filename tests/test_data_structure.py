"""Structure of frames: what light changes of it, and the shifts that it tells."""

import pytest
import torch
from aligned_scenes import make_frames
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harmaug.data.structure import Agreement, compare, edge_fields, measure_shifts


def frames(count=4, seed=0):
    return torch.from_numpy(make_frames(count, seed)).permute(0, 3, 1, 2).float()


def test_edges_are_no_longer_than_one_and_none_in_flat_frames():
    fields = edge_fields(frames())
    assert fields.shape == (2, 4, 2, 96, 96)
    lengths = fields.square().sum(2)
    assert lengths.max() <= 1 + 1e-5
    assert edge_fields(torch.full((2, 3, 20, 20), 0.4)).abs().max() < 1e-4


def test_gain_leaves_strong_edges_and_turned_contrast_the_second_field():
    image = frames(1)[..., 24:72, :] * 0.5
    plain, brighter, turned = (edge_fields(x)[:, 0] for x in (image, 1.8 * image, 1 - image))
    strong = plain[0].square().sum(0) > 0.9
    assert (plain - brighter).abs()[:, :, strong].max() < 0.15
    torch.testing.assert_close(turned[0], -plain[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(turned[1], plain[1], atol=1e-3, rtol=0)


def test_products_are_those_with_the_sum_of_all_others():
    fields = torch.randn(2, 5, 2, 6, 7, generator=torch.Generator().manual_seed(0))
    found = compare(fields)
    for row in range(5):
        own = fields[:, row]
        others = fields[:, [k for k in range(5) if k != row]].sum(1)
        torch.testing.assert_close(found.own[:, row], own.square().sum(1))
        torch.testing.assert_close(found.shared[:, row], (own * others).sum(1))
        torch.testing.assert_close(
            found.others[:, row], others.square().sum(1), atol=1e-4, rtol=1e-4
        )
    weights = torch.rand(42, 3)
    pooled = found.pooled(weights)
    expected = torch.einsum("fthw,hwk->ftk", found.shared, weights.view(6, 7, 3))
    torch.testing.assert_close(pooled.shared, expected)


def test_frames_that_agree_correlate_and_noise_does_not():
    image = frames(1)
    noise = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    fields = edge_fields(torch.cat((image, 0.7 * image, 0.9 * image, noise)))
    pooled = compare(fields).pooled(torch.ones(96 * 96, 1))
    alike = pooled.correlation()[:, 0]
    assert alike[:3].min() > 0.8
    assert alike[3] < 0.1
    nothing = Agreement(*(torch.zeros(2, 3, 1) for _ in range(3)))
    assert nothing.correlation().abs().max() == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(-16, 16), st.integers(-16, 16), st.integers(0, 100))
@example(16, 16, 1)  # the farthest that is searched, with neighbours beyond
def test_whole_shifts_are_found_exactly(down, across, seed):
    image = frames(1, seed)
    moved = torch.roll(image, (down, across), (2, 3))
    shifts, sure, _ = measure_shifts(edge_fields(torch.cat((image, image, 0.8 * image, moved))))
    assert shifts[3].tolist() == pytest.approx([down, across], abs=0.1)
    assert shifts[:3].abs().max() < 0.3  # the moved frame pulls them a little
    assert sure.min() > 0.5


def test_shifts_of_parts_of_a_pixel_are_found():
    image = torch.nn.functional.interpolate(frames(1), scale_factor=4, mode="bilinear")
    shrink = torch.nn.AvgPool2d(4)
    moved = shrink(torch.roll(image, 6, 3))  # a pixel and a half
    shifts, _, _ = measure_shifts(edge_fields(torch.cat((*[shrink(image)] * 3, moved))))
    assert shifts[3].tolist() == pytest.approx([0, 1.5], abs=0.2)


def test_a_frame_of_something_else_is_not_sure_of_its_shift():
    noise = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    _, sure, here = measure_shifts(edge_fields(torch.cat((*[frames(1)] * 3, noise))))
    assert sure[3] < 0.15
    assert sure[:3].min() > 0.8
    assert here[:3].equal(sure[:3])


@pytest.mark.parametrize("size", [(3, 3), (4, 9), (20, 12)])
def test_small_frames_are_measured_too(size):
    draw = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(2))
    shifts, sure, _ = measure_shifts(edge_fields(draw))
    assert shifts.isfinite().all()
    assert sure.isfinite().all()
