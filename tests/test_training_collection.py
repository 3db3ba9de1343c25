"""What a LUT basis is fitted to."""

import numpy as np
import pytest
import torch
from photo_folders import write_folder
from PIL import Image

from harmaug.recipes.transforms import Transforms
from harmaug.training.collection import collect, colour_usage


def polynomials(count):
    """Lights that are gains: the linear terms of `map_illuminant`."""
    maps = torch.zeros(count, 3, 11)
    maps[:, range(3), range(3)] = torch.linspace(0.8, 1.2, count).unsqueeze(1)
    return maps


def test_every_kind_there_is_is_collected_and_a_tenth_set_aside():
    transforms = Transforms(
        looks=torch.rand(40, 3, 5, 5, 5),
        white_balance=torch.eye(9, 3).repeat(30, 1, 1),
        to_standard=polynomials(20),
        from_standard=polynomials(20),
    )
    collection = collect(transforms, 5, 25, 10, torch.Generator().manual_seed(0))
    assert {kind: len(luts) for kind, luts in collection.learnt.items()} == {
        "looks": 36,
        "illuminant": 25,
        "white balance": 25,
        "tone": 25,
    }
    assert collection.heldout["looks"].equal(transforms.looks[9::10])
    assert collection.heldout.keys() == collection.learnt.keys()
    for luts in (*collection.learnt.values(), *collection.heldout.values()):
        assert luts.shape[1:] == (3, 5, 5, 5)
        assert luts.isfinite().all()


def test_looks_alone_can_be_had_and_nothing_set_aside():
    looks = torch.rand(12, 3, 5, 5, 5)
    collection = collect(Transforms(looks=looks), 5, renderings=0, every=0)
    assert collection.learnt.keys() == {"looks"}
    assert collection.learnt["looks"].equal(looks)
    assert collection.heldout == {}


def test_the_same_generator_gives_the_same_collection():
    first, second = (
        collect(Transforms(), 5, 8, 10, torch.Generator().manual_seed(4)).learnt["tone"]
        for _ in range(2)
    )
    assert first.equal(second)


def test_usage_counts_colours_around_their_nodes(tmp_path):
    root = write_folder(tmp_path / "set", photos=12)
    for path in (root / "real_images").iterdir():
        Image.fromarray(np.full((32, 32, 3), (255, 128, 0), np.uint8)).save(path)
    usage = colour_usage([root], size=5)
    assert usage.shape == (5, 5, 5)
    assert usage.sum().item() == pytest.approx(1)
    assert usage[0, 2, 4] > 0  # blue 0, green a half, red full
    blue, green, red = usage.nonzero().unbind(1)
    assert blue.max() <= 1
    assert green.min() >= 1
    assert green.max() <= 3
    assert red.min() >= 3
