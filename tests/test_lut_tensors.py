"""3D LUTs as tensors."""

import pytest
import torch

from harmaug.lut import apply_lut, identity_lut, lut_roughness, mix_luts, resize_lut
from harmaug.lut.tensors import check_lut


def test_identity_lut_has_red_fastest():
    lut = identity_lut(5)
    assert lut.shape == (3, 5, 5, 5)
    blue, green, red = 4, 2, 1
    assert lut[:, blue, green, red].tolist() == [0.25, 0.5, 1.0]


def test_identity_lut_maps_every_colour_to_itself():
    image = torch.rand(3, 20, 30)
    torch.testing.assert_close(apply_lut(image, identity_lut(7)), image, atol=1e-6, rtol=0)


def test_identity_lut_takes_dtype():
    assert identity_lut(3, dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize("size", [1, 0, -3])
def test_identity_lut_needs_two_nodes(size):
    with pytest.raises(ValueError, match="at least 2"):
        identity_lut(size)


def test_mix_luts_is_a_weighted_sum():
    basis, weights = torch.rand(4, 3, 3, 3, 3), torch.rand(2, 5, 4)
    mixed = mix_luts(weights, basis)
    assert mixed.shape == (2, 5, 3, 3, 3, 3)
    expected = sum(weights[1, 2, k] * basis[k] for k in range(4))
    torch.testing.assert_close(mixed[1, 2], expected)


def test_mix_luts_of_one_hot_weights_picks_a_lut():
    basis = torch.rand(4, 3, 2, 2, 2)
    assert torch.equal(mix_luts(torch.eye(4)[2], basis), basis[2])


def test_mix_luts_is_differentiable():
    basis = torch.rand(3, 3, 2, 2, 2, dtype=torch.double, requires_grad=True)
    weights = torch.rand(2, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(mix_luts, (weights, basis))


@pytest.mark.parametrize("weights", [torch.ones(5), torch.tensor(1.0)])
def test_mix_luts_refuses_weights_that_do_not_fit_the_basis(weights):
    with pytest.raises(ValueError, match="same K"):
        mix_luts(weights, torch.rand(4, 3, 2, 2, 2))


@pytest.mark.parametrize("size", [5, 9, 17, 33])
def test_refining_a_grid_keeps_the_function(size):
    lut = torch.rand(2, 3, 5, 5, 5)
    image = torch.rand(2, 3, 9, 9)
    refined = resize_lut(lut, 4 * (size - 1) + 1)
    torch.testing.assert_close(apply_lut(image, refined), apply_lut(image, lut), atol=2e-6, rtol=0)


def test_resizing_to_fewer_nodes_keeps_the_corners():
    lut = torch.rand(3, 9, 9, 9)
    small = resize_lut(lut, 2)
    assert small.shape == (3, 2, 2, 2)
    torch.testing.assert_close(small, lut[:, ::8, ::8, ::8])


def test_resize_lut_needs_two_nodes():
    with pytest.raises(ValueError, match="at least 2"):
        resize_lut(torch.rand(3, 3, 3, 3), 1)


def test_roughness_of_an_affine_map_is_zero():
    matrix, offset = torch.rand(3, 3), torch.rand(3)
    lut = torch.einsum("ij,jbgr->ibgr", matrix, identity_lut(9)) + offset.view(3, 1, 1, 1)
    assert lut_roughness(lut) < 1e-8


def test_roughness_of_a_square_does_not_depend_on_the_grid():
    # Second derivative 2 along one axis of three, in one channel of three: (2^2) / 9.
    for size in (5, 17):
        lut = torch.zeros(3, size, size, size, dtype=torch.double)
        lut[0] = identity_lut(size, dtype=torch.double)[0] ** 2
        torch.testing.assert_close(lut_roughness(lut), torch.tensor(4 / 9, dtype=torch.double))


def test_roughness_needs_three_nodes():
    with pytest.raises(ValueError, match="at least 3"):
        lut_roughness(identity_lut(2))


@pytest.mark.parametrize(
    "shape", [(3, 4, 4), (4, 3, 3, 3), (3, 4, 4, 5), (3, 1, 1, 1), (3, 0, 0, 0)]
)
def test_a_tensor_that_is_no_lut_is_refused_with_its_shape(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., 3, D, D, D\)"):
        check_lut(torch.zeros(shape))


def test_integer_luts_and_arrays_are_refused():
    with pytest.raises(TypeError, match="floating point"):
        check_lut(torch.zeros(3, 2, 2, 2, dtype=torch.uint8))
    with pytest.raises(TypeError, match=r"torch\.Tensor"):
        check_lut(torch.zeros(3, 2, 2, 2).numpy())  # type: ignore[arg-type]
