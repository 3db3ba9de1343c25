"""The reader of aligned sequences: what is a scene, what is left out, what frames show."""

import re
import warnings

import numpy as np
import pytest
import torch
from aligned_scenes import ROAD, SIZE, SKY, make_frames, texture, write_mask, write_scene
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_folders import write_folder

from harmaug.data.aligned import read_scenes, scene_folders


def read(*folders, size=SIZE):
    return read_scenes(folders, size, progress=False)


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_frames_are_read_in_order_of_time_and_as_their_files_hold_them(tmp_path, quiet):
    frames = make_frames(5)
    [scene] = read(write_scene(tmp_path / "yard", frames))
    assert scene.name == "yard"
    assert len(scene) == 5
    expected = torch.from_numpy((frames * 255).round().astype(np.uint8)).permute(0, 3, 1, 2)
    assert scene.frames.equal(expected)


def test_masks_that_are_given_serve_in_place_of_segments(tmp_path, quiet):
    root = write_scene(tmp_path / "yard", make_frames(4))
    write_mask(root / "masks" / "left.png", slice(30, 66), slice(8, 40))
    write_mask(root / "masks" / "right.png", slice(36, 60), slice(56, 88))
    [scene] = read(root)
    assert scene.masks.sum((1, 2)).tolist() == [36 * 32, 24 * 32]
    assert scene.usable.all()
    [half] = read(root, size=48)
    assert half.frames.shape == (4, 3, 48, 48)
    assert half.masks.sum((1, 2)).tolist() == [18 * 16, 12 * 16]


def test_segments_do_not_hold_what_moves(tmp_path, quiet):
    for seed in range(3):
        [scene] = read(write_scene(tmp_path / f"yard{seed}", make_frames(8, seed, cars=6)))
        assert len(scene.masks) >= 3
        found = scene.masks.any(0)
        assert not found[: SKY.stop - 4].any()
        assert not found[ROAD.start + 6 : ROAD.stop - 6, 20:-20].any()
        areas = scene.masks.float().mean((1, 2))
        assert 0.01 <= areas.min() <= areas.max() <= 0.4
        assert len(areas.unique()) > 2
        assert found[24:72].float().mean() > 0.5, "most of what stays is in a segment"


def test_a_thing_that_is_lit_as_one_is_found_as_one(tmp_path, quiet):
    frames = make_frames(8)
    for number, gain in enumerate((0.4, 1.6, 0.7, 1.2, 0.5, 1.4, 0.9, 1.1)):
        frames[number, 30:66, 8:40] *= gain  # its light goes its own way
    [scene] = read(write_scene(tmp_path / "yard", frames.clip(0, 1)))
    thing = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    thing[30:66, 8:40] = True
    overlap = (scene.masks & thing).sum((1, 2)) / (scene.masks | thing).sum((1, 2))
    assert overlap.max() > 0.85


def test_frames_of_other_sizes_and_shifted_ones_are_named_in_one_warning_and_left_out(tmp_path):
    frames = make_frames(9)
    frames[4] = np.roll(frames[4], (3, -4), (0, 1))
    root = write_scene(tmp_path / "yard", frames)
    write_scene(root, [make_frames(1)[0, :80]], ["small.png"])
    with pytest.warns(UserWarning, match="2 frames are left out") as caught:
        [scene] = read(root)
    assert len(caught) == 1
    text = str(caught[0].message)
    assert "yard/small.png (96x80 pixels, the others 96x96)" in text
    assert "yard/t004.png (shifted by 5.0 pixels)" in text
    assert len(scene) == 8


def test_shifts_are_told_in_pixels_of_the_files(tmp_path):
    frames = make_frames(6).repeat(2, 1).repeat(2, 2)
    frames[2] = np.roll(frames[2], 8, 0)
    with pytest.warns(UserWarning, match=r"t002.png \(shifted by 8.\d pixels\)|\(shifted by 7.9"):
        read(write_scene(tmp_path / "yard", frames), size=64)


def test_many_frames_are_left_out_in_one_short_warning(tmp_path):
    frames = make_frames(16)
    frames[::2] = np.roll(frames[::2], 5, 2)
    frames[0] = np.roll(frames[0], -5, 1)
    root = write_scene(tmp_path / "yard", frames)
    with pytest.warns(UserWarning, match="; and 2 more") as caught:
        [scene] = read(root)
    assert len(caught) == 1
    assert len(scene) == 9


@settings(max_examples=15, deadline=None)
@given(down=st.integers(-12, 12), across=st.integers(-12, 12), seed=st.integers(0, 50))
def test_any_shift_is_measured(down, across, seed, tmp_path_factory):
    frames = make_frames(5, seed)
    frames[3] = np.roll(frames[3], (down, across), (0, 1))
    root = write_scene(tmp_path_factory.mktemp("scenes") / "yard", frames)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        [scene] = read(root)
    assert len(scene) == (5 if down == across == 0 else 4)
    if len(scene) == 4:
        found = re.search(r"shifted by ([\d.]+) pixels", str(caught[0].message))
        assert float(found[1]) == pytest.approx(np.hypot(down, across), abs=0.06)


def test_a_frame_shows_no_region_before_which_something_stands(tmp_path, quiet):
    draw = np.random.default_rng(9)
    frames = make_frames(8)
    frames[5, 40:66, 10:36] = texture(draw, 26, 26, 0.0, 1.0)
    root = write_scene(tmp_path / "yard", frames)
    write_mask(root / "masks" / "left.png", slice(30, 66), slice(8, 40))
    write_mask(root / "masks" / "right.png", slice(36, 60), slice(56, 88))
    [scene] = read(root)
    assert scene.usable[:, 0].tolist() == [True] * 5 + [False] + [True] * 2
    assert scene.usable[:, 1].all()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_region_in_black_or_white_is_not_shown(tmp_path, quiet, value):
    frames = make_frames(6)
    frames[2, 36:60, 56:88] = value
    root = write_scene(tmp_path / "yard", frames)
    write_mask(root / "masks" / "left.png", slice(30, 66), slice(8, 40))
    write_mask(root / "masks" / "right.png", slice(36, 60), slice(56, 88))
    [scene] = read(root)
    assert scene.usable.all(1).tolist() == [True, True, False, True, True, True]
    assert scene.usable[2].tolist() == [True, False]


def test_a_dark_night_frame_is_kept_where_something_is_left_to_see(tmp_path, quiet):
    frames = make_frames(6)
    frames[3] *= 0.15
    frames[4] *= 0.0
    root = write_scene(tmp_path / "yard", frames)
    write_mask(root / "masks" / "left.png", slice(30, 66), slice(8, 40))
    [scene] = read(root)
    assert scene.usable[:, 0].tolist() == [True, True, True, True, False, True]


@pytest.mark.parametrize("shift", [1, 2, 7])
@pytest.mark.parametrize("count", [3, 4])
def test_one_shifted_frame_of_a_few_does_not_take_the_others_along(tmp_path, count, shift):
    frames = make_frames(count)
    frames[0] = np.roll(frames[0], shift, 1)
    with pytest.warns(UserWarning, match=rf"1 frames .*t000.png \(shifted by {shift}.0 pixels\)"):
        [scene] = read(write_scene(tmp_path / "yard", frames))
    assert len(scene) == count - 1


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_two_frames_of_one_viewpoint_are_refused_by_name(tmp_path, count):
    frames = make_frames(count)
    if count == 2:
        frames[1] = np.roll(frames[1], 6, 1)
    root = write_scene(tmp_path / "yard", frames)
    with pytest.raises(
        ValueError, match=rf"yard has [01] of {count} frames .* expected at least 2"
    ):
        read(root)


def test_a_scene_without_static_content_is_refused_by_name(tmp_path, quiet):
    draw = np.random.default_rng(0)
    root = write_scene(tmp_path / "sea", [texture(draw, SIZE, SIZE) for _ in range(6)])
    with pytest.raises(ValueError, match=r"sea has no static content.* Give masks"):
        read(root)


def test_masks_of_another_size_and_broken_frames_are_named(tmp_path):
    root = write_scene(tmp_path / "yard", make_frames(3))
    write_mask(root / "masks" / "left.png", slice(3, 30), slice(3, 30), size=64)
    with pytest.raises(ValueError, match=r"left.png is 64x64 pixels but the frames are 96x96"):
        read(root)
    (root / "t001.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"t001.png"):
        read(root)


def test_a_root_is_a_scene_or_a_folder_of_scenes_or_neither(tmp_path):
    one, two = (write_scene(tmp_path / "all" / name, make_frames(2)) for name in ("b", "a"))
    write_mask(one / "masks" / "left.png", slice(3, 30), slice(3, 30))
    (tmp_path / "all" / ".hidden.png").touch()
    assert scene_folders(one) == [one]
    assert scene_folders(tmp_path / "all") == [two, one]
    assert scene_folders(tmp_path / "missing") == []
    assert scene_folders(tmp_path) == []
    subset = write_folder(tmp_path / "photos" / "set", photos=2)
    write_scene(subset.parent / "previews", make_frames(2))
    assert scene_folders(subset) == scene_folders(subset.parent) == []


def test_a_folder_of_one_picture_is_a_scene_that_is_refused(tmp_path):
    root = write_scene(tmp_path / "yard", make_frames(1))
    assert scene_folders(root) == [root]
