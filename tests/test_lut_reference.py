"""The definition of the LUT composite, against grid_sample, by hand and by finite differences."""

import pytest
import torch
from torch.nn import functional as F

from harmaug.lut import identity_lut, reference


def by_grid_sample(image, mask, lut):
    """The same composite by 5-D grid_sample, for images in [0, 1]."""
    results = []
    for index in range(lut.shape[1]):
        grid = image.mul(2).sub(1).permute(0, 2, 3, 1).unsqueeze(1)
        looked_up = F.grid_sample(lut[:, index], grid, align_corners=True, padding_mode="border")
        results.append(looked_up.squeeze(2))
    result = torch.stack(results, 1)
    if mask is not None:
        alpha = mask.unsqueeze(1)
        result = (1 - alpha) * image.unsqueeze(1) + alpha * result
    return result.clamp(0, 1)


def by_grid_sample_in_space(image, mask, lut):
    """Look every pixel up in all LUTs of a grid, and weigh them by the place of the pixel."""
    rows, columns = lut.shape[2:4]
    height, width = image.shape[2:]
    result = torch.zeros(len(image), lut.shape[1], 3, height, width, dtype=image.dtype)
    for row in range(rows):
        down = hats(height, rows)[row]
        for column in range(columns):
            weight = down[:, None] * hats(width, columns)[column]
            for index in range(lut.shape[1]):
                grid = image.mul(2).sub(1).permute(0, 2, 3, 1).unsqueeze(1)
                looked_up = F.grid_sample(
                    lut[:, index, row, column], grid, align_corners=True, padding_mode="border"
                )
                result[:, index] += weight * looked_up.squeeze(2)
    if mask is not None:
        alpha = mask.unsqueeze(1)
        result = (1 - alpha) * image.unsqueeze(1) + alpha * result
    return result.clamp(0, 1)


def hats(pixels, nodes):
    """Weights (nodes, pixels) of bilinear interpolation along an axis."""
    if nodes == 1:
        return torch.ones(1, pixels, dtype=torch.double)
    place = (torch.arange(pixels, dtype=torch.double) + 0.5) / pixels
    node = torch.linspace(0, 1, nodes, dtype=torch.double)[:, None]
    return (1 - (place - node).abs() * (nodes - 1)).clamp_min(0)


def by_six_tetrahedra(colour, lut):
    """Look one colour up, a case a tetrahedron, as the formula is commonly printed."""
    size = lut.shape[-1]
    place = [float(value) * (size - 1) for value in colour]
    cell = [min(int(value), size - 2) for value in place]
    r, g, b = (value - low for value, low in zip(place, cell, strict=True))

    def node(red, green, blue):
        return lut[:, cell[2] + blue, cell[1] + green, cell[0] + red]

    black, white = node(0, 0, 0), node(1, 1, 1)
    if r > g:
        if g > b:
            return (1 - r) * black + (r - g) * node(1, 0, 0) + (g - b) * node(1, 1, 0) + b * white
        if r > b:
            return (1 - r) * black + (r - b) * node(1, 0, 0) + (b - g) * node(1, 0, 1) + g * white
        return (1 - b) * black + (b - r) * node(0, 0, 1) + (r - g) * node(1, 0, 1) + g * white
    if b > g:
        return (1 - b) * black + (b - g) * node(0, 0, 1) + (g - r) * node(0, 1, 1) + r * white
    if b > r:
        return (1 - g) * black + (g - b) * node(0, 1, 0) + (b - r) * node(0, 1, 1) + r * white
    return (1 - g) * black + (g - r) * node(0, 1, 0) + (r - b) * node(1, 1, 0) + b * white


@pytest.mark.parametrize("size", [2, 3, 9])
def test_tetrahedral_values_are_those_of_the_six_cases(size):
    image = torch.rand(1, 3, 1, 300, dtype=torch.double)
    image[..., ::5] = (image[..., ::5] * (size - 1)).round() / (size - 1)  # on the nodes
    image[..., ::7] = image[:, :1, :, ::7]  # grey
    lut = torch.rand(1, 1, 3, size, size, size, dtype=torch.double)
    found = reference.composite(image, None, lut, tetrahedral=True)[0, 0, :, 0]
    wanted = [by_six_tetrahedra(image[0, :, 0, i], lut[0, 0]) for i in range(300)]
    torch.testing.assert_close(found, torch.stack(wanted, 1))


@pytest.mark.slow
@pytest.mark.parametrize("grid", [(), (2, 3)])
def test_tetrahedral_gradients_agree_with_finite_differences(grid):
    image = torch.rand(2, 3, 2, 3, dtype=torch.double) * 0.8 + 0.1
    mask = torch.rand(2, 1, 2, 3, dtype=torch.double) * 0.8 + 0.1
    lut = torch.rand(2, 2, *grid, 3, 3, 3, 3, dtype=torch.double) * 0.8 + 0.1
    inputs = [tensor.requires_grad_() for tensor in (image, mask, lut)]
    assert torch.autograd.gradcheck(lambda *x: reference.composite(*x, tetrahedral=True), inputs)


GRIDS = [(1, 1), (2, 2), (1, 2), (3, 1), (4, 5), (17, 19)]  # the last finer than the picture


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [1.4, 50])
def test_a_grid_of_luts_agrees_with_grid_sample_and_bilinear_weights(grid, masked, scale):
    image = torch.rand(2, 3, 13, 7, dtype=torch.double)
    mask = torch.rand(2, 1, 13, 7, dtype=torch.double) if masked else None
    lut = (torch.rand(2, 3, *grid, 3, 5, 5, 5, dtype=torch.double) - 0.5) * scale + 0.5
    expected = by_grid_sample_in_space(image, mask, lut)
    torch.testing.assert_close(reference.composite(image, mask, lut), expected)
    if masked:
        single = reference.composite(image.float(), mask.float(), lut.float())
        torch.testing.assert_close(single.double(), expected, atol=2e-7 * max(10, scale), rtol=0)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_of_equal_luts_is_that_lut(grid):
    image, lut = torch.rand(2, 3, 13, 7), torch.rand(2, 3, 3, 5, 5, 5)
    result = reference.composite(
        image, None, lut[:, :, None, None].expand(2, 3, *grid, *lut.shape[2:])
    )
    assert torch.equal(result, reference.composite(image, None, lut))


@pytest.mark.parametrize("size", [2, 3, 17, 33, 64])
@pytest.mark.parametrize("masked", [False, True])
def test_reference_agrees_with_grid_sample(size, masked):
    image = torch.rand(2, 3, 13, 7, dtype=torch.double)
    mask = torch.rand(2, 1, 13, 7, dtype=torch.double) if masked else None
    lut = torch.rand(2, 3, 3, size, size, size, dtype=torch.double) * 1.4 - 0.2
    expected = by_grid_sample(image, mask, lut)
    torch.testing.assert_close(reference.composite(image, mask, lut), expected)


def test_grid_nodes_are_met_exactly():
    lut = torch.rand(1, 1, 3, 5, 5, 5)
    colours = identity_lut(5).flatten(1).view(1, 3, 5, 25)
    looked_up = reference.composite(colours, None, lut).view(1, 1, 3, 5, 5, 5)
    torch.testing.assert_close(looked_up, lut, atol=1e-6, rtol=0)


def test_colours_outside_the_unit_cube_are_clamped_into_it():
    image = torch.tensor([-3.0, float("-inf"), 7.0, float("inf")]).expand(1, 3, 1, 4)
    lut = torch.rand(1, 1, 3, 4, 4, 4)
    looked_up = reference.composite(image, None, lut)[0, 0, :, 0]
    black, white = lut[0, 0, :, 0, 0, 0], lut[0, 0, :, -1, -1, -1]
    torch.testing.assert_close(looked_up, torch.stack((black, black, white, white), 1))


def test_a_nan_channel_makes_its_pixel_nan_and_no_other():
    image = torch.rand(1, 3, 4, 4)
    image[0, 1, 2, 3] = torch.nan
    result = reference.composite(image, None, torch.rand(1, 2, 3, 3, 3, 3))
    broken = torch.zeros(4, 4, dtype=torch.bool)
    broken[2, 3] = True
    assert torch.equal(result.isnan(), broken.expand_as(result))


@pytest.mark.parametrize("tetrahedral", [False, True])
def test_a_saturated_lut_stays_exactly_at_one(tetrahedral):
    image, ones = torch.rand(1, 3, 50, 50), torch.ones(1, 1, 3, 17, 17, 17)
    assert (reference.composite(image, None, ones, tetrahedral) == 1).all()


@pytest.mark.parametrize("value", [0.0, -0.5, float("nan")])
def test_where_the_mask_is_not_above_zero_the_bits_stay(value):
    image = torch.randn(1, 3, 5, 5) * 9
    image[0, :, 0, 0] = torch.nan
    mask = torch.full((1, 1, 5, 5), value)
    result = reference.composite(image, mask, torch.rand(1, 1, 3, 3, 3, 3))
    assert torch.equal(result[0, 0].view(torch.int32), image[0].view(torch.int32))


def test_eight_bits_round_half_up():
    image = torch.tensor([10, 128, 250], dtype=torch.uint8).view(1, 3, 1, 1)
    lut = torch.tensor([0.5 / 255, 1.49 / 255, 254.5 / 255]).view(1, 1, 3, 1, 1, 1)
    result = reference.composite(image, None, lut.expand(1, 1, 3, 2, 2, 2))
    assert result.flatten().tolist() == [1, 1, 255]


def test_eight_bit_background_stays():
    image = torch.randint(0, 256, (2, 3, 9, 9), dtype=torch.uint8)
    mask = torch.zeros(2, 1, 9, 9)
    result = reference.composite(image, mask, torch.rand(2, 2, 3, 3, 3, 3))
    assert torch.equal(result, image.unsqueeze(1).expand_as(result))


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("grid", [(), (2, 2), (3, 1), (1, 4)])
def test_gradients_agree_with_finite_differences(masked, grid):
    image = torch.rand(2, 3, 2, 3, dtype=torch.double) * 0.8 + 0.1
    mask = torch.rand(2, 1, 2, 3, dtype=torch.double) * 0.8 + 0.1
    lut = torch.rand(2, 2, *grid, 3, 3, 3, 3, dtype=torch.double) * 0.8 + 0.1
    inputs = [image.requires_grad_(), mask.requires_grad_(), lut.requires_grad_()]
    if masked:
        assert torch.autograd.gradcheck(reference.composite, inputs)
    else:
        assert torch.autograd.gradcheck(
            lambda image, lut: reference.composite(image, None, lut), inputs[::2]
        )


def test_a_nan_pixel_of_the_foreground_has_no_gradient_and_spoils_none():
    image = torch.rand(1, 3, 4, 4)
    image[0, 0, 1, 1] = torch.nan
    mask, lut = torch.full((1, 1, 4, 4), 0.5), torch.rand(1, 1, 3, 3, 3, 3)
    grads = reference.composite_backward(
        torch.ones(1, 1, 3, 4, 4), image, mask, lut, True, True, True
    )
    assert not any(grad.isnan().any() for grad in grads)
    assert (grads[0][0, :, 1, 1] == 0).all()
    assert grads[1][0, 0, 1, 1] == 0


def test_gradients_not_asked_for_come_back_empty():
    image, lut = torch.rand(1, 3, 4, 4), torch.rand(1, 1, 3, 3, 3, 3)
    grads = reference.composite_backward(
        torch.ones(1, 1, 3, 4, 4), image, None, lut, False, True, False
    )
    assert [grad.numel() for grad in grads] == [0, 0, 0]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_results_lie_in_memory_as_the_image_does(layout, dtype):
    image = torch.randint(0, 2, (2, 3, 4, 5)).to(dtype).contiguous(memory_format=layout)
    result = reference.composite(image, None, torch.rand(2, 3, 3, 2, 2, 2))
    assert result[:, 0].stride()[1:] == image.stride()[1:]
    assert result.stride() == reference.empty_result(image, 3).stride()
