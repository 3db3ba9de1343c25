"""A learnable LUT, and its terms."""

from __future__ import annotations

import io

import pytest
import torch

from harmaug.lut import (
    Lut3d,
    apply_lut,
    composite_lut,
    identity_lut,
    lut_monotonicity,
    lut_smoothness,
    resize_lut,
)


@pytest.fixture
def image():
    return torch.rand(2, 3, 8, 9, generator=torch.Generator().manual_seed(0))


def random_lut(size=5, seed=0):
    return torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(seed))


def test_it_starts_as_the_identity(image):
    torch.testing.assert_close(Lut3d(17)(image), image)


def test_it_is_the_operator(image):
    lut, mask = Lut3d(initial=random_lut()), torch.rand(2, 1, 8, 9)
    assert torch.equal(lut(image), apply_lut(image, lut.lut))
    assert torch.equal(lut(image, mask), composite_lut(image, mask, lut.lut))
    assert lut(image[0]).shape == (3, 8, 9)
    way = lut(image, interpolation="tetrahedral")
    assert torch.equal(way, apply_lut(image, lut.lut, interpolation="tetrahedral"))


def test_the_background_keeps_its_bits(image):
    mask = torch.zeros(2, 1, 8, 9)
    mask[..., 4:] = 1
    result = Lut3d(initial=random_lut())(image, mask)
    assert torch.equal(result[..., :4], image[..., :4])


def test_its_one_parameter_is_the_lut_and_is_stored():
    lut, file = Lut3d(initial=random_lut()), io.BytesIO()
    assert [name for name, _ in lut.named_parameters()] == ["lut"]
    torch.save(lut.state_dict(), file)
    file.seek(0)
    again = Lut3d(5)
    again.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(again.lut, lut.lut)
    assert repr(lut) == "Lut3d(size=5)"


def test_it_learns_a_look(image):
    look = resize_lut(random_lut(2, seed=3), 5)
    wanted = apply_lut(image, look)
    lut = Lut3d(5)
    optimizer = torch.optim.Adam(lut.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (lut(image) - wanted).square().mean().backward()
        optimizer.step()
    assert (lut(image) - wanted).abs().mean() < 0.005


def test_initial_is_copied():
    start = random_lut()
    lut = Lut3d(initial=start)
    with torch.no_grad():
        lut.lut.zero_()
    assert start.abs().sum() > 0


def differences(lut):
    """Differences of neighbours along red, green and blue, by loops over the definition."""
    size, table = lut.shape[-1], lut.tolist()
    found = ([], [], [])
    for c in range(3):
        for b in range(size):
            for g in range(size):
                for r in range(size):
                    here = table[c][b][g][r]
                    if r + 1 < size:
                        found[0].append(table[c][b][g][r + 1] - here)
                    if g + 1 < size:
                        found[1].append(table[c][b][g + 1][r] - here)
                    if b + 1 < size:
                        found[2].append(table[c][b + 1][g][r] - here)
    return [torch.tensor(axis) for axis in found]


class TestTerms:
    def test_they_are_their_definitions(self):
        lut = random_lut(4)
        steps = differences(lut)
        smooth = sum(step.square().mean() for step in steps)
        monotone = sum((-step).clamp(min=0).mean() for step in steps)
        torch.testing.assert_close(lut_smoothness(lut), smooth)
        torch.testing.assert_close(lut_monotonicity(lut), monotone)
        module = Lut3d(initial=lut)
        torch.testing.assert_close(module.smoothness(), smooth)
        torch.testing.assert_close(module.monotonicity(), monotone)

    def test_the_identity_is_monotone_and_its_smoothness_that_of_its_steps(self):
        assert lut_monotonicity(identity_lut(5)) == 0
        torch.testing.assert_close(lut_smoothness(identity_lut(5)), torch.tensor(1 / 16))

    def test_a_negative_is_not_monotone(self):
        torch.testing.assert_close(lut_monotonicity(1 - identity_lut(5)), torch.tensor(0.25))

    def test_they_take_many_luts(self):
        luts = torch.stack([random_lut(seed=seed) for seed in range(6)]).reshape(2, 3, 3, 5, 5, 5)
        for term in (lut_smoothness, lut_monotonicity):
            assert term(luts).shape == (2, 3)
            torch.testing.assert_close(term(luts)[1, 2], term(luts[1, 2]))

    def test_they_have_gradients(self):
        lut = random_lut(3).double().requires_grad_()
        assert torch.autograd.gradcheck(lut_smoothness, lut)
        assert torch.autograd.gradcheck(lut_monotonicity, lut)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 1}, ValueError, "size must be at least 2, got 1"),
        ({"initial": torch.zeros(1, 3, 4, 4, 4)}, ValueError, "initial must be one LUT"),
        ({"initial": torch.zeros(3, 4, 4, 5)}, ValueError, "initial must be"),
        ({"initial": torch.zeros(3, 4, 4, 4, dtype=torch.int64)}, TypeError, "floating point"),
    ],
)
def test_bad_arguments_are_told(arguments, error, message):
    with pytest.raises(error, match=message):
        Lut3d(**arguments)
