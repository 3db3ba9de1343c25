"""Fitting a LUT basis."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import torch

from harmaug.lut import identity_lut, lut_roughness, resize_lut
from harmaug.training.basis import (
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
def fitted(collection, heldout):
    return fit_basis(collection, 6, heldout=heldout, steps=500, generator=generator())


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
    assert fitted.basis.shape == (6, 3, 7, 7, 7)
    untouched = lut_rmse(identity_lut(7).repeat(2, 1, 1, 1, 1), collection).median()
    assert untouched > 4
    assert fitted.train_rmse.shape == (100,)
    assert fitted.heldout_rmse.shape == (30,)
    assert fitted.train_rmse.median() < 0.2
    assert fitted.heldout_rmse.median() < 0.2
    assert fitted.heldout_rmse.max() < untouched


def test_the_errors_reported_are_those_of_the_basis(fitted, collection, heldout):
    torch.testing.assert_close(fitted.train_rmse, lut_rmse(fitted.basis, collection))
    torch.testing.assert_close(fitted.heldout_rmse, lut_rmse(fitted.basis, heldout))


def test_heldout_luts_are_not_learnt_from(collection, fitted):
    other = identity_lut(7) + bends(5, seed=9)
    again = fit_basis(collection, 6, heldout=other, steps=500, generator=generator())
    assert torch.equal(again.basis, fitted.basis)
    assert again.heldout_rmse.median() > 4
    alone = fit_basis(collection, 6, steps=2, generator=generator())
    assert alone.heldout_rmse.shape == (0,)


def test_the_generator_alone_decides(collection, fitted):
    state = torch.get_rng_state()
    first = fit_basis(collection, 4, steps=20, generator=generator(1))
    assert torch.equal(torch.get_rng_state(), state), "the global stream is left alone"
    torch.rand(1)
    again = fit_basis(collection, 4, steps=20, generator=generator(1))
    assert torch.equal(again.basis, first.basis)


def test_stretching_widens_the_hull(collection):
    spreads = []
    for stretch in (1.0, 1.5):
        fit = fit_basis(collection, 6, stretch=stretch, steps=200, generator=generator())
        spreads.append((fit.basis - identity_lut(7)).square().mean())
    assert spreads[1] > 1.5 * spreads[0]


def test_smoothness_makes_smooth_luts(collection):
    rough = collection + 0.1 * torch.randn(collection.shape, generator=generator(3))
    bumps = [
        lut_roughness(
            fit_basis(rough, 6, smoothness=s, steps=200, generator=generator()).basis
        ).mean()
        for s in (0.0, 1e-2)
    ]
    assert bumps[1] < 0.5 * bumps[0]


def test_colours_that_photos_use_are_fitted_better(collection):
    rough = collection + 0.1 * torch.randn(collection.shape, generator=generator(3))
    dark = torch.zeros(7, 7, 7)
    dark[:3, :3, :3] = 1
    options = {"count": 4, "steps": 200, "smoothness": 0.0}
    errors = [
        lut_rmse(fit_basis(rough, usage=u, generator=generator(), **options).basis, rough, dark)
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
    assert fit.basis.isfinite().all()
    assert fit.train_rmse.max() < 25


@pytest.mark.parametrize("count", [-1, 0, 1, 101])
def test_a_count_that_cannot_be_is_refused(collection, count):
    with pytest.raises(ValueError, match=f"between 2 and the 100 LUTs given, got {count}"):
        fit_basis(collection, count)


def test_a_stretch_that_cannot_be_is_refused(collection):
    with pytest.raises(ValueError, match="stretch must be above 0, got 0"):
        fit_basis(collection, 3, stretch=0)


def test_inputs_are_not_written_to(collection, heldout):
    usage = torch.rand(7, 7, 7, generator=generator())
    before = [tensor.clone() for tensor in (collection, heldout, usage)]
    fit_basis(collection, 3, heldout=heldout, usage=usage, steps=5)
    for tensor, copy in zip((collection, heldout, usage), before, strict=True):
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
