"""The small harmonizer of examples/harmonizer: its net, its geometry and its loop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "harmonizer"))

from colour_map import ColourMapHarmonizer, gather, histograms, moments, regions
from fit import fit, foreground_points
from geometry import flip_and_crop, resize


def _pictures(batch: int = 3, height: int = 40, width: int = 56) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(0)
    composite = torch.rand(batch, 3, height, width, generator=draw)
    mask = torch.zeros(batch, 1, height, width)
    mask[:, :, 8:25, 10:40] = 1
    return composite, mask


def _trained_like() -> ColourMapHarmonizer:
    """A net that does something: a new one leaves composites as they are."""
    torch.manual_seed(0)
    net = ColourMapHarmonizer()
    torch.nn.init.normal_(net.map.weight, std=0.05)
    return net.eval()


def test_a_new_net_leaves_the_composite_as_it_is() -> None:
    composite, mask = _pictures()
    assert torch.equal(ColourMapHarmonizer()(composite, mask), composite)


def test_the_background_is_bit_identical() -> None:
    composite, mask = _pictures()
    changed = (_trained_like()(composite, mask) != composite).any(1, keepdim=True)
    assert changed[mask > 0].float().mean() > 0.9
    assert not changed[mask == 0].any()


def test_colours_at_points_are_those_of_the_whole_picture() -> None:
    composite, mask = _pictures()
    net, points = _trained_like(), foreground_points(mask, 50)
    torch.testing.assert_close(
        net(composite, mask, points), gather(net(composite, mask), points), atol=1e-6, rtol=1e-5
    )


def test_a_sample_does_not_depend_on_its_batch() -> None:
    composite, mask = _pictures()
    net = _trained_like()
    torch.testing.assert_close(net(composite, mask)[1:2], net(composite[1:2], mask[1:2]))


@pytest.mark.parametrize("empty", [0.0, 1.0])
def test_a_mask_of_nothing_or_everything_stays_finite(empty: float) -> None:
    composite, mask = _pictures()
    assert _trained_like()(composite, torch.full_like(mask, empty)).isfinite().all()


def test_statistics_are_those_of_each_region() -> None:
    image, mask = _pictures()
    found = moments(image, regions(mask)).view(3, 6, 2)
    for sample in range(3):
        for side, inside in enumerate((mask[sample, 0] > 0, mask[sample, 0] == 0)):
            pixels = image[sample][:, inside]
            expected = torch.cat((pixels.mean(1), pixels.std(1, correction=0)))
            torch.testing.assert_close(found[sample, :, side], expected, atol=1e-4, rtol=1e-3)


def test_histograms_have_mass_one_for_each_channel_and_region() -> None:
    image, mask = _pictures()
    mass = histograms(image, regions(mask)).view(3, 3, -1, 2).sum(2)
    torch.testing.assert_close(mass, torch.ones_like(mass), atol=1e-4, rtol=0)


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_points_are_foreground(seed: int) -> None:
    torch.manual_seed(seed)
    mask = (torch.rand(4, 1, 9, 7) < 0.2).float()
    inside = mask.flatten(1).gather(1, foreground_points(mask, 64))
    assert (inside[mask.flatten(1).any(1)] == 1).all()


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_geometry_keeps_a_sample_together_and_its_foreground(seed: int) -> None:
    torch.manual_seed(seed)
    composite, mask = _pictures(4, 24, 24)
    mask[0], mask[1] = 0, 0
    mask[1, 0, 0, 0] = 1  # in a corner, which most crops lose
    cut = flip_and_crop(torch.cat((composite, composite, mask), 1), 16)
    assert cut.shape == (4, 7, 16, 16)
    assert torch.equal(cut[:, :3], cut[:, 3:6])
    assert (cut[2:, 6].mean((1, 2)) >= 0.005).all()
    assert -1e-6 <= cut.min() <= cut.max() <= 1 + 1e-6


def test_resizing_keeps_whole_frames() -> None:
    composite, _ = _pictures()
    assert resize(composite, 8).shape == (3, 3, 8, 8)
    square = composite[..., :40]
    assert resize(square, 40) is square


def test_a_loop_learns_to_undo_a_darker_foreground() -> None:
    torch.manual_seed(0)
    real, mask = _pictures(8, 32, 32)
    composite = real * (1 - 0.5 * mask)
    losses = list(fit(ColourMapHarmonizer(), [(composite, real, mask)] * 60, 60))
    assert losses[-1] < losses[0] / 20


def test_fabric_trains_as_no_fabric_does() -> None:
    fabric_module = pytest.importorskip("lightning_fabric")
    real, mask = _pictures(4, 32, 32)
    batches = [(real * (1 - 0.5 * mask), real, mask)] * 5
    curves = []
    for fabric in (None, fabric_module.Fabric(accelerator="cpu", devices=1)):
        torch.manual_seed(0)
        curves.append(list(fit(ColourMapHarmonizer(), batches, 5, fabric=fabric)))
    torch.testing.assert_close(torch.tensor(curves[0]), torch.tensor(curves[1]))
