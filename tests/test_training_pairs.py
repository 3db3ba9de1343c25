"""Training pairs: images in memory, and what is drawn from them."""

import pytest
import torch

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
