import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.evaluation.bootstrap import (
    Estimate,
    SceneBootstrap,
    frechet_distance,
    moments,
    number,
    weighted_mean,
    weighted_median,
)

NAN = math.nan
sizes = st.integers(1, 12)


def covariance(random, size=3):
    root = random.normal(size=(size, size))
    return root @ root.T


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), sizes, st.integers(1, 4))
def test_integer_weights_are_repeated_samples(seed, count, columns):
    random = np.random.default_rng(seed)
    values = random.integers(0, 6, (count, columns)).astype(float)
    weights = random.integers(0, 4, (7, count)).astype(float)
    weights[0] = 1
    weights[:, 0] += 1
    repeated = [np.repeat(values, row.astype(int), 0) for row in weights]
    np.testing.assert_allclose(
        weighted_median(values, weights), [np.median(each) for each in repeated]
    )
    np.testing.assert_allclose(weighted_mean(values, weights), [each.mean() for each in repeated])


def test_one_value_a_sample_needs_no_second_axis():
    values, weights = np.array([3.0, 1.0, 2.0]), np.ones((1, 3))
    assert weighted_median(values, weights) == [2]
    assert weighted_mean(values, weights) == [2]


def test_nan_is_left_out_and_infinity_is_not():
    weights = np.array([[1.0, 1, 1], [1, 1, 0]])
    values = np.array([1.0, np.nan, 5.0])
    assert weighted_mean(values, weights).tolist() == [3, 1]
    assert weighted_median(values, weights).tolist() == [3, 1]
    infinite = np.array([1.0, 3.0, np.inf])
    assert weighted_mean(infinite, weights).tolist() == [np.inf, 2]
    assert np.isnan(weighted_median(np.full(3, np.nan), weights)).all()


def test_the_tables_of_weights_may_be_cut_in_pieces(monkeypatch):
    random = np.random.default_rng(0)
    values, weights = random.normal(size=(20, 3)), random.integers(0, 3, (50, 20)).astype(float)
    whole = weighted_median(values, weights)
    monkeypatch.setattr("harmaug.evaluation.bootstrap._CELLS", 100)
    np.testing.assert_array_equal(weighted_median(values, weights), whole)


def test_whole_scenes_are_drawn():
    boot = SceneBootstrap(["a", "b", "a", "c", "b", "a"], resamples=50)
    assert boot.scenes == 3
    assert boot.weights.shape == (50, 6)
    np.testing.assert_array_equal(boot.weights[:, 0], boot.weights[:, 2])
    np.testing.assert_array_equal(boot.weights[:, 1], boot.weights[:, 4])
    np.testing.assert_array_equal(boot.weights[:, [0, 1, 3]].sum(1), 3)
    assert len(np.unique(boot.weights, axis=0)) > 5


def test_intervals_of_independent_samples_are_those_of_scipy():
    values = np.random.default_rng(1).exponential(size=60)
    ours = SceneBootstrap(range(60), resamples=4000)(lambda w: weighted_mean(values, w))
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", random_state=0
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, rel=0.03)
    assert ours.high == pytest.approx(theirs.high, rel=0.03)


def test_scenes_of_like_samples_make_wider_intervals():
    random = np.random.default_rng(2)
    values = (random.normal(size=(8, 1)) + 0.1 * random.normal(size=(8, 20))).ravel()
    by_scene = SceneBootstrap(np.repeat(np.arange(8), 20).tolist())
    alone = SceneBootstrap(range(160))
    widths = [
        found.high - found.low
        for found in (boot(lambda w: weighted_median(values, w)) for boot in (by_scene, alone))
    ]
    assert widths[0] > 2 * widths[1]


def test_ratios_share_their_draws():
    values = np.random.default_rng(3).exponential(size=30)
    boot = SceneBootstrap(range(30))
    found = boot(lambda w: weighted_mean(2 * values, w) / weighted_mean(values, w))
    assert found == pytest.approx((2, 2, 2))


def test_one_scene_has_no_interval():
    found = SceneBootstrap(["a", "a"])(lambda w: weighted_mean(np.array([1.0, 3.0]), w))
    assert found.value == 2
    assert np.isnan([found.low, found.high]).all()


def test_the_seed_decides():
    scenes = list(range(10))
    draws = [SceneBootstrap(scenes, seed=seed).weights for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_means_medians_and_ratios_are_those_of_numpy():
    random = np.random.default_rng(4)
    values, others = random.exponential(size=(2, 9, 3))
    boot = SceneBootstrap(range(9))
    assert boot.mean(values).value == pytest.approx(values.mean())
    assert boot.median(values).value == pytest.approx(np.median(values))
    ratio = np.median(values) / np.median(others)
    assert boot.ratio(values, others).value == pytest.approx(ratio)
    for found in (boot.mean(values), boot.median(values), boot.ratio(values, others)):
        assert found.low < found.value < found.high


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1234"),
        (123.45, "123"),
        (12.345, "12.3"),
        (0.01234, "0.012"),
        (0.0, "0.00"),
        (9.999, "10.00"),
        (NAN, "-"),
        (math.inf, "inf"),
        (Estimate(1.0, 0.5, 2.0), "1.00 [0.500, 2.00]"),
        (Estimate(1.0, NAN, NAN), "1.00"),
    ],
)
def test_figures_have_three_digits_and_their_interval(value, text):
    assert number(value) == text
