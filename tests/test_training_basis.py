"""Fitting a LUT basis, and the collection it is fitted to."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch
from photo_folders import write_folder
from PIL import Image

from harmaug.lut import identity_lut, lut_roughness, resize_lut
from harmaug.recipes import Transforms
from harmaug.training.basis import (
    collect,
    colour_usage,
    farthest_points,
    fit_basis,
    lut_rmse,
    node_weights,
    subspace_rmse,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def bends(count, size=7, seed=0):
    return resize_lut(0.3 * (torch.rand(count, 3, 3, 3, 3, generator=generator(seed)) - 0.5), size)


@pytest.fixture(scope="module")
def corners():
    """Six LUTs around the identity."""
    bend = bends(3)
    return identity_lut(7) + torch.cat((bend, -bend))


def mixtures(corners, count, seed=1):
    share = torch.rand(count, len(corners), generator=generator(seed)) ** 3
    share = share / share.sum(1, keepdim=True)
    return torch.einsum("nk,kcbgr->ncbgr", share, corners)


@pytest.fixture(scope="module")
def collection(corners):
    return mixtures(corners, 100)


@pytest.fixture(scope="module")
def heldout(corners):
    return mixtures(corners, 30, seed=2)


@pytest.fixture(scope="module")
def fitted(collection):
    return fit_basis(collection, 6, steps=500, generator=generator())


# The error


def test_rmse_is_the_distance_to_the_nearest_convex_mixture(corners):
    targets = identity_lut(7) + bends(4, seed=5)
    found = lut_rmse(corners, targets)
    columns = corners.flatten(1).double().numpy().T
    for target, rmse in zip(targets.flatten(1).double().numpy(), found, strict=True):
        left = np.vstack((columns, np.full((1, 6), 1e4)))
        weights, _ = scipy.optimize.nnls(left, np.append(target, 1e4))
        expected = np.sqrt(np.mean((columns @ (weights / weights.sum()) - target) ** 2)) * 255
        assert abs(float(rmse) - expected) < 0.01


def test_rmse_of_a_constant_offset_is_that_offset():
    basis = identity_lut(5).repeat(2, 1, 1, 1, 1)
    usage = torch.rand(5, 5, 5, generator=generator())
    for weights in (None, usage, 1000 * usage):
        found = lut_rmse(basis, identity_lut(5)[None] + 10 / 255, weights)
        torch.testing.assert_close(found, torch.tensor([10.0]), rtol=1e-3, atol=1e-3)


def test_rmse_counts_the_colours_that_photos_use():
    target = identity_lut(5)[None].clone()
    target[:, :, 0, 0, 0] += 0.5  # black alone
    usage = torch.zeros(5, 5, 5)
    usage[0, 0, 0] = 1
    basis = identity_lut(5).repeat(2, 1, 1, 1, 1)
    torch.testing.assert_close(lut_rmse(basis, target, usage), torch.tensor([127.5]))
    assert lut_rmse(basis, target) < 20
    assert lut_rmse(basis, target, 1 - usage) < 1e-3


def test_mixtures_of_the_basis_have_no_error(corners, collection):
    assert lut_rmse(corners, collection).max() < 0.2
    assert lut_rmse(corners, collection[:0]).shape == (0,)


def test_the_subspace_is_a_bound_for_every_basis(collection, heldout, fitted):
    whole = subspace_rmse(collection, heldout, 3)
    assert whole.max() < 0.05  # the collection has three directions
    narrow = subspace_rmse(collection, heldout, 1)
    assert (narrow > whole).all()
    centred = collection.flatten(1).double()
    mean = centred.mean(0)
    _, _, axes = np.linalg.svd((centred - mean).numpy(), full_matrices=False)
    left = (heldout.flatten(1).double() - mean).numpy()
    left = left - left @ axes[:1].T @ axes[:1]
    np.testing.assert_allclose(narrow, np.sqrt((left**2).mean(1)) * 255, rtol=1e-3)


def test_node_weights_sum_to_one_and_follow_usage():
    usage = torch.rand(4, 4, 4, generator=generator())
    for weights in (node_weights(None, 4), node_weights(usage, 4), node_weights(usage, 4, 0)):
        assert weights.shape == (3 * 4**3,)
        torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
        assert weights.min() >= 0
    assert node_weights(None, 4).std() == 0
    following = node_weights(usage, 4, 0).view(3, 4, 4, 4) * 3
    torch.testing.assert_close(following, (usage / usage.sum()).expand(3, 4, 4, 4))
    half = (node_weights(usage, 4, 0) + node_weights(None, 4)) / 2
    torch.testing.assert_close(node_weights(usage, 4, 0.5), half)


# The fit


def test_a_basis_recovers_the_mixtures_it_can_hold(fitted, collection, heldout):
    assert fitted.shape == (6, 3, 7, 7, 7)
    train, aside = lut_rmse(fitted, collection), lut_rmse(fitted, heldout)
    untouched = lut_rmse(identity_lut(7).repeat(2, 1, 1, 1, 1), collection).median()
    assert untouched > 4
    assert train.shape == (100,)
    assert aside.shape == (30,)
    assert train.median() < 0.2
    assert aside.median() < 0.2
    assert aside.max() < untouched


def test_the_generator_alone_decides(collection, fitted):
    state = torch.get_rng_state()
    first = fit_basis(collection, 4, steps=20, generator=generator(1))
    assert torch.equal(torch.get_rng_state(), state), "the global stream is left alone"
    torch.rand(1)
    again = fit_basis(collection, 4, steps=20, generator=generator(1))
    assert torch.equal(again, first)


def test_stretching_widens_the_hull(collection):
    spreads = []
    for stretch in (1.0, 1.5):
        fit = fit_basis(collection, 6, stretch=stretch, steps=200, generator=generator())
        spreads.append((fit - identity_lut(7)).square().mean())
    assert spreads[1] > 1.5 * spreads[0]


def test_smoothness_makes_smooth_luts(collection):
    rough = collection + 0.1 * torch.randn(collection.shape, generator=generator(3))
    bumps = [
        lut_roughness(fit_basis(rough, 6, smoothness=s, steps=200, generator=generator())).mean()
        for s in (0.0, 1e-2)
    ]
    assert bumps[1] < 0.5 * bumps[0]


def test_colours_that_photos_use_are_fitted_better(collection):
    rough = collection + 0.1 * torch.randn(collection.shape, generator=generator(3))
    dark = torch.zeros(7, 7, 7)
    dark[:3, :3, :3] = 1
    options = {"count": 4, "steps": 200, "smoothness": 0.0}
    errors = [
        lut_rmse(fit_basis(rough, usage=u, generator=generator(), **options), rough, dark)
        for u in (None, dark)
    ]
    assert errors[1].mean() < errors[0].mean()


@pytest.mark.parametrize(
    ("luts", "count"),
    [
        (identity_lut(5) + bends(2, 5), 2),
        ((identity_lut(5) + bends(1, 5)).repeat(10, 1, 1, 1, 1), 3),
        (identity_lut(5).repeat(6, 1, 1, 1, 1), 2),
        (identity_lut(5) + bends(4, 5)[[0] * 20 + [1, 2, 3]], 3),
    ],
    ids=["two", "all equal", "identities", "many equal"],
)
def test_small_and_repetitive_collections_are_fitted(luts, count):
    fit = fit_basis(luts, count, steps=50, generator=generator())
    assert fit.isfinite().all()
    assert lut_rmse(fit, luts).max() < 25


@pytest.mark.parametrize("count", [-1, 0, 1, 101])
def test_a_count_that_cannot_be_is_refused(collection, count):
    with pytest.raises(ValueError, match=f"between 2 and the 100 LUTs given, got {count}"):
        fit_basis(collection, count)


def test_a_stretch_that_cannot_be_is_refused(collection):
    with pytest.raises(ValueError, match="stretch must be above 0 and at most 10, got 0"):
        fit_basis(collection, 3, stretch=0)


def test_inputs_are_not_written_to(collection):
    usage = torch.rand(7, 7, 7, generator=generator())
    before = [tensor.clone() for tensor in (collection, usage)]
    fit_basis(collection, 3, usage=usage, steps=5)
    for tensor, copy in zip((collection, usage), before, strict=True):
        assert torch.equal(tensor, copy)


# The start


def test_each_point_is_the_farthest_from_those_before_it():
    points = torch.randn(40, 3, generator=generator())
    chosen = farthest_points(points, 8, generator())
    assert len(set(chosen.tolist())) == 8
    for k in range(1, 8):
        gaps = torch.cdist(points, points[chosen[:k]]).amin(1)
        assert gaps[chosen[k]] == gaps.max()
    assert torch.equal(farthest_points(points, 8, generator()), chosen)
    assert sorted(farthest_points(points, 40).tolist()) == list(range(40))


# The collection


def polynomials(count):
    """Lights that are gains: the linear terms of `map_illuminant`."""
    maps = torch.zeros(count, 3, 11)
    maps[:, range(3), range(3)] = torch.linspace(0.8, 1.2, count).unsqueeze(1)
    return maps


def test_every_kind_there_is_is_collected_and_a_tenth_held_out():
    transforms = Transforms(
        looks=torch.rand(40, 3, 5, 5, 5),
        white_balance=torch.eye(9, 3).repeat(30, 1, 1),
        to_standard=polynomials(20),
        from_standard=polynomials(20),
    )
    learnt, heldout = (collect(part, 5, 25, generator()) for part in transforms.split(10))
    assert {kind: len(luts) for kind, luts in learnt.items()} == {
        "looks": 36,
        "illuminant": 25,
        "white balance": 25,
        "tone": 25,
    }
    assert heldout["looks"].equal(transforms.looks[9::10])
    assert heldout.keys() == learnt.keys()
    for luts in (*learnt.values(), *heldout.values()):
        assert luts.shape[1:] == (3, 5, 5, 5)
        assert luts.isfinite().all()


def test_looks_alone_can_be_collected_but_not_nothing():
    looks = torch.rand(12, 3, 5, 5, 5)
    found = collect(Transforms(looks=looks), 5, renderings=0)
    assert found.keys() == {"looks"}
    assert found["looks"].equal(looks)
    with pytest.raises(ValueError, match="nothing to fit a basis to"):
        collect(Transforms(), 5, renderings=0)


def test_the_same_generator_gives_the_same_collection():
    first, second = (collect(Transforms(), 5, 8, generator(4))["tone"] for _ in range(2))
    assert first.equal(second)


def test_usage_counts_colours_around_their_nodes(tmp_path):
    root = write_folder(tmp_path / "set", photos=12)
    for path in (root / "real_images").iterdir():
        Image.fromarray(np.full((32, 32, 3), (255, 128, 0), np.uint8)).save(path)
    usage = colour_usage([root], size=5)
    assert usage.shape == (5, 5, 5)
    assert usage.sum().item() == pytest.approx(1)
    assert usage[0, 2, 4] > 0  # blue 0, green a half, red full
    blue, green, red = usage.nonzero().unbind(1)
    assert blue.max() <= 1
    assert green.min() >= 1
    assert green.max() <= 3
    assert red.min() >= 3
