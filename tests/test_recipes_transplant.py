"""Changes of true pairs, put on the foregrounds of other photos."""

import pytest
import torch

from harmaug.evaluation.metrics import fmse
from harmaug.lut import composite_lut, identity_lut, mix_luts
from harmaug.recipes.transplant import Transplant


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def basis():
    """A darker and a brighter one, the identity, and a warm one."""
    gain = torch.tensor([[0.4, 0.4, 0.4], [1.5, 1.5, 1.5], [1, 1, 1], [1.2, 1, 0.6]])
    return identity_lut(9) * gain.view(4, 3, 1, 1, 1)


def photos(batch=6, seed=0):
    real = torch.rand(batch, 3, 24, 24, generator=generator(seed)) * 0.4 + 0.1
    mask = torch.zeros(batch, 1, 24, 24)
    mask[..., 4:12, 3:-3] = 1
    mask[..., 12:20, 3:-3] = 0.4
    return real, mask


def pairs(weights, seed=0):
    real, mask = photos(len(weights), seed)
    return real, mask, composite_lut(real, mask, mix_luts(weights, basis()).unsqueeze(1))[:, 0]


def test_another_photo_changes_as_the_pair_did():
    weights = torch.tensor([[0.7, 0, 0.3, 0]])
    recipe = Transplant.fit(basis(), *pairs(weights))
    real, mask = photos(5, seed=1)
    made = recipe(real, mask)
    changes = mix_luts(weights, basis()).expand(5, 1, -1, -1, -1, -1)
    expected = composite_lut(real, mask, changes)[:, 0]
    assert (made - expected).abs().max() < 0.01


def test_every_pair_has_its_turn_and_the_generator_decides():
    recipe = Transplant.fit(basis(), *pairs(torch.eye(4)[[0, 1, 3]]))
    real, mask = (values[:1].expand(60, -1, -1, -1) for values in photos())
    made = recipe(real, mask, generator(3))
    shift = ((made - real) * mask).mean((2, 3))
    assert len(shift.mul(1e4).round().unique(dim=0)) == 3
    assert made.equal(recipe(real, mask, generator(3)))


def test_what_the_basis_cannot_follow_keeps_the_strength_of_its_pair():
    real, mask, composite = pairs(torch.tensor([[0.2, 0, 0.8, 0]] * 8))
    noise = 0.05 * torch.randn(composite.shape, generator=generator(2))
    noisy = (composite + mask * noise).clamp(0, 1)
    recipe = Transplant.fit(basis(), real, mask, noisy)
    same = Transplant(recipe.weights[:1], recipe.gains[:1], recipe.basis)
    made = same(real[:1], mask[:1])
    assert recipe.gains.min() > 1.05
    assert fmse(made, real[:1], mask[:1]) == pytest.approx(
        fmse(noisy[:1], real[:1], mask[:1]).item(), rel=0.05
    )


def test_a_pair_without_a_change_leaves_photos_alone():
    real, mask = photos()
    recipe = Transplant.fit(basis(), real, mask, real)
    assert recipe.gains.max() <= 2
    assert (recipe(real, mask) - real).abs().max() < 0.01


def test_the_background_stays_to_the_bit_and_the_foreground_in_range():
    recipe = Transplant.fit(basis(), *pairs(torch.eye(4)))
    real, mask = photos(30, seed=4)
    made = recipe((real * 2).clamp(0, 1), mask, generator())
    outside = (mask == 0).expand_as(real)
    assert made[outside].equal((real * 2).clamp(0, 1)[outside])
    assert 0 <= made.min() <= made.max() <= 1
