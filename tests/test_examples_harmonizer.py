"""The small harmonizers of examples/harmonizer: their nets, their geometry, loop and command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "harmonizer"))

from colour_map import ColourMapHarmonizer, gather, histograms, moments, regions
from dense import DenseHarmonizer, region_averages
from fit import fit, foreground_points
from geometry import flip_and_crop, resize

EXAMPLE = Path(__file__).parents[1] / "examples" / "harmonizer"


def _pictures(batch: int = 3, height: int = 40, width: int = 56) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(0)
    composite = torch.rand(batch, 3, height, width, generator=draw)
    mask = torch.zeros(batch, 1, height, width)
    mask[:, :, 8:25, 10:40] = 1
    return composite, mask


def _colour_map() -> ColourMapHarmonizer:
    """A net that does something: a new one leaves composites as they are."""
    torch.manual_seed(0)
    net = ColourMapHarmonizer()
    torch.nn.init.normal_(net.map.weight, std=0.05)
    return net.eval()


def _dense() -> DenseHarmonizer:
    """The same, of the other kind."""
    torch.manual_seed(0)
    net = DenseHarmonizer(thumbnail=32)
    for last in (net.whole, net.coarse, net.fine):
        torch.nn.init.normal_(last.weight, std=0.05)
    return net.eval()


Harmonizer = ColourMapHarmonizer | DenseHarmonizer
both = pytest.mark.parametrize("trained_like", [_colour_map, _dense])


@pytest.mark.parametrize("kind", [ColourMapHarmonizer, DenseHarmonizer])
def test_a_new_net_leaves_the_composite_as_it_is(kind: type[Harmonizer]) -> None:
    composite, mask = _pictures()
    assert torch.equal(kind()(composite, mask), composite)


@both
def test_the_background_is_bit_identical(trained_like: Callable[[], Harmonizer]) -> None:
    composite, mask = _pictures()
    changed = (trained_like()(composite, mask) != composite).any(1, keepdim=True)
    assert changed[mask > 0].float().mean() > 0.9
    assert not changed[mask == 0].any()


@both
def test_colours_at_points_are_those_of_the_whole_picture(
    trained_like: Callable[[], Harmonizer],
) -> None:
    composite, mask = _pictures()
    net, points = trained_like(), foreground_points(mask, 50)
    torch.testing.assert_close(
        net(composite, mask, points), gather(net(composite, mask), points), atol=1e-6, rtol=1e-5
    )


@both
def test_a_sample_does_not_depend_on_its_batch(trained_like: Callable[[], Harmonizer]) -> None:
    composite, mask = _pictures()
    net = trained_like()
    torch.testing.assert_close(net(composite, mask)[1:2], net(composite[1:2], mask[1:2]))


@both
@pytest.mark.parametrize("empty", [0.0, 1.0])
def test_a_mask_of_nothing_or_everything_stays_finite(
    trained_like: Callable[[], Harmonizer], empty: float
) -> None:
    composite, mask = _pictures()
    assert trained_like()(composite, torch.full_like(mask, empty)).isfinite().all()


@both
def test_a_soft_edge_is_harmonized_by_its_share(trained_like: Callable[[], Harmonizer]) -> None:
    composite, mask = _pictures()
    net, soft = trained_like(), mask * 0.25
    whole = net(composite, soft, torch.arange(40 * 56).expand(3, -1)).view_as(composite)
    expected = composite + soft * (whole - composite)
    torch.testing.assert_close(net(composite, soft), expected, atol=1e-6, rtol=1e-5)


def test_the_dense_net_has_the_size_it_says() -> None:
    count = sum(weights.numel() for weights in DenseHarmonizer().parameters())
    assert 0.5e6 < count < 2e6
    assert round(count / 1e6, 1) == 0.7


def test_averages_of_features_are_those_of_each_region() -> None:
    features = torch.rand(3, 5, 10, 14, generator=torch.Generator().manual_seed(1))
    _, mask = _pictures()
    found = region_averages(features, mask)
    small = torch.nn.functional.avg_pool2d(mask, 4)
    for side, share in enumerate((small, 1 - small)):
        average = (features * share).sum((2, 3)) / share.sum((2, 3))
        torch.testing.assert_close(found[:, side::2], average, atol=1e-3, rtol=1e-3)


def test_a_dense_change_varies_across_the_foreground() -> None:
    composite, mask = torch.full((1, 3, 32, 32), 0.5), torch.zeros(1, 1, 32, 32)
    mask[:, :, 4:28, 4:28] = 1
    composite[:, :, :, 16:] = 0.8
    moved = (_dense()(composite, mask) - composite)[mask.bool().expand_as(composite)]
    assert moved.unique().numel() > 100


def test_a_dense_change_is_enlarged_to_the_picture() -> None:
    composite, mask = _pictures(2, 100, 72)
    net = _dense()
    change = net.changes(composite, mask)
    assert change.shape == (2, 6, 32, 32)
    large = torch.nn.functional.interpolate(change, (100, 72), mode="bilinear")
    expected = composite + mask * (composite * large[:, :3] + large[:, 3:])
    torch.testing.assert_close(net(composite, mask), expected)


def test_a_size_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16, to be halved once a level, got 100"):
        DenseHarmonizer(thumbnail=100)


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


@pytest.mark.parametrize(
    "net",
    [ColourMapHarmonizer(), pytest.param(DenseHarmonizer(thumbnail=32), marks=pytest.mark.slow)],
)
def test_a_loop_learns_to_undo_a_darker_foreground(net: Harmonizer) -> None:
    torch.manual_seed(0)
    real, mask = _pictures(8, 32, 32)
    composite = real * (1 - 0.5 * mask)
    losses = list(fit(net, [(composite, real, mask)] * 60, 60))
    assert losses[-1] < losses[0] / 20


@pytest.mark.slow
def test_the_dense_net_undoes_a_shadow_that_one_colour_map_cannot() -> None:
    real, mask = _pictures(8, 32, 32)
    shade = torch.linspace(0.3, 1, 32).expand(8, 1, 32, 32)
    batches = [(torch.lerp(real, real * shade, mask), real, mask)] * 60
    left = {}
    for net in (ColourMapHarmonizer(), DenseHarmonizer(thumbnail=32)):
        torch.manual_seed(0)
        left[type(net)] = list(fit(net, batches, 60))[-1]
    assert left[DenseHarmonizer] < left[ColourMapHarmonizer] / 2


@pytest.mark.slow
@pytest.mark.parametrize("harmonizer", ["colour-map", "dense"])
def test_the_command_trains_each_harmonizer_on_the_packaged_photos(
    tmp_path: Path, harmonizer: str
) -> None:
    command = [sys.executable, str(EXAMPLE / "train.py"), "--steps", "2", "--image-size", "32"]
    command += ["--harmonizer", harmonizer, "--out", str(tmp_path / "net.pt")]
    places = [str(EXAMPLE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "on the training photos" in done.stdout
    net = {"colour-map": ColourMapHarmonizer, "dense": DenseHarmonizer}[harmonizer](thumbnail=32)
    net.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))


def test_fabric_trains_as_no_fabric_does() -> None:
    fabric_module = pytest.importorskip("lightning_fabric")
    real, mask = _pictures(4, 32, 32)
    batches = [(real * (1 - 0.5 * mask), real, mask)] * 5
    curves = []
    for fabric in (None, fabric_module.Fabric(accelerator="cpu", devices=1)):
        torch.manual_seed(0)
        curves.append(list(fit(ColourMapHarmonizer(), batches, 5, fabric=fabric)))
    torch.testing.assert_close(torch.tensor(curves[0]), torch.tensor(curves[1]))
