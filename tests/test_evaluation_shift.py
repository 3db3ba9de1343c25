import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2lab

from harmaug.evaluation.shift import frechet_distance, mean_lab, moments


def covariance(random, size=3):
    root = random.normal(size=(size, size))
    return root @ root.T


def test_mean_lab_agrees_with_scikit_image():
    random = np.random.default_rng(0)
    image, mask = random.random((9, 7, 3)), random.random((9, 7))
    lab = rgb2lab(image)
    expected = (lab * mask[..., None]).sum((0, 1)) / mask.sum()
    found = mean_lab(
        torch.from_numpy(image).float().permute(2, 0, 1)[None],
        torch.from_numpy(mask).float()[None, None],
    )
    np.testing.assert_allclose(found[0].numpy(), expected, atol=0.02)


def test_mean_lab_of_an_empty_region_is_nan():
    assert mean_lab(torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)).isnan().all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_frechet_distance_agrees_with_scipy(seed):
    random = np.random.default_rng(seed)
    first, second = (covariance(random) for _ in range(2))
    mean, other = random.normal(size=(2, 3))
    root = scipy.linalg.sqrtm(first @ second).real
    expected = ((mean - other) ** 2).sum() + np.trace(first + second - 2 * root)
    found = frechet_distance(mean[None], first[None], other[None], second[None])
    assert found[0] == pytest.approx(np.sqrt(expected), rel=1e-5)


def test_frechet_distance_of_equals_is_0_and_of_moved_ones_the_move():
    random = np.random.default_rng(1)
    mean, spread = random.normal(size=(1, 3)), covariance(random)[None]
    assert frechet_distance(mean, spread, mean, spread)[0] == pytest.approx(0, abs=1e-5)
    moved = mean + np.array([[3.0, 0.0, 4.0]])
    assert frechet_distance(mean, spread, moved, spread)[0] == pytest.approx(5)
    flat = np.zeros((1, 3, 3))  # a single point has no spread
    assert frechet_distance(mean, flat, moved, flat)[0] == pytest.approx(5)
    unknown = np.full((1, 3, 3), np.nan)
    assert np.isnan(frechet_distance(mean, unknown, mean, spread)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(1, 4))
def test_moments_are_those_of_repeated_samples(seed, count, draws):
    random = np.random.default_rng(seed)
    shifts = random.normal(size=(count, draws, 3)) + 1000
    weights = random.integers(0, 3, (4, count)).astype(float)
    weights[:, 0] += 1
    means, covariances = moments(shifts, weights)
    for row, mean, spread in zip(weights, means, covariances, strict=True):
        repeated = np.repeat(shifts, row.astype(int), 0).reshape(-1, 3)
        np.testing.assert_allclose(mean, repeated.mean(0))
        np.testing.assert_allclose(spread, np.cov(repeated.T, bias=True), atol=1e-9)
