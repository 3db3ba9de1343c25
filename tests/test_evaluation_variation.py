import torch

from harmaug.evaluation.variation import variation
from harmaug.lut import apply_lut, identity_lut
from harmaug.lut.box import box_weights

SIDE = 24
LINE = (torch.arange(SIDE) + 0.5) / SIDE
ROW, COLUMN = (x.reshape(1, -1) for x in torch.meshgrid(LINE, LINE, indexing="ij"))
MASK = torch.ones(1, 1, SIDE, SIDE)
CORNERS = box_weights(MASK, COLUMN, ROW)
ALPHA = MASK.flatten(2)


def photo(seed=0):
    return torch.rand(1, 3, SIDE * SIDE, generator=torch.Generator().manual_seed(seed))


def test_one_smooth_lut_hardly_varies():
    real = photo()
    for power in (0.6, 1.5):
        changed = apply_lut(real.unsqueeze(2), identity_lut(17) ** power).squeeze(2)
        change = (changed - real).square().mean() * 255**2
        assert variation(real, changed, ALPHA, CORNERS).item() < 0.01 * change


def test_a_ramp_of_gain_varies_by_as_much_as_one_gain_cannot_explain():
    real = photo()
    composite = real * (1 + 0.4 * (COLUMN - 0.5))
    mean = (real * 0.4 * (COLUMN - 0.5)).square().mean() * 255**2
    found = variation(real, composite, ALPHA, CORNERS).item()
    torch.testing.assert_close(found, mean.item(), rtol=0.15, atol=0)


def test_only_pixels_under_the_mask_count():
    real, alpha = photo(), (COLUMN < 0.5).float().unsqueeze(1)
    composite = torch.where(alpha > 0, real, 1 - real * COLUMN)
    assert variation(real, composite, alpha, CORNERS).item() < 1e-3


def test_an_empty_mask_and_a_flat_foreground_give_finite_figures():
    flat = torch.full((1, 3, SIDE * SIDE), 0.5)
    assert variation(flat, flat * 0.5, ALPHA, CORNERS).item() < 1
    assert variation(flat, flat * 0.5, ALPHA * 0, CORNERS).item() == 0
