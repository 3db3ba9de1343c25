"""What a LUT file means: curves, then a 3D LUT, on pictures and baked into one table."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lut_files import KINDS, cube, cube_domain, cube_shaper, spi1d

from harmaug.lut import apply_lut, identity_lut, read_cube, read_lut, resize_lut
from harmaug.lut.lut_file import Curves, LutFile, unit_domain


@pytest.fixture
def image():
    return torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def curves(*rows, domain=(0.0, 1.0)):
    low, high = domain
    ends = torch.tensor([[low] * 3, [high] * 3], dtype=torch.float64)
    return Curves(torch.tensor(rows), ends)


def random_lut(size, seed=0):
    return torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(seed))


class TestCurves:
    def test_they_are_numpys_linear_interpolation(self, image):
        rows = [[0.0, 0.7, 0.4], [1.0, 0.5, 0.0], [0.2, 0.3, 0.9]]
        got = curves(*rows, domain=(-0.5, 0.8))(image)
        for channel, row in enumerate(rows):
            nodes = np.linspace(-0.5, 0.8, 3)
            wanted = np.interp(image[:, channel].numpy(), nodes, row)
            np.testing.assert_allclose(got[:, channel], wanted, atol=1e-6)

    def test_colours_outside_the_domain_take_its_ends(self):
        ends = curves([0.1, 0.9], [0.2, 0.8], [0.3, 0.7], domain=(0.2, 0.6))
        got = ends(torch.tensor([-torch.inf, 0.0, 0.2, 0.6, 1.0, torch.inf]).expand(1, 3, -1))
        for channel, (low, high) in enumerate([(0.1, 0.9), (0.2, 0.8), (0.3, 0.7)]):
            torch.testing.assert_close(got[0, channel], torch.tensor([low] * 3 + [high] * 3))

    def test_a_nan_stays_one_and_reads_no_foreign_memory(self):
        got = curves([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])(torch.full((1, 3, 2), torch.nan))
        assert got.isnan().all()

    def test_gradients_are_right(self, image):
        shaper = curves([0.0, 0.7, 0.9], [0.0, 0.5, 1.0], [0.2, 0.3, 0.9])
        inside = image.double()[:1, :, :2, :2].requires_grad_()
        assert torch.autograd.gradcheck(shaper, inside)


class TestCall:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
    def test_dtypes_agree_and_are_kept(self, tmp_path, image, kind):
        lut = read_lut(kind(tmp_path / f"a{KINDS[kind]}", np.random.default_rng(0)).path)
        full = lut(image.double())
        assert full.dtype == torch.float64
        torch.testing.assert_close(lut(image), full.float(), atol=2e-6, rtol=0)
        assert lut(image.half()).dtype == torch.float16
        codes = (image * 255).round().to(torch.uint8)
        wanted = lut(codes.double() / 255) * 255
        assert (lut(codes).double() - wanted).abs().max() <= 0.501

    def test_a_plain_lut_is_the_operator_bit_for_bit(self, tmp_path, image):
        path = cube(tmp_path / "a.cube", np.random.default_rng(3)).path
        assert torch.equal(read_lut(path)(image), apply_lut(image, read_cube(path)))

    def test_one_picture_has_the_shape_of_one(self, image):
        lut = LutFile((curves([0.0, 0.5], [0.0, 0.5], [0.0, 0.5]),), identity_lut(2), unit_domain())
        assert torch.equal(lut(image[0]), lut(image)[0])

    def test_a_shaper_comes_before_the_lut(self, image):
        half = curves([0.0, 0.5], [0.0, 0.5], [0.0, 0.5])
        lut = random_lut(5)
        torch.testing.assert_close(
            LutFile((half,), lut, unit_domain())(image), apply_lut(image / 2, lut)
        )

    def test_the_lut_takes_colours_of_its_domain(self, image):
        lut, domain = random_lut(5), torch.tensor([[-1.0] * 3, [2.0] * 3], dtype=torch.float64)
        torch.testing.assert_close(LutFile((), lut, domain)(image), apply_lut((image + 1) / 3, lut))

    def test_it_is_differentiable_in_the_picture(self, tmp_path, image):
        path = cube_shaper(tmp_path / "a.cube", np.random.default_rng(0)).path
        image.requires_grad_()
        read_lut(path)(image).sum().backward()
        assert image.grad.abs().sum() > 0

    @pytest.mark.parametrize(
        ("bad", "error", "message"),
        [
            (torch.zeros(4, 6, 8), ValueError, r"image must be \(B, 3, H, W\)"),
            (torch.zeros(3, 6, 8, dtype=torch.int64), TypeError, "floating point or uint8"),
            (np.zeros((3, 6, 8)), TypeError, "torch.Tensor"),
        ],
    )
    def test_bad_pictures_are_told(self, bad, error, message):
        with pytest.raises(error, match=message):
            LutFile((), identity_lut(2), unit_domain())(bad)


class TestToLut3d:
    def test_a_plain_lut_is_itself(self, tmp_path):
        path = cube(tmp_path / "a.cube", np.random.default_rng(3)).path
        plain = read_cube(path)
        baked = read_lut(path).to_lut3d(plain.shape[-1])
        assert torch.equal(baked.lut, plain)
        assert (baked.mean_error, baked.largest_error) == (0, 0)

    def test_a_plain_lut_of_another_size_is_resampled(self):
        lut = random_lut(5)
        baked = LutFile((), lut, unit_domain()).to_lut3d(9)
        assert torch.equal(baked.lut, resize_lut(lut, 9))
        assert baked.largest_error < 1e-6  # 9 nodes hold all of 5

    @pytest.mark.parametrize("kind", [cube_domain, cube_shaper, spi1d])
    def test_nodes_are_exact(self, tmp_path, kind):
        path = kind(tmp_path / f"a{KINDS[kind]}", np.random.default_rng(1)).path
        lut, size = read_lut(path), 9
        nodes = identity_lut(size).reshape(1, 3, size, -1)
        baked = lut.to_lut3d(size).lut.reshape(1, 3, size, -1)
        torch.testing.assert_close(baked.clamp(0, 1), lut(nodes), atol=2e-6, rtol=0)

    def test_its_error_is_what_it_says_and_falls_with_more_nodes(self, tmp_path):
        path = cube_domain(tmp_path / "a.cube", np.random.default_rng(2)).path
        lut = read_lut(path)
        colours = torch.rand(1, 3, 50, 200, generator=torch.Generator().manual_seed(5))
        errors = []
        for size in (5, 17, 65):
            baked = lut.to_lut3d(size)
            error = (lut(colours) - apply_lut(colours, baked.lut)).abs()
            assert baked.mean_error == pytest.approx(error.mean().item(), rel=0.1)
            assert error.max() <= baked.largest_error * 1.1
            errors.append(baked.mean_error)
        assert errors[0] > 4 * errors[1] > 16 * errors[2]

    def test_values_outside_the_unit_range_are_kept(self):
        wide = LutFile((curves([-0.5, 1.5], [-0.5, 1.5], [-0.5, 1.5]),), None, unit_domain())
        baked = wide.to_lut3d(5).lut
        torch.testing.assert_close(baked, identity_lut(5) * 2 - 0.5)

    def test_size_one_is_refused(self):
        with pytest.raises(ValueError, match="size must be at least 2, got 1"):
            LutFile((), identity_lut(2), unit_domain()).to_lut3d(1)
