import copy

import numpy as np
import pytest
import torch
from evaluation_doubles import FixedDraws, generator, random_pair, small_net
from photo_folders import write_folder
from PIL import Image
from skimage.color import rgb2lab

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.draws import (
    coverage,
    draw_errors,
    reconstruct,
    reconstruction_error,
    strength,
)
from harmaug.evaluation.measure import best_mixture, mean_lab, measure
from harmaug.evaluation.metrics import fmse, psnr
from harmaug.evaluation.pairs import read_pair
from harmaug.evaluation.samplers import CheckpointSampler, Draws

NET = small_net()
SAMPLER = CheckpointSampler(SycoNetAugment(NET))


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "set", photos=4, composites=2)
    return HarmonyFolder(tmp_path / "set", size=32)


def measured(folder, draws=3, **samplers):
    return measure(
        NET, folder, {"set": samplers or {"net": CheckpointSampler(SycoNetAugment(NET))}}, draws
    )


def test_figures_of_true_composites_are_those_of_whole_frames(folder):
    truth = measured(folder).truth
    for row in range(len(folder)):
        real, mask, composite = (image.numpy()[0] for image in read_pair(folder, row))
        square = ((composite - real) * 255) ** 2
        assert truth.to_photo[row, 0] == pytest.approx(
            (square * mask).sum() / 3 / mask.sum(), rel=1e-4
        )
        moved = rgb2lab(composite, channel_axis=0) - rgb2lab(real, channel_axis=0)
        shift = (moved * mask).sum((1, 2)) / mask.sum()
        np.testing.assert_allclose(truth.shift[row, 0], shift, atol=0.02)


@pytest.mark.slow
def test_a_draw_that_is_the_composite_covers_it(folder):
    drawn = measured(folder, known=FixedDraws(["real", "composite"])).drawn["known"]
    truth = measured(folder).truth
    np.testing.assert_allclose(drawn.to_composite.min(1), 0)
    np.testing.assert_allclose(drawn.to_composite[:, 0], truth.to_photo[:, 0])
    np.testing.assert_allclose(drawn.to_photo[:, 1], truth.to_photo[:, 0])
    np.testing.assert_allclose(drawn.to_photo[:, 0], 0)
    np.testing.assert_allclose(drawn.shift[:, 1], truth.shift[:, 0], atol=1e-4)
    np.testing.assert_allclose(drawn.clipped[:, 1], truth.clipped[:, 0])
    assert drawn.roughness is None
    rough = measured(folder, known=FixedDraws(["real"], 2.5)).drawn["known"].roughness
    np.testing.assert_array_equal(rough, np.full((8, 3), 2.5))


def test_clipped_counts_what_newly_holds_0_or_255(folder):
    class HalfBlack:
        def __call__(self, photo, places, n, generator):
            composite = photo.at(places).real.clone()
            composite[..., ::2] = 0.001  # 8 bits hold 0
            composite[..., 1::2] = 0.003  # 8 bits hold 1
            for _ in range(n):
                yield Draws(composite, None)

    clipped = measured(folder, half=HalfBlack()).drawn["half"].clipped
    np.testing.assert_allclose(clipped, 0.5, atol=0.05)
    already = random_pair()._replace(real=torch.zeros(1, 3, 20, 24))
    from harmaug.evaluation.measure import _clipped

    assert _clipped(torch.zeros(2, 3, 20, 24), already).tolist() == [0, 0]


@pytest.mark.slow
def test_the_limit_of_the_basis_bounds_the_reconstruction(folder):
    rebuilt = measured(folder).rebuilt
    assert (rebuilt.limit_fmse <= rebuilt.fmse * 1.001).all()
    assert rebuilt.code.shape == rebuilt.variance.shape == (8, NET.latent_dim)
    for row in range(len(folder)):
        pair = read_pair(folder, row)
        image = reconstruct(NET, *pair)
        assert rebuilt.fmse[row] == pytest.approx(fmse(image, pair.composite, pair.mask).item())
        assert rebuilt.psnr[row] == pytest.approx(psnr(image, pair.composite).item())


def test_a_mixture_of_the_basis_is_found_again():
    net = small_net()
    net.basis.mul_(0.5)  # so that nothing is clamped
    pair = random_pair(basis=net.basis)
    assert fmse(best_mixture(net, pair), pair.composite, pair.mask).item() < 0.01


@pytest.mark.slow
def test_a_pair_measures_the_same_alone_and_in_another_order(folder):
    whole = measured(folder)
    other = copy.copy(folder)
    other.items = [folder.items[5], folder.items[2]]
    part = measured(other)
    np.testing.assert_array_equal(
        part.drawn["net"].to_composite, whole.drawn["net"].to_composite[[5, 2]]
    )
    chosen = whole.part([5, 2])
    assert chosen.items == part.items
    np.testing.assert_array_equal(chosen.rebuilt.fmse, part.rebuilt.fmse)
    np.testing.assert_array_equal(chosen.drawn["net"].roughness, part.drawn["net"].roughness)


def test_empty_foregrounds_are_left_out(folder):
    blank = Image.new("L", (32, 32))
    blank.save(folder.items[0].mask)
    found = measured(folder)
    assert [item.mask.name for item in found.items] == [i.mask.name for i in folder.items[2:]]
    assert len(found.truth.to_photo) == 6
    for item in folder.items:
        blank.save(item.mask)
    with pytest.raises(ValueError, match=r"no mask of .* has a foreground"):
        measured(folder)


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


@pytest.mark.slow
def test_batched_figures_of_a_training_are_those_of_one_pair_at_a_time(folder):
    pairs = [read_pair(folder, row) for row in range(len(folder))]
    batch = [torch.cat(images) for images in zip(*pairs, strict=True)]
    found = measured(folder)
    np.testing.assert_allclose(
        reconstruction_error(NET, *batch).numpy(), found.rebuilt.fmse, rtol=1e-4
    )
    to_composite, to_photo = draw_errors(NET, *batch, draws=200, generator=generator())
    assert to_composite.shape == to_photo.shape == (8, 200)
    ours = measured(folder, draws=200).drawn["net"]
    assert to_photo.median().item() == pytest.approx(np.median(ours.to_photo), rel=0.2)
    everyone = np.ones((1, 8))
    assert coverage(to_composite, everyone).item() == pytest.approx(
        coverage(ours.to_composite, everyone).item(), rel=0.5
    )
    truth = found.truth.to_photo
    assert strength(to_photo, truth, everyone).item() == pytest.approx(
        strength(ours.to_photo, truth, everyone).item(), rel=0.2
    )
