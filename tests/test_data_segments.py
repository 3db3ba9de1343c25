"""Static segments: connected, of a fitting size, not of what moves."""

import numpy as np
import torch
from aligned_scenes import make_frames, texture
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.data.segments import grow_patches, light_features, static_patches, static_segments
from harmaug.data.structure import compare, edge_fields


def frames(count=6, seed=0, **options):
    return torch.from_numpy(make_frames(count, seed, **options)).permute(0, 3, 1, 2).float()


def is_connected(mask):
    """Flood from one pixel, an independent way."""
    left = set(zip(*np.nonzero(mask), strict=True))
    front = [left.pop()]
    while front:
        y, x = front.pop()
        for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if near in left:
                left.remove(near)
                front.append(near)
    return not left


def test_patches_are_connected_and_cover_the_frame():
    patches = grow_patches(light_features(frames()))
    count = patches.max() + 1
    assert sorted(np.unique(patches)) == list(range(count))
    assert 50 < count < 2000
    assert np.bincount(patches.ravel()).min() >= 12
    assert all(is_connected(patches == patch) for patch in range(count))


def test_patches_follow_a_thing_that_is_lit_by_itself():
    image = torch.full((6, 3, 96, 96), 0.5) * torch.linspace(0.5, 1, 6).view(-1, 1, 1, 1)
    image[:, :, 30:60, 20:70] *= torch.tensor([1.0, 0.4, 0.8, 0.5, 0.9, 0.6]).view(-1, 1, 1, 1)
    patches = grow_patches(light_features(image))
    thing = np.zeros((96, 96), bool)
    thing[30:60, 20:70] = True
    assert not set(patches[thing].tolist()) & set(patches[~thing].tolist())
    assert len(set(patches[thing].tolist())) == 1


def test_edges_that_differ_tell_a_moving_patch_and_flat_ones_go_with_their_neighbours():
    draw = np.random.default_rng(0)
    still = texture(draw, 96, 48)
    pictures = []
    for gain in (0.6, 1.0, 0.8, 0.5, 0.9):
        picture = np.concatenate((still, texture(draw, 96, 48)), 1)
        picture[10:40, 10:40] = picture[10:40, 60:90] = 0.5
        pictures.append(picture * gain)
    image = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    quarters = np.zeros((96, 96), int)
    quarters[:, 48:] = 1
    quarters[10:40, 10:40], quarters[10:40, 60:90] = 2, 3
    static = static_patches(quarters, compare(edge_fields(image)))
    assert static.tolist() == [True, False, True, False]


@settings(max_examples=12, deadline=None)
@given(count=st.integers(2, 12), seed=st.integers(0, 10**6), cars=st.integers(0, 6))
def test_segments_are_connected_and_of_a_fitting_size(count, seed, cars):
    image = frames(count, seed, cars=cars)
    segments = static_segments(image, compare(edge_fields(image)))
    assert segments.dtype == torch.bool
    assert segments.shape[1:] == (96, 96)
    assert len(segments)
    areas = segments.float().mean((1, 2))
    assert 0.01 <= areas.min() <= areas.max() <= 0.4
    for segment in segments[:: max(len(segments) // 5, 1)]:
        assert is_connected(segment.numpy())
    flat = {segment.numpy().tobytes() for segment in segments}
    assert len(flat) == len(segments), "no segment twice"
    assert segments.equal(static_segments(image, compare(edge_fields(image))))


def test_nothing_static_gives_no_segments():
    draw = np.random.default_rng(0)
    noise = np.stack([texture(draw, 96, 96) for _ in range(6)])
    image = torch.from_numpy(noise).permute(0, 3, 1, 2).float()
    assert static_segments(image, compare(edge_fields(image))).shape == (0, 96, 96)


def test_flat_frames_give_no_segments_and_no_error():
    image = torch.full((3, 3, 96, 96), 0.5) * torch.tensor([0.3, 0.6, 0.9]).view(-1, 1, 1, 1)
    assert len(static_segments(image, compare(edge_fields(image)))) == 0
