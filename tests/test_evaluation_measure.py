import numpy as np
import pytest
import torch
from evaluation_doubles import FixedDraws, generator, random_pair, small_net
from photo_folders import write_folder
from PIL import Image
from skimage.color import rgb2lab

from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.augmenter import draw_errors, reconstruction_error, strength_ratio
from harmaug.evaluation.measure import best_mixture, measure, reconstruct, select
from harmaug.evaluation.metrics import fmse, psnr
from harmaug.evaluation.pairs import look_like_cameras, pair_generator, read_pair, scene_of
from harmaug.evaluation.samplers import CheckpointSampler

NET = small_net()


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "set", photos=4, composites=2)
    return HarmonyFolder(tmp_path / "set", size=32)


def measured(folder, draws=3, **samplers):
    return measure(NET, folder, {"set": samplers or {"net": CheckpointSampler(NET)}}, draws)


class TestPair:
    def test_the_foreground_holds_every_pixel_under_the_mask(self):
        pair = random_pair()
        strip = pair.foreground()
        inside = pair.mask[0, 0] > 0
        for whole, part in zip(pair, strip, strict=True):
            assert torch.equal(part[0, :, 0], whole[0][:, inside])
        for image in (pair.real * 0.5, 1 - pair.real):
            other = pair._replace(real=image).foreground().real
            torch.testing.assert_close(
                fmse(other, strip.real, strip.mask), fmse(image, pair.real, pair.mask)
            )

    def test_a_part_of_it_spreads_over_the_whole(self):
        pair = random_pair(height=40)
        rows = torch.arange(40.0).view(1, 1, 40, 1).expand_as(pair.mask)
        few = pair._replace(real=rows.expand(1, 3, -1, -1)).foreground(20).real[0, 0, 0]
        assert len(few) == 20
        assert few[0] == 0
        assert few[-1] == 39
        assert pair.foreground(10**6).real.shape == pair.foreground().real.shape

    def test_its_random_numbers_hang_on_name_and_seed_alone(self, folder):
        numbers = [
            torch.rand((), generator=pair_generator(folder.items[row], seed)).item()
            for row, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
        ]
        assert numbers[0] == numbers[1]
        assert len(set(numbers)) == 3


def test_scenes_are_photos_or_what_stands_before_the_first_dash(tmp_path):
    write_folder(tmp_path / "set", photos=1, composites=2)
    for kind in ("real_images", "masks", "composite_images"):
        for path in list((tmp_path / "set" / kind).iterdir()):
            for time in range(5):
                name = path.name.replace("p0", f"cam-2013-{time}")
                path.with_name(name).write_bytes(path.read_bytes())
    items = HarmonyFolder(tmp_path).items
    assert len({scene_of(item, "photo") for item in items}) == 6
    assert {scene_of(item, "prefix") for item in items} == {("set", "p0"), ("set", "cam")}
    assert not look_like_cameras(items)  # 6 photos, 2 prefixes
    assert look_like_cameras([item for item in items if "cam" in item.name])
    with pytest.raises(ValueError, match="scenes must be one of photo, prefix, got 'day'"):
        scene_of(items[0], "day")


def test_figures_of_true_composites_are_those_of_whole_frames(folder):
    truth = measured(folder).truth
    for row in range(len(folder)):
        real, mask, composite = (image.numpy()[0] for image in read_pair(folder, row))
        square = ((composite - real) * 255) ** 2
        assert truth.strength[row] == pytest.approx(
            (square * mask).sum() / 3 / mask.sum(), rel=1e-4
        )
        moved = rgb2lab(composite, channel_axis=0) - rgb2lab(real, channel_axis=0)
        shift = (moved * mask).sum((1, 2)) / mask.sum()
        np.testing.assert_allclose(truth.shift[row, 0], shift, atol=0.02)


def test_a_draw_that_is_the_composite_covers_it(folder):
    drawn = measured(folder, known=FixedDraws(["real", "composite"])).drawn["known"]
    truth = measured(folder).truth
    np.testing.assert_allclose(drawn.to_composite.min(1), 0)
    np.testing.assert_allclose(drawn.to_composite[:, 0], truth.strength)
    np.testing.assert_allclose(drawn.to_photo[:, 1], truth.strength)
    np.testing.assert_allclose(drawn.to_photo[:, 0], 0)
    np.testing.assert_allclose(drawn.shift[:, 1], truth.shift[:, 0], atol=1e-4)
    np.testing.assert_allclose(drawn.clipped[:, 1], truth.clipped)
    assert drawn.roughness is None
    rough = measured(folder, known=FixedDraws(["real"], 2.5)).drawn["known"].roughness
    np.testing.assert_array_equal(rough, np.full((8, 3), 2.5))


def test_clipped_counts_what_newly_holds_0_or_255(folder):
    class HalfBlack:
        def __call__(self, photo, view, n, generator):
            composite = view.real.clone()
            composite[..., ::2] = 0.001  # 8 bits hold 0
            composite[..., 1::2] = 0.003  # 8 bits hold 1
            for _ in range(n):
                yield FixedDraws(["real"])(photo, view._replace(real=composite), 1, None).__next__()

    clipped = measured(folder, half=HalfBlack()).drawn["half"].clipped
    np.testing.assert_allclose(clipped, 0.5, atol=0.05)
    already = random_pair()._replace(real=torch.zeros(1, 3, 20, 24))
    from harmaug.evaluation.measure import _clipped

    assert _clipped(torch.zeros(2, 3, 20, 24), already).tolist() == [0, 0]


def test_the_limit_of_the_basis_bounds_the_reconstruction(folder):
    rebuilt = measured(folder).rebuilt
    assert (rebuilt.limit_fmse <= rebuilt.fmse * 1.001).all()
    assert rebuilt.code.shape == rebuilt.variance.shape == (8, NET.latent_dim)
    for row in range(len(folder)):
        pair = read_pair(folder, row)
        image = reconstruct(NET, pair)
        assert rebuilt.fmse[row] == pytest.approx(fmse(image, pair.composite, pair.mask).item())
        assert rebuilt.psnr[row] == pytest.approx(psnr(image, pair.composite).item())


def test_a_mixture_of_the_basis_is_found_again():
    net = small_net()
    net.basis.mul_(0.5)  # so that nothing is clamped
    pair = random_pair(basis=net.basis)
    assert fmse(best_mixture(net, pair), pair.composite, pair.mask).item() < 0.01


def test_a_pair_measures_the_same_alone_and_in_another_order(folder):
    whole = measured(folder)
    folder.items = [folder.items[5], folder.items[2]]
    part = measured(folder)
    np.testing.assert_array_equal(
        part.drawn["net"].to_composite, whole.drawn["net"].to_composite[[5, 2]]
    )
    chosen = select(whole, [5, 2])
    assert chosen.items == part.items
    np.testing.assert_array_equal(chosen.rebuilt.fmse, part.rebuilt.fmse)
    np.testing.assert_array_equal(chosen.drawn["net"].roughness, part.drawn["net"].roughness)


def test_empty_foregrounds_are_left_out(folder):
    blank = Image.new("L", (32, 32))
    blank.save(folder.items[0].mask)
    found = measured(folder)
    assert [item.mask.name for item in found.items] == [i.mask.name for i in folder.items[2:]]
    assert len(found.truth.strength) == 6
    for item in folder.items:
        blank.save(item.mask)
    with pytest.raises(ValueError, match=r"no mask of .* has a foreground"):
        measured(folder)


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
    assert to_composite.min(1).values.median().item() == pytest.approx(
        np.median(ours.to_composite.min(1)), rel=0.5
    )
    assert strength_ratio(torch.tensor([1.0, 4, 9]), torch.tensor([2.0])) == 2
