"""Data of a training: what is read, what is held out, what recipes need."""

import numpy as np
import pytest
import torch
from aligned_scenes import make_frames, write_scene
from photo_folders import small, write_basis, write_folder
from PIL import Image

from harmaug.training.data import read_data, read_subsets
from harmaug.training.pairs import merge


def names_held_out(root, **options):
    """The photos held out, known by their pixels."""
    learnt, heldout = read_subsets([root], 16, progress=False, **options)
    return {image.numpy().tobytes() for image in merge(list(heldout.values())).real}, learnt


def test_lists_say_what_is_held_out(tmp_path):
    root = write_folder(tmp_path / "set", composites=1)
    for split, rows in (("train", range(18)), ("val", range(18, 21)), ("test", range(21, 24))):
        lines = "".join(f"p{k}_1_1.jpg\n" for k in rows)
        (root / f"set_{split}.txt").write_text(lines)
    learnt, heldout = read_subsets([root], 16, progress=False)
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
    learnt, heldout = read_subsets([root], 16, progress=False)
    assert (len(learnt["set"]), len(heldout["set"])) == (18, 2)


def test_train_lists_are_whole_where_another_folder_holds_something_out(tmp_path):
    write_folder(tmp_path / "a", composites=1)
    (tmp_path / "a" / "a_train.txt").write_text("".join(f"p{k}_1_1.jpg\n" for k in range(24)))
    write_folder(tmp_path / "b")
    learnt, heldout = read_subsets([tmp_path], 16, progress=False)
    assert len(learnt["a"]) == 24
    assert heldout.keys() == {"b"}


def test_folders_of_one_name_are_joined(tmp_path):
    for place in ("first", "second"):
        write_folder(tmp_path / place / "set", seed=len(place))
    learnt, _ = read_subsets([tmp_path / "first", tmp_path / "second"], 16, progress=False)
    assert len(learnt["set"]) == 44


def test_folders_of_one_name_but_two_kinds_are_refused(tmp_path):
    write_folder(tmp_path / "first" / "set")
    write_folder(tmp_path / "second" / "set", composites=1)
    with pytest.raises(ValueError, match="only one of them has composites"):
        read_subsets([tmp_path / "first", tmp_path / "second"], 16, progress=False)


def test_too_few_photos_are_refused_however_many_composites(tmp_path):
    root = write_folder(tmp_path / "set", photos=3, composites=20)
    with pytest.raises(ValueError, match="2 photos to learn from are too few"):
        read_subsets([root], 16, progress=False)


def test_tiny_foregrounds_are_left_out(tmp_path):
    root = write_folder(tmp_path / "set")
    empty = Image.fromarray(np.zeros((32, 32), np.uint8))
    for k in range(5):
        empty.save(root / "masks" / f"p{k}_1.png")
    learnt, heldout = read_subsets([root], 16, progress=False)
    assert len(learnt["set"]) + len(heldout["set"]) == 19


def test_folders_whose_masks_are_all_but_empty_are_refused(tmp_path):
    root = write_folder(tmp_path / "set")
    for path in (root / "masks").iterdir():
        Image.fromarray(np.zeros((32, 32), np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"0 foregrounds of 0.5 percent or more .* are too few"):
        read_subsets([root], 16, progress=False)


def test_masks_of_absent_photos_are_counted_named_and_skipped_only_if_asked(tmp_path):
    root = write_folder(tmp_path / "set")
    for k in (3, 4):
        (root / "real_images" / f"p{k}.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2 of 24 entries.*p3"):
        read_subsets([root], 16, progress=False)
    learnt, heldout = read_subsets([root], 16, skip_missing=True, progress=False)
    assert len(learnt["set"]) + len(heldout["set"]) == 22


def test_pixels_are_those_of_the_files(tmp_path):
    root = write_folder(tmp_path / "set", photos=12, composites=1, size=16)
    learnt, heldout = read_subsets([root], 16, progress=False)
    files = {
        np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()
        for path in (root / "composite_images").iterdir()
    }
    both = merge([learnt["set"], heldout["set"]])
    assert {image.numpy().tobytes() for image in both.composite} == files


@pytest.fixture
def pairs(tmp_path):
    return write_folder(tmp_path / "pairs", composites=1)


def test_recipes_for_folders_with_composites_are_refused(pairs, tmp_path):
    with pytest.raises(ValueError, match="leave the recipes out"):
        read_data(small(pairs, None, recipes={"retouch": 1.0}))


def weights_of(recipe):
    """The changes of a recipe, as a set that can be compared."""
    return {tuple(row) for row in recipe.weights.flatten(1).mul(1e4).round().tolist()}


@pytest.mark.slow
def test_transplants_are_made_of_pairs_to_learn_from_and_never_of_those_held_out(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors"), recipes={"transplant": 1.0})
    names = sorted(path.name for path in (pairs / "composite_images").iterdir())
    for split, chosen in (("train", names[:14]), ("val", names[14:])):
        (pairs / f"pairs_{split}.txt").write_text("\n".join(chosen))
    learnt = weights_of(read_data(config)[0].recipe)
    for split, chosen in (("train", names[14:]), ("val", names[:14])):
        (pairs / f"pairs_{split}.txt").write_text("\n".join(chosen))
    source, heldout, _ = read_data(config)
    assert len(source.recipe.weights) == len(names) - 14
    assert source.recipe.weights.ndim == 2 + bool(config.spatial)
    assert not learnt & weights_of(source.recipe)
    assert heldout.keys() == {"transplant", "pairs"}


@pytest.mark.slow
def test_transplants_go_to_the_photos_of_the_pairs_and_to_those_without_composites(pairs, tmp_path):
    basis = write_basis(tmp_path / "basis.safetensors")
    source = read_data(small(pairs, basis, recipes={"transplant": 1.0}))[0]
    assert source.photos.real.equal(source.pairs.real)
    assert source.pair_share == 0.1
    bare = write_folder(tmp_path / "bare", seed=1)
    both = small(pairs, basis, data=(str(pairs), str(bare)), recipes={"transplant": 1.0})
    source, _, subsets = read_data(both)
    assert len(source.photos) == sum(subsets.values()) > len(source.pairs)


@pytest.mark.slow
def test_transplants_are_made_where_they_are_a_part_of_a_recipe(pairs, tmp_path):
    recipes = {"transplant+relight": 1.0, "filters+relight": 1.0}
    config = small(pairs, write_basis(tmp_path / "basis.safetensors"), recipes=recipes)
    source, heldout, _ = read_data(config)
    assert len(source.photos) == len(source.pairs)
    assert heldout.keys() == {*recipes, "pairs"}


@pytest.mark.slow
def test_photos_held_out_take_known_changes_where_no_pair_is_held_out(pairs, tmp_path):
    bare = write_folder(tmp_path / "bare", seed=1)
    (pairs / "pairs_train.txt").write_text("".join(f"p{k}_1_1.png\n" for k in range(24)))
    (bare / "bare_val.txt").write_text("".join(f"p{k}_1.png\n" for k in range(24)))
    config = small(pairs, None, data=(str(pairs), str(bare)), recipes={"transplant": 1.0})
    source, heldout, _ = read_data(config)
    assert len(source.recipe.weights) == 24
    assert heldout.keys() == {"transplant"}


def test_transplants_without_pairs_are_refused(tmp_path):
    bare = write_folder(tmp_path / "bare")
    with pytest.raises(ValueError, match="'transplant' needs true pairs"):
        read_data(small(bare, None, recipes={"transplant": 1.0}))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Three places, one of them in two views."""
    root = tmp_path_factory.mktemp("aligned")
    for seed, name in enumerate(("house-001", "house-002", "shore", "yard")):
        write_scene(root / name, make_frames(8, seed))
    return root


def test_aligned_frames_are_learnt_from_and_held_out_by_place(scenes):
    source, heldout, samples = read_data(small(scenes, None, recipes={"timelapse": 1.0}))
    assert source.photos is source.pairs is source.recipe is None
    learnt = {scene.name for scene in source.timelapse.scenes}
    assert samples == dict(source.timelapse.places)
    assert 2 <= len(learnt) <= 3
    assert ("house-001" in learnt) == ("house-002" in learnt)
    assert heldout.keys() == {"timelapse"}
    assert len(heldout["timelapse"].real) == 8
    assert len(source.draw(5, torch.Generator().manual_seed(0)).real) == 5


def test_the_last_frames_of_one_scene_are_held_out(tmp_path):
    yard = write_scene(tmp_path / "yard", make_frames(14))
    _, heldout, samples = read_data(small(yard, None, recipes={"timelapse": 1.0}))
    assert samples == {"yard": 12}
    assert heldout.keys() == {"timelapse"}


def test_aligned_frames_photos_and_pairs_are_mixed_in_their_shares(scenes, pairs, tmp_path):
    bare = write_folder(tmp_path / "bare", seed=1)
    data = tuple(map(str, (bare, scenes, pairs)))
    recipes = {"timelapse": 0.5, "filters": 0.2, "filters+relight": 0.3}
    config = small(bare, None, data=data, recipes=recipes, pair_share=0.2)
    source, heldout, samples = read_data(config)
    assert (source.pair_share, source.timelapse_share) == (0.2, 0.5)
    assert heldout.keys() == {*recipes, "pairs"}
    assert {"bare", "pairs"} < samples.keys()


def test_frames_are_photos_for_other_recipes_where_there_are_none(scenes):
    recipes = {"timelapse": 0.5, "relight": 0.5}
    source, heldout, _ = read_data(small(scenes, None, recipes=recipes))
    assert len(source.photos) == len(source.timelapse)
    assert heldout.keys() == recipes.keys()
    learnt = {photo.numpy().tobytes() for photo in source.photos.real}
    frames = [frame for scene in source.timelapse.scenes for frame in scene.frames]
    assert learnt <= {frame.numpy().tobytes() for frame in frames}


def test_aligned_frames_and_their_recipe_need_each_other(scenes, tmp_path):
    bare = write_folder(tmp_path / "bare")
    with pytest.raises(ValueError, match=r"holds aligned frames.* add timelapse=SHARE"):
        read_data(small(scenes, None, recipes={"filters": 1.0}))
    with pytest.raises(ValueError, match="'timelapse' needs aligned frames"):
        read_data(small(bare, None, recipes={"timelapse": 1.0}))


def test_too_few_aligned_frames_are_refused(tmp_path):
    yard = write_scene(tmp_path / "yard", make_frames(8))
    with pytest.raises(ValueError, match="6 aligned frames to learn from are too few"):
        read_data(small(yard, None, recipes={"timelapse": 1.0}))
