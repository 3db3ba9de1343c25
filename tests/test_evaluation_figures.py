import numpy as np
import pytest
import torch
from evaluation_doubles import FixedDraws, generator, small_net
from photo_folders import write_folder

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.figures import (
    OVERALL,
    active_dimensions,
    kl_divergence,
    summarize,
)
from harmaug.evaluation.measure import measure
from harmaug.evaluation.samplers import CheckpointSampler
from harmaug.training import losses

NET = small_net()
SAMPLERS = {
    "net": CheckpointSampler(SycoNetAugment(NET)),
    "true": FixedDraws(["composite"]),
    "photo": FixedDraws(["real"], 0.5),
    "both": FixedDraws(["real", "composite"]),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_folder(root / "one", photos=5, composites=2)
    write_folder(root / "two", photos=4, composites=1, seed=1)
    return HarmonyFolder(root, size=32)


@pytest.fixture(scope="module")
def measured(folder):
    return measure(NET, folder, {"one": SAMPLERS, "two": SAMPLERS}, draws=4)


@pytest.fixture(scope="module")
def figures(measured):
    return summarize(measured)


def test_kl_is_that_of_torch_distributions_and_the_loss_of_training():
    mean, log_variance = torch.randn(2, 7, 3, generator=generator()).double()
    found = kl_divergence(mean.numpy(), log_variance.exp().numpy())
    normal = torch.distributions.Normal
    posterior, prior = normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(1)
    np.testing.assert_allclose(found, expected)
    assert found.mean() == pytest.approx(losses.kl_divergence(mean, log_variance).sum().item())


def test_a_dimension_that_never_moves_is_not_active():
    code = np.random.default_rng(0).normal(size=(40, 3)) * [1, 0.05, 0.2]
    assert active_dimensions(code).tolist() == [True, False, True]


def test_subsets_stand_beside_the_whole(figures):
    assert list(figures) == [OVERALL, "one", "two"]
    assert [found["pairs"] for found in figures.values()] == [14, 10, 4]
    assert [found["scenes"] for found in figures.values()] == [9, 5, 4]


@pytest.mark.slow
def test_a_single_subset_stands_alone(measured, folder):
    one = HarmonyFolder(folder.root / "one", size=32)
    assert list(summarize(measure(NET, one, {"one": SAMPLERS}, draws=2))) == ["one"]


def test_planted_draws_have_the_figures_they_must_have(figures):
    for found in figures.values():
        true, photo, both = (found["draws"][name] for name in ("true", "photo", "both"))
        assert true["coverage"] == both["coverage"] == (0, 0, 0)
        assert true["strength"] == pytest.approx((1, 1, 1))
        assert true["frechet"] == pytest.approx((0, 0, 0), abs=1e-2)
        assert photo["strength"] == (0, 0, 0)
        assert photo["coverage"] == pytest.approx(found["composites"]["fMSE"])
        assert photo["roughness"] == (0.5, 0.5, 0.5)
        assert np.allclose(photo["shift"]["covariance"], 0)
        assert true["shift"]["mean"] == pytest.approx(
            found["composites"]["shift"]["mean"], abs=1e-3
        )
        assert photo["frechet"].value > 1
        net = found["draws"]["net"]
        assert net["checkpoint_coverage_over_this"] == (1, 1, 1)
        assert photo["checkpoint_coverage_over_this"].value == pytest.approx(
            net["coverage"].value / photo["coverage"].value
        )
        assert found["reconstruction"]["over_limit"].value >= 0.999


def test_figures_do_not_hang_on_other_subsets(figures, folder):
    two = HarmonyFolder(folder.root / "two", size=32)
    alone = summarize(measure(NET, two, {"two": SAMPLERS}, draws=4))["two"]
    assert str(alone) == str(figures["two"])


def test_one_pair_has_no_spread(folder):
    one = HarmonyFolder(folder.root, size=32)
    one.items = one.items[:1]
    found = summarize(measure(NET, one, {"one": SAMPLERS}, draws=4))["one"]
    assert np.isnan(found["draws"]["net"]["frechet"].value)
    assert found["composites"]["shift"]["covariance"] is None
    assert found["latent"]["active"] is None
