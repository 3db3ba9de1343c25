"""Pairs to train on: what is read, what is held out, what is drawn."""

import numpy as np
import pytest
import torch
from photo_folders import write_folder
from PIL import Image

from harmaug.recipes import ColorTransfer, Filters
from harmaug.training.pairs import Images, PairSource, merge, read_images


def names_held_out(root, **options):
    """The photos held out, told apart by their pixels."""
    learnt, heldout = read_images([root], 16, progress=False, **options)
    return {image.numpy().tobytes() for image in merge(list(heldout.values())).real}, learnt


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count, composites=False, seed=0):
    real = torch.randint(0, 256, (count, 3, 8, 8), generator=generator(seed), dtype=torch.uint8)
    mask = torch.zeros(count, 1, 8, 8, dtype=torch.bool)
    mask[..., 2:6, 2:6] = True
    return Images(real, mask, 255 - real if composites else None)


def test_lists_say_what_is_held_out(tmp_path):
    root = write_folder(tmp_path / "set", composites=1)
    for split, rows in (("train", range(18)), ("val", range(18, 21)), ("test", range(21, 24))):
        lines = "".join(f"p{k}_1_1.jpg\n" for k in rows)
        (root / f"set_{split}.txt").write_text(lines)
    learnt, heldout = read_images([root], 16, progress=False)
    assert {name: len(part) for name, part in learnt.items()} == {"set": 18}
    assert {name: len(part) for name, part in heldout.items()} == {"set": 6}


def test_without_lists_a_tenth_is_held_out_by_photo_and_always_the_same(tmp_path):
    root = write_folder(tmp_path / "set", photos=40, composites=3)
    (root / "README.txt").write_text("no list")
    aside, learnt = names_held_out(root)
    assert len(aside) == 4
    assert len(learnt["set"]) == 36 * 3
    assert not aside & {image.numpy().tobytes() for image in learnt["set"].real}
    assert names_held_out(root)[0] == aside


def test_train_lists_alone_still_leave_something_to_measure_on(tmp_path):
    root = write_folder(tmp_path / "set", composites=1)
    (root / "set_train.txt").write_text("".join(f"p{k}_1_1.jpg\n" for k in range(20)))
    learnt, heldout = read_images([root], 16, progress=False)
    assert (len(learnt["set"]), len(heldout["set"])) == (18, 2)


def test_train_lists_are_whole_where_another_folder_holds_something_out(tmp_path):
    write_folder(tmp_path / "a", composites=1)
    (tmp_path / "a" / "a_train.txt").write_text("".join(f"p{k}_1_1.jpg\n" for k in range(24)))
    write_folder(tmp_path / "b")
    learnt, heldout = read_images([tmp_path], 16, progress=False)
    assert len(learnt["a"]) == 24
    assert heldout.keys() == {"b"}


def test_folders_of_one_name_are_joined(tmp_path):
    for place in ("first", "second"):
        write_folder(tmp_path / place / "set", seed=len(place))
    learnt, _ = read_images([tmp_path / "first", tmp_path / "second"], 16, progress=False)
    assert len(learnt["set"]) == 44


def test_folders_of_one_name_but_two_kinds_are_refused(tmp_path):
    write_folder(tmp_path / "first" / "set")
    write_folder(tmp_path / "second" / "set", composites=1)
    with pytest.raises(ValueError, match="only one of them has composites"):
        read_images([tmp_path / "first", tmp_path / "second"], 16, progress=False)


def test_too_few_photos_are_refused_however_many_composites(tmp_path):
    root = write_folder(tmp_path / "set", photos=3, composites=20)
    with pytest.raises(ValueError, match="2 photos to learn from are too few"):
        read_images([root], 16, progress=False)


def test_tiny_foregrounds_are_left_out(tmp_path):
    root = write_folder(tmp_path / "set")
    empty = Image.fromarray(np.zeros((32, 32), np.uint8))
    for k in range(5):
        empty.save(root / "masks" / f"p{k}_1.png")
    learnt, heldout = read_images([root], 16, progress=False)
    assert len(learnt["set"]) + len(heldout["set"]) == 19


def test_masks_of_absent_photos_are_counted_named_and_skipped_only_if_asked(tmp_path):
    root = write_folder(tmp_path / "set")
    for k in (3, 4):
        (root / "real_images" / f"p{k}.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 24 entries.*p3"):
        read_images([root], 16, progress=False)
    learnt, heldout = read_images([root], 16, skip_missing=True, progress=False)
    assert len(learnt["set"]) + len(heldout["set"]) == 22


def test_pixels_are_those_of_the_files(tmp_path):
    root = write_folder(tmp_path / "set", photos=12, composites=1, size=16)
    learnt, heldout = read_images([root], 16, progress=False)
    files = {
        np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()
        for path in (root / "composite_images").iterdir()
    }
    both = merge([learnt["set"], heldout["set"]])
    assert {image.numpy().tobytes() for image in both.composite} == files


def test_a_draw_is_in_range_and_leaves_the_background(tmp_path):
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
