"""Convex fits, against scipy and exhaustive search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.lut import composite_lut, identity_lut, mix_luts, resize_lut
from harmaug.lut.fitting import fit_pair, simplex_least_squares


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def objective(weights, gram, linear):
    return 0.5 * weights @ gram @ weights - weights @ linear


def exact(gram, linear):
    """The minimum over the simplex by trying every support: the best of those that are feasible."""
    count, best = len(linear), np.inf
    for size in range(1, count + 1):
        for support in map(list, itertools.combinations(range(count), size)):
            # Stationary with sum 1: gram w + multiplier = linear.
            left = np.ones((size + 1, size + 1))
            left[:size, :size], left[-1, -1] = gram[np.ix_(support, support)], 0
            right = np.append(linear[support], 1)
            weights = np.zeros(count)
            weights[support] = np.linalg.lstsq(left, right, rcond=None)[0][:size]
            if weights.min() > -1e-9 and abs(weights.sum() - 1) < 1e-9:
                best = min(best, objective(weights, gram, linear))
    return best


def problem(count, rows, seed, condition=1.0):
    """Columns and a target; ``condition`` near 0 makes the columns almost equal."""
    columns = torch.randn(count, rows, generator=generator(seed), dtype=torch.float64)
    columns = columns[:1] + condition * columns
    target = torch.randn(3, rows, generator=generator(seed + 1), dtype=torch.float64)
    return columns, target


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(1, 12), st.integers(0, 10_000))
def test_no_convex_weights_are_better_than_those_found(count, rows, seed):
    columns, target = problem(count, rows, seed)
    gram, linear = columns @ columns.mT, target @ columns.mT
    weights = simplex_least_squares(gram, linear)
    assert weights.min() >= 0
    torch.testing.assert_close(weights.sum(1), torch.ones(3, dtype=torch.float64))
    for row in range(3):
        g, c = gram.numpy(), linear[row].numpy()
        found = objective(weights[row].numpy(), g, c)
        assert found - exact(g, c) < 1e-4 * np.linalg.eigvalsh(g)[-1]


@pytest.mark.parametrize("condition", [1.0, 0.1, 0.01])
def test_large_and_badly_conditioned_problems_are_solved_as_by_scipy(condition):
    columns, target = problem(30, 200, 0, condition)
    gram, linear = columns @ columns.mT, target @ columns.mT
    weights = simplex_least_squares(gram, linear)
    scale = 1e3 * float(np.linalg.norm(columns))  # the sum is 1, as a row of great weight
    for row in range(3):
        left = np.vstack((columns.numpy().T, np.full((1, 30), scale)))
        expected, _ = scipy.optimize.nnls(left, np.append(target[row].numpy(), scale))
        errors = [
            float(np.linalg.norm(w @ columns.numpy() - target[row].numpy()))
            for w in (weights[row].numpy(), expected / expected.sum())
        ]
        assert errors[0] <= errors[1] * (1 + 1e-4)


def test_float32_is_enough_for_luts_that_hardly_differ():
    bends = resize_lut(0.05 * torch.randn(20, 3, 3, 3, 3, generator=generator()), 9)
    basis = (identity_lut(9) + bends).flatten(1) / (3 * 9**3) ** 0.5
    share = torch.rand(50, 20, generator=generator(1)).pow(6)
    target = share / share.sum(1, keepdim=True) @ basis
    weights = simplex_least_squares(basis @ basis.mT, target @ basis.mT)
    rmse = (weights @ basis - target).square().sum(1).sqrt() * 255
    assert rmse.max() < 0.5


def test_problems_are_solved_apart():
    columns, target = problem(5, 10, 0)
    gram, linear = columns @ columns.mT, target @ columns.mT
    together = simplex_least_squares(gram, linear)
    alone = torch.cat([simplex_least_squares(gram, row) for row in linear.split(1)])
    torch.testing.assert_close(together, alone)
    assert simplex_least_squares(gram, linear[:0]).shape == (0, 5)


def test_without_any_evidence_weights_are_equal():
    weights = simplex_least_squares(torch.zeros(4, 4), torch.zeros(2, 4))
    assert torch.equal(weights, torch.full((2, 4), 0.25))


# Pairs


def luts(count=5, size=5, amount=0.2):
    """LUTs that leave [0, 1]."""
    bends = amount * torch.randn(count, 3, 2, 2, 2, generator=generator(3))
    return identity_lut(size) + resize_lut(bends, size)


def pictures(batch=2, size=(24, 30)):
    real = 0.3 + 0.4 * torch.rand(batch, 3, *size, generator=generator())
    mask = torch.zeros(batch, 1, *size)
    mask[:, :, 4:20, 5:25] = 1
    return real, mask


def test_composites_of_a_known_mixture_are_recovered():
    basis, (real, mask) = luts(), pictures()
    share = torch.tensor([[0.6, 0.0, 0.4, 0.0, 0.0], [0.2] * 5])
    composite = composite_lut(real, mask, mix_luts(share, basis))
    assert ((composite > 0) & (composite < 1)).all()
    weights = fit_pair(basis, real, mask, composite)
    torch.testing.assert_close(weights, share, rtol=0, atol=0.02)


def test_no_other_convex_weights_bring_the_photo_nearer():
    """Also where a faint part of the foreground speaks for another LUT than the rest."""
    basis, (real, mask) = luts(), pictures()
    mask[:, :, 12:] *= 0.4
    composite, faint = composite_lut(real, mask, basis[:2].expand(2, -1, -1, -1, -1, -1)).unbind(1)
    composite[:, :, 12:] = faint[:, :, 12:]
    weights = fit_pair(basis, real, mask, composite)
    assert (weights[:, :2] > 0.05).all()

    def error(candidate):
        rebuilt = composite_lut(real, mask, mix_luts(candidate, basis))
        return ((rebuilt - composite).square() * mask).flatten(1).sum(1)

    best = error(weights)
    for vertex in torch.eye(5):
        for step in (0.02, 0.1, 0.5):
            assert (error(torch.lerp(weights, vertex.expand(2, 5), step)) > best).all()


def test_what_lies_outside_the_mask_does_not_count():
    basis, (real, mask) = luts(), pictures()
    composite = torch.where(mask > 0, real.flip(1), real)
    other = torch.where(mask > 0, composite, torch.rand_like(real))
    expected = fit_pair(basis, real, mask, composite)
    assert torch.equal(fit_pair(basis, real, mask, other), expected)


def test_an_empty_mask_gives_some_convex_weights():
    basis, (real, mask) = luts(), pictures()
    mask[1] = 0
    weights = fit_pair(basis, real, mask, real)
    assert weights.isfinite().all()
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
