"""kornia: geometry and synthetic composites in one module."""

from __future__ import annotations

import kornia.augmentation as K
import pytest
import torch
from adapter_doubles import ToyAugment, disc, photo, strong_composite
from torch import Tensor

from harmaug.adapters.kornia import KorniaAugment


def _batch() -> tuple[Tensor, Tensor, Tensor]:
    real, mask = photo(4, 40, 40), disc(4, 40, 40)
    return strong_composite(real, mask), real, mask


def test_geometry_is_shared_and_background_is_real() -> None:
    module = KorniaAugment(
        ToyAugment(),
        K.RandomHorizontalFlip(p=0.5),
        K.RandomResizedCrop((24, 24), scale=(0.3, 0.9), p=1.0),
        space="unit",
        p=1.0,
    )
    torch.manual_seed(0)
    composite, real, mask = module(*_batch())
    assert composite.shape == real.shape == (4, 3, 24, 24)
    assert mask.shape == (4, 1, 24, 24)
    outside = (mask == 0).expand_as(real)
    assert torch.equal(composite[outside], real[outside])
    assert not torch.equal(composite, real)


def test_soft_edges_survive_the_geometry() -> None:
    module = KorniaAugment(ToyAugment(), K.RandomRotation(20.0, p=1.0), space="unit")
    mask = module(*_batch())[2]
    assert ((mask > 0.05) & (mask < 0.95)).float().mean() > 0.05


def test_kept_composites_only_move() -> None:
    module = KorniaAugment(ToyAugment(), K.RandomHorizontalFlip(p=1.0), space="unit", p=0.0)
    composite, real, mask = _batch()
    moved = module(composite, real, mask)
    for after, before in zip(moved, (composite, real, mask), strict=True):
        assert torch.equal(after, before.flip(-1))


def test_photos_without_composites_get_one_each() -> None:
    composite, real, _ = KorniaAugment(ToyAugment(), space="unit", p=0.0)(None, *_batch()[1:])
    assert ((composite != real).flatten(1).any(1)).all()


def test_geometry_is_not_needed() -> None:
    _, real, mask = _batch()
    made = KorniaAugment(ToyAugment(), space="pm1", p=1.0)(real * 2 - 1, real * 2 - 1, mask)
    assert torch.equal(made[1], real * 2 - 1)


def test_colour_operations_are_refused() -> None:
    nested = K.ImageSequential(K.RandomHorizontalFlip(), K.ColorJitter(0.1))
    with pytest.raises(ValueError, match="ColorJitter changes colours, the ground truth's"):
        KorniaAugment(ToyAugment(), nested, space="unit")


def test_augmenter_stays_out_of_the_module() -> None:
    augment = ToyAugment()
    augment.weight = torch.nn.Parameter(torch.zeros(3))
    module = KorniaAugment(augment, K.RandomHorizontalFlip(), space="unit")
    assert not list(module.parameters())
    assert not module.state_dict()
