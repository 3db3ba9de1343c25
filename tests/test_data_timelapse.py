"""Pairs of aligned frames: a region of one in another, in other light."""

import numpy as np
import pytest
import torch
from aligned_scenes import make_frames, write_scene
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.data.aligned import AlignedScene, read_scenes
from harmaug.data.timelapse import Timelapse


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def scene(name="yard", frames=6, regions=3, size=16, seed=0):
    """Frames of one colour each, which differ; squares as regions."""
    draw = generator(seed)
    colours = torch.randint(40, 200, (frames, 3, 1, 1), generator=draw, dtype=torch.uint8)
    noise = torch.randint(0, 9, (frames, 3, size, size), generator=draw, dtype=torch.uint8)
    masks = torch.zeros(regions, size, size, dtype=torch.bool)
    for region in range(regions):
        masks[region, region : region + 4 + region, 2:8] = True
    usable = torch.ones(frames, regions, dtype=torch.bool)
    return AlignedScene(name, colours + noise, masks, usable)


def frame_of(image, scene):
    """Number of the frame that an image is, or -1."""
    found = (scene.frames.float() / 255 == image).flatten(1).all(1).nonzero()
    return int(found[0]) if len(found) else -1


def test_a_pair_is_a_frame_and_the_same_with_a_region_of_another():
    yard = scene()
    real, mask, composite = Timelapse([yard]).draw(200, generator())
    assert real.shape == composite.shape == (200, 3, 16, 16)
    assert mask.shape == (200, 1, 16, 16)
    whole = yard.frames.float() / 255
    for row in range(200):
        first, inside = frame_of(real[row], yard), mask[row].bool()
        assert first >= 0
        assert any(inside[0].equal(region) for region in yard.masks)
        made = [torch.where(inside, other, real[row]).equal(composite[row]) for other in whole]
        assert sum(made) == 1
        assert not made[first]
    outside = (mask == 0).expand_as(real)
    assert composite[outside].equal(real[outside])


def test_every_frame_and_every_region_has_its_turn():
    yard = scene()
    real, mask, _ = Timelapse([yard]).draw(400, generator())
    frames = [frame_of(image, yard) for image in real]
    assert min(np.bincount(frames, minlength=6)) > 30
    areas = {int(area) for area in mask.sum((1, 2, 3))}
    assert areas == set(yard.masks.sum((1, 2)).tolist())


def test_the_generator_alone_decides():
    source = Timelapse([scene(), scene("other", seed=1)])
    state = torch.get_rng_state()
    first = source.draw(30, generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(first, source.draw(30, generator(3)), strict=True):
        assert a.equal(b)
    assert not first[0].equal(source.draw(30, generator(4))[0])


def test_frames_that_are_alike_or_do_not_show_a_region_are_never_a_pair():
    yard = scene(frames=5)
    yard.frames[1] = yard.frames[0]
    yard.usable[2] = False
    yard.usable[3, 1:] = False
    real, mask, composite = Timelapse([yard]).draw(300, generator())
    assert ((real - composite).abs() * mask).flatten(1).amax(1).min() > 8 / 255
    frames = {frame_of(image, yard) for image in real}
    assert frames == {0, 3, 4}, "1 looks like 0"
    with_third = [row for row in range(300) if frame_of(real[row], yard) == 3]
    assert all(mask[row, 0].bool().equal(yard.masks[0]) for row in with_third)
    hidden = torch.stack([torch.where(mask.bool(), yard.frames[2] / 255, real)])
    assert not (hidden[0] == composite).flatten(1).all(1).any()


def test_a_scene_whose_frames_are_all_alike_is_refused_by_name():
    still = scene("still")
    still.frames[:] = still.frames[:1].clone()
    with pytest.raises(ValueError, match="still has no region that two of its frames show"):
        Timelapse([scene(), still])
    with pytest.raises(ValueError, match="no scenes"):
        Timelapse([])


def test_places_count_by_the_square_root_of_their_frames():
    views = [scene(f"house-{number:03d}", 4, seed=number) for number in range(9)]
    source = Timelapse([*views, scene("yard", 4, seed=20)])
    assert source.places == {"house": 36, "yard": 4}
    assert len(source) == 40
    real, _, _ = source.draw(2000, generator())
    yard = sum(frame_of(image, source.scenes[-1]) >= 0 for image in real) / 2000
    assert yard == pytest.approx(2 / (2 + 6), abs=0.03)


def names(source):
    return {part.name for part in source.scenes}


def test_places_are_split_whole_with_all_their_views_and_always_alike():
    scenes = [scene(f"house-{n:03d}", seed=n) for n in range(4)]
    scenes += [scene(name, seed=9) for name in ("yard", "shore", "street")]
    learnt, aside = Timelapse(scenes).split(0.25)
    assert aside is not None
    assert names(learnt) | names(aside) == {part.name for part in scenes}
    assert len(aside.places) == 1
    assert not learnt.places.keys() & aside.places.keys()
    assert names(Timelapse(scenes[::-1]).split(0.25)[1]) == names(aside)


def test_two_scenes_are_never_split_within_one():
    for pair in (("a", "b"), ("yard-1", "yard-2"), ("scene0", "scene1")):
        learnt, aside = Timelapse([scene(name, seed=k) for k, name in enumerate(pair)]).split(0.1)
        assert aside is not None
        assert names(learnt) | names(aside) == set(pair)
        assert not names(learnt) & names(aside)
        assert len(learnt) == len(aside) == 6


def test_of_one_scene_the_last_frames_are_held_out():
    yard = scene(frames=30)
    learnt, aside = Timelapse([yard]).split(0.1)
    assert aside is not None
    assert learnt.scenes[0].frames.equal(yard.frames[:27])
    assert aside.scenes[0].frames.equal(yard.frames[27:])


def test_more_frames_are_held_out_where_the_last_show_one_light():
    yard = scene(frames=30)
    yard.frames[24:] = yard.frames[24:25].clone()
    learnt, aside = Timelapse([yard]).split(0.1)
    assert aside is not None
    assert (len(learnt), len(aside)) == (23, 7)


def test_nothing_is_held_out_of_three_frames():
    source = Timelapse([scene(frames=3)])
    assert source.split(0.1) == (source, None)


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(2, 9),
    regions=st.integers(1, 5),
    size=st.integers(12, 20),
    count=st.integers(1, 40),
    seed=st.integers(0, 10**6),
)
def test_any_scene_gives_pairs_of_two_lights_or_is_refused(frames, regions, size, count, seed):
    yard = scene(frames=frames, regions=regions, size=size, seed=seed)
    yard.usable[:] = torch.rand(frames, regions, generator=generator(seed)) < 0.6
    try:
        source = Timelapse([yard])
    except ValueError:
        return
    real, mask, composite = source.draw(count, generator(seed))
    assert mask.sum((1, 2, 3)).min() > 0
    assert ((real - composite).abs() * mask).flatten(1).amax(1).min() > 0
    outside = (mask == 0).expand_as(real)
    assert composite[outside].equal(real[outside])


def test_pairs_of_frames_in_files_change_only_what_stays(tmp_path):
    [yard] = read_scenes([write_scene(tmp_path / "yard", make_frames(8))], 96, progress=False)
    real, mask, composite = Timelapse([yard]).draw(64, generator())
    assert mask.mean((1, 2, 3)).min() >= 0.01
    assert mask[:, :, :20].sum() < 0.01 * mask.sum(), "the sky"
    ratio = (composite.clamp_min(1e-3) / real.clamp_min(1e-3)).log()
    # Light alone has changed: within a region, the ratio of both frames has no texture.
    inside = mask.bool().expand_as(ratio)
    steps = (ratio.diff(dim=3).abs())[inside[..., 1:] & inside[..., :-1]]
    assert steps.median() < 0.02
