"""Held-out pairs and the figures on them."""

import math

import pytest
import torch
from PIL import Image

from harmaug.data import AlignedScene, Timelapse
from harmaug.nets import LiteSycoNet
from harmaug.recipes import Filters
from harmaug.training.heldout import make_heldout, measure, write_sample_sheet
from harmaug.training.pairs import Images, Pairs


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count, composites=False):
    real = torch.randint(60, 200, (count, 3, 8, 8), generator=generator(), dtype=torch.uint8)
    mask = torch.zeros(count, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    return Images(real, mask, torch.where(mask, real // 2, real) if composites else None)


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = LiteSycoNet(latent_dim=3, basis_size=4, lut_size=5, width=16, thumbnail=8)
    net.basis.data.mul_(torch.tensor([0.5, 0.8, 1.2, 2.0]).view(4, 1, 1, 1, 1))
    return net


def test_held_out_pairs_are_made_by_every_recipe_and_read_from_every_subset():
    recipes = {"filters": Filters(), "mild": Filters(0.1)}
    subsets = {"webcam": images(30, composites=True), "filters": images(4, composites=True)}
    kinds = make_heldout(images(5), recipes, subsets, 10, generator())
    sizes = {name: len(pairs.real) for name, pairs in kinds.items()}
    assert sizes == {"filters": 10, "mild": 10, "webcam": 10, "filters pairs": 4}
    again = make_heldout(images(5), recipes, subsets, 10, generator())
    assert all(a.equal(b) for n in kinds for a, b in zip(kinds[n], again[n], strict=True))


def test_aligned_frames_are_a_kind_of_their_own_and_leave_the_draws_of_recipes():
    frames = torch.arange(0, 240, 40, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    mask, usable = torch.ones(1, 8, 8, dtype=torch.bool), torch.ones(6, 1, dtype=torch.bool)
    scenes = Timelapse([AlignedScene("yard", frames, mask, usable)])
    recipes, pairs = {"filters": Filters()}, {"timelapse": images(4, composites=True)}
    kinds = make_heldout(images(5), recipes, pairs, 10, generator(), scenes)
    sizes = {name: len(part.real) for name, part in kinds.items()}
    assert sizes == {"filters": 10, "timelapse": 10, "timelapse pairs": 4}
    without = make_heldout(images(5), recipes, pairs, 10, generator())
    assert kinds["filters"].composite.equal(without["filters"].composite)


def test_figures_by_kind_and_their_score(net):
    kinds = make_heldout(
        images(6), {"filters": Filters()}, {"dark": images(70, composites=True)}, 70, generator()
    )
    figures = measure(net.eval(), kinds, generator(1))
    assert figures.kinds.keys() == {"filters", "dark"}
    dark = figures.kinds["dark"]
    assert dark.pairs == 70
    real, mask, composite = kinds["dark"]
    squared = ((real - composite) * 255).square() * mask
    untouched = squared.sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
    assert dark.composite == pytest.approx(untouched.median().item(), rel=1e-4)
    assert dark.coverage >= 0
    kinds_found = figures.kinds.values()
    logs = [
        math.log(error) for kind in kinds_found for error in (kind.reconstruction, kind.coverage)
    ]
    assert figures.score == pytest.approx(sum(logs) / 4)
    assert measure(net, kinds, generator(1)) == figures


def test_composites_that_are_their_photos_leave_no_strength_to_compare(net):
    real = torch.rand(3, 3, 8, 8)
    pairs = Pairs(real, torch.ones(3, 1, 8, 8), real)
    figures = measure(net.eval(), {"same": pairs}, generator())
    assert figures.kinds["same"].composite == 0
    assert figures.kinds["same"].strength is None
    assert math.isfinite(figures.score)


def test_latent_dimensions_that_no_code_uses_are_not_active(net):
    last = net.encoder[-1]
    with torch.no_grad():
        last.weight[1].zero_()
        last.weight[0].mul_(1e4)
        last.weight[2].mul_(1e4)
    pairs = make_heldout(images(40), {"filters": Filters()}, {}, 40, generator())
    assert measure(net.eval(), pairs, generator()).active == 2


def test_a_single_pair_is_measured_without_a_warning(net, recwarn):
    pairs = {"one": images(1, composites=True).pairs(torch.arange(1))}
    figures = measure(net.eval(), pairs, generator())
    assert figures.kinds["one"].pairs == 1
    assert figures.active == 0
    assert not recwarn.list


@pytest.mark.slow
def test_a_sheet_shows_a_pair_of_each_kind_and_is_always_the_same(net, tmp_path):
    heldout = make_heldout(
        images(6), {"filters": Filters()}, {"dark": images(7, composites=True)}, 5, generator()
    )
    for name in ("first", "second"):
        write_sample_sheet(net.eval(), heldout, tmp_path / "samples" / f"{name}.png")
        torch.rand(3)
    first, second = sorted((tmp_path / "samples").iterdir())
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as sheet:
        assert sheet.width > 9 * 8  # photo, composite, rebuilt, six draws
