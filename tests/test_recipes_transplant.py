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


def from_a_side(batch=1):
    """Dark at the left corners of the foreground's box, bright at the right ones."""
    weights = torch.zeros(batch, 4, 4)
    weights[:, [0, 2], 0] = weights[:, [1, 3], 1] = 1
    return weights


def lit(real, mask, weights):
    """An independent way: two whole composites, blended along the foreground."""
    left, right = (
        composite_lut(real, mask, mix_luts(weights[:, corner], basis()).unsqueeze(1))[:, 0]
        for corner in (0, 1)
    )
    columns = torch.arange(24) + 0.5
    return torch.lerp(left, right, ((columns - 3) / 18).expand_as(real))


def test_light_from_a_side_is_found_and_put_on_other_photos_from_either_side():
    real, mask = photos(4)
    mask = (mask > 0).float()  # its box is that of the columns 3 to 20
    composite = torch.where(mask > 0, lit(real, mask, from_a_side(4)), real)
    recipe = Transplant.fit(basis(), real, mask, composite, corners=True)
    torch.testing.assert_close(recipe.weights, from_a_side(4), atol=0.05, rtol=0)
    other, _ = photos(40, seed=1)
    mask = mask[:1].expand(40, -1, -1, -1)
    made = recipe(other, mask, generator())
    as_it_was = lit(other, mask, from_a_side(40))
    mirrored = lit(other, mask, from_a_side(40)[:, [1, 0, 3, 2]])
    errors = torch.stack([((made - x) * mask).abs().amax((1, 2, 3)) for x in (as_it_was, mirrored)])
    assert errors.amin(0).max() < 0.05
    assert 8 < (errors[0] < errors[1]).sum() < 32
    assert made[mask.expand_as(made) == 0].equal(other[mask.expand_as(made) == 0])


def test_corners_change_nothing_where_the_change_is_one_for_the_whole_foreground():
    weights = torch.tensor([[0.7, 0, 0.3, 0]])
    real, mask, composite = pairs(weights)
    recipe = Transplant.fit(basis(), real, mask, composite, corners=True)
    torch.testing.assert_close(recipe(real, mask, generator()), composite, atol=0.02, rtol=0)


def test_a_mask_that_is_empty_or_a_pixel_takes_a_change_with_corners():
    recipe = Transplant(from_a_side(), torch.ones(1), basis())
    real, mask = photos(2)
    mask = torch.zeros_like(mask)
    mask[1, 0, 23, 0] = 1
    made = recipe(real, mask, generator())
    assert made.isfinite().all()
    assert (made != real).any(1).sum() == 1
