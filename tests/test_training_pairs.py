"""Training pairs: images in memory, and what is drawn from them."""

import pytest
import torch

from harmaug.data import AlignedScene, Timelapse
from harmaug.recipes import ColorTransfer, Filters
from harmaug.training.pairs import Images, PairSource, merge


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count, composites=False, seed=0):
    real = torch.randint(0, 256, (count, 3, 8, 8), generator=generator(seed), dtype=torch.uint8)
    mask = torch.zeros(count, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    return Images(real, mask, 255 - real if composites else None)


def test_a_draw_is_in_range_and_leaves_the_background():
    source = PairSource(images(9), None, ColorTransfer(), jitter=1.0)
    real, mask, composite = source.draw(33, generator())
    assert real.shape == composite.shape == (33, 3, 8, 8)
    assert mask.shape == (33, 1, 8, 8)
    assert composite.aminmax().min >= 0
    assert composite.aminmax().max <= 1
    assert torch.where(mask > 0, 0, composite).equal(torch.where(mask > 0, 0, real))
    assert not composite.equal(real)


def test_draws_follow_the_generator_alone():
    source = PairSource(images(9), images(4, composites=True), Filters())
    first = source.draw(20, generator(3))
    torch.manual_seed(5)
    for a, b in zip(first, source.draw(20, generator(3)), strict=True):
        assert a.equal(b)
    assert not first.real.equal(source.draw(20, generator(4)).real)


def test_the_share_of_true_pairs_is_kept():
    true = images(4, composites=True)
    source = PairSource(images(9, seed=1), true, Filters(), pair_share=0.25, jitter=0)
    real, _, composite = source.draw(40, generator())
    inverted = ((1 - real) - composite).abs().amax((1, 2, 3)) < 1e-6
    assert inverted.sum() == 10


def test_true_pairs_alone_and_a_single_pair_can_be_drawn():
    source = PairSource(None, images(4, composites=True), None)
    assert len(source.draw(7, generator()).real) == 7
    alone = PairSource(images(3), None, ColorTransfer()).draw(1, generator())
    assert [len(part) for part in alone] == [1, 1, 1]


def test_a_source_of_nothing_or_without_a_recipe_is_refused():
    with pytest.raises(ValueError, match="nothing to train on"):
        PairSource(None, None, None)
    with pytest.raises(ValueError, match="need a recipe"):
        PairSource(images(3), None, None)


def test_a_source_splits_into_two_without_a_photo_in_common():
    true = images(20, composites=True)
    twice = Images(*(torch.cat((values, values)) for values in true))
    source = PairSource(images(9, seed=1), twice, Filters())
    first, second = source.split(0.25)

    def names(images):
        return {photo.numpy().tobytes() for photo in images.real}

    for part in ("photos", "pairs"):
        one, other = names(getattr(first, part)), names(getattr(second, part))
        assert not one & other
        assert one | other == names(getattr(source, part))
    assert len(names(second.pairs)) == 5
    assert len(names(second.photos)) == 2


def test_photos_that_are_those_of_the_pairs_fall_on_the_same_side():
    true = images(20, composites=True)
    own = Images(true.real, true.mask, None)
    photos = merge([images(30, seed=1), own])
    first, second = PairSource(photos, true, Filters()).split(0.25)
    sides = [set(part.photos.names()) | set(part.pairs.names()) for part in (first, second)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 50


def test_a_single_photo_is_not_split():
    source = PairSource(None, images(1, composites=True), None)
    assert source.split(0.2) == (source, None)


def test_true_pairs_are_retouched_as_one_picture():
    """Photo and composite through the same retouch stay a pair: the background is still shared."""
    true = images(30, composites=True)
    inside = true.mask.expand(-1, 3, -1, -1)
    made = torch.where(inside, true.real // 2 + 40, true.real)
    true = Images(true.real, true.mask, made)
    source = PairSource(None, true, None, jitter=0.5)
    real, mask, composite = source.draw(200, generator())
    assert torch.equal(real[mask.expand_as(real) == 0], composite[mask.expand_as(real) == 0])
    originals = {photo.numpy().tobytes() for photo in true.real}
    kept = [(photo * 255).round().byte().numpy().tobytes() in originals for photo in real]
    assert 0.3 < sum(kept) / len(kept) < 0.7
    assert (real != composite)[mask.expand_as(real) > 0].float().mean() > 0.9


def aligned(name="yard", frames=20):
    """Grey frames, each brighter than the one before; no photo of `images` is grey."""
    levels = torch.arange(10, 10 + 10 * frames, 10, dtype=torch.uint8).view(-1, 1, 1, 1)
    mask = torch.zeros(1, 8, 8, dtype=torch.bool)
    mask[:, 3:6, 2:7] = True
    usable = torch.ones(frames, 1, dtype=torch.bool)
    return AlignedScene(name, levels.expand(-1, 3, 8, 8).clone(), mask, usable)


def is_grey(photos):
    return photos.flatten(1).std(1) < 1e-6


def test_aligned_frames_make_their_share_of_what_is_not_a_true_pair():
    true = images(4, composites=True)
    parts = images(9, seed=1), true, Filters()
    source = PairSource(*parts, 0.25, 0.0, Timelapse([aligned()]), 0.4)
    real, mask, composite = source.draw(40, generator())
    assert len(real) == len(mask) == len(composite) == 40
    assert is_grey(real).sum() == 12
    assert (((1 - real) - composite).abs().amax((1, 2, 3)) < 1e-6).sum() == 10
    assert (composite != real).flatten(1).any(1)[is_grey(real)].all()


def test_aligned_frames_alone_and_beside_true_pairs():
    scenes = Timelapse([aligned()])
    assert is_grey(
        PairSource(None, None, None, jitter=0, timelapse=scenes).draw(9, generator()).real
    ).all()
    both = PairSource(None, images(4, composites=True), None, 0.25, 0.0, scenes, 0.1)
    assert is_grey(both.draw(40, generator()).real).sum() == 30


def test_aligned_frames_are_retouched_alike():
    source = PairSource(None, None, None, jitter=1.0, timelapse=Timelapse([aligned()]))
    real, mask, composite = source.draw(50, generator())
    outside = (mask == 0).expand_as(real)
    assert composite[outside].equal(real[outside])
    levels = (real[:, :, 0, 0] * 255).round() % 10
    assert (levels != 0).any(1).float().mean() > 0.8, "retouched"


def test_a_source_splits_its_scenes_too():
    scenes = Timelapse([aligned(name) for name in ("yard", "shore", "street", "house")])
    source = PairSource(images(20), None, Filters(), timelapse=scenes, timelapse_share=0.3)
    first, second = source.split(0.25)
    assert (len(first.timelapse.scenes), len(second.timelapse.scenes)) == (3, 1)
    assert first.timelapse_share == second.timelapse_share == 0.3
    alone = PairSource(None, None, None, timelapse=Timelapse([aligned(frames=20)]))
    first, second = alone.split(0.2)
    assert (len(first.timelapse), len(second.timelapse)) == (16, 4)
    few = PairSource(None, None, None, timelapse=Timelapse([aligned(frames=3)]))
    assert few.split(0.2) == (few, None)
