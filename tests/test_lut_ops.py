"""The public LUT functions: shapes, types, errors, gradients, compilation; any kernel may serve."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch.library import opcheck

import harmaug
from harmaug.inputs import as_photos
from harmaug.lut import apply_lut, backends, composite_lut, identity_lut, reference

LUT = torch.rand(3, 5, 5, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize("lut_lead", [(), (2,), (2, 4)])
def test_apply_lut_shapes(lead, lut_lead):
    if not lead and lut_lead:
        lut_lead = (1, *lut_lead[1:])
    image = torch.rand(*lead, 3, 6, 7)
    result = apply_lut(image, LUT.expand(*lut_lead, *LUT.shape))
    assert result.shape == (*lead, *lut_lead[1:], 3, 6, 7)
    assert result.dtype == image.dtype


@pytest.mark.parametrize("lead", [(), (2,)])
@pytest.mark.parametrize("many", [(), (4,)])
@pytest.mark.parametrize("shared", [False, True])
def test_shapes_of_grids_of_luts(lead, many, shared):
    image, batch = torch.rand(*lead, 3, 6, 7), 1 if shared or not lead else 2
    grid = torch.rand(batch, *many, 2, 3, *LUT.shape)
    result = apply_lut(image, grid)
    assert result.shape == (*lead, *many, 3, 6, 7)
    every = grid.expand(*(lead or (1,)), *grid.shape[1:])
    expected = apply_lut(image, every if many else every.unsqueeze(1))
    assert torch.equal(result, expected if many else expected.squeeze(1 if lead else 0))


@pytest.mark.parametrize("grid", [(2, 2), (1, 3), (5, 4)])
def test_a_grid_of_luts_serves_every_size_of_a_photo(grid):
    luts, small = torch.rand(1, *grid, *LUT.shape), torch.rand(1, 3, 6, 8)
    large = small.repeat_interleave(3, 2).repeat_interleave(3, 3)
    # The centre of every third row and column, from the second, is one of the small photo.
    sampled = apply_lut(large, luts)[..., 1::3, 1::3]
    torch.testing.assert_close(sampled, apply_lut(small, luts))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8])
def test_the_background_keeps_its_bits_under_any_grid_of_luts(dtype):
    image = (torch.rand(2, 3, 6, 7) * 200).to(dtype)
    for value in (torch.nan, 1e30):
        grid = torch.full((2, 4, 2, 2, *LUT.shape), value)
        result = composite_lut(image, torch.zeros(2, 6, 7), grid)
        assert torch.equal(result, image.unsqueeze(1).expand_as(result))


def test_luts_far_outside_the_range_mix_before_any_clamp():
    image, mask = torch.full((1, 3, 1, 2), 0.5), torch.full((1, 1, 2), 0.5)

    def between(left, right):
        ends = torch.tensor([left, right]).view(1, 1, 2, 1, 1, 1, 1)
        return ends.expand(1, 1, 2, *LUT.shape)

    # Pixels a quarter and three quarters of the way from 0.01 to 1.01, half of each beside half.
    result = composite_lut(image, mask, between(0.01, 1.01))
    torch.testing.assert_close(result, torch.tensor([0.38, 0.63]).expand(1, 3, 1, 2))
    middle = composite_lut(image[..., :1], mask[..., :1], between(-49.0, 51.0))
    torch.testing.assert_close(middle, torch.full((1, 3, 1, 1), 0.75))


@pytest.mark.parametrize("shape", [(2, 1, 6, 7), (2, 6, 7)])
def test_composite_lut_takes_masks_with_and_without_channel(shape):
    image, mask = torch.rand(2, 3, 6, 7), torch.rand(shape)
    result = composite_lut(image, mask, LUT)
    alpha = mask.view(2, 1, 6, 7)
    expected = (1 - alpha) * image + alpha * apply_lut(image, LUT)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(6, 7), (1, 6, 7)])
def test_composite_lut_takes_a_single_photo(shape):
    image, mask = torch.rand(3, 6, 7), torch.rand(shape)
    batch = composite_lut(image[None], mask.view(1, 1, 6, 7), LUT)
    assert torch.equal(composite_lut(image, mask, LUT), batch[0])


@pytest.mark.parametrize("dtype", [torch.bool, torch.float16, torch.bfloat16, torch.float64])
def test_masks_of_every_type_mean_the_same(dtype):
    image, mask = torch.rand(2, 3, 6, 7), torch.rand(2, 1, 6, 7) > 0.5
    expected = composite_lut(image, mask.float(), LUT)
    assert torch.equal(composite_lut(image, mask.to(dtype), LUT), expected)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.uint8]
)
def test_results_have_the_type_of_the_image(dtype):
    unit = torch.rand(2, 3, 6, 7)
    image = (unit * 255 if dtype == torch.uint8 else unit).to(dtype)
    result = apply_lut(image, identity_lut(5))
    assert result.dtype == dtype
    torch.testing.assert_close(result, image, atol=1 if dtype == torch.uint8 else 4e-3, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_luts_of_every_type_serve_a_float32_image(dtype):
    image = torch.rand(2, 3, 6, 7)
    torch.testing.assert_close(
        apply_lut(image, LUT.to(dtype)), apply_lut(image, LUT.to(dtype).float())
    )


def test_eight_bits_agree_with_pillow_within_one_level():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for size in (2, 17, 33):
        lut = torch.rand(3, size, size, size)
        table = ImageFilter.Color3DLUT(size, lut.permute(1, 2, 3, 0).flatten().tolist())
        expected = np.asarray(Image.fromarray(pixels).filter(table))
        result = apply_lut(torch.from_numpy(pixels).permute(2, 0, 1), lut)
        difference = result.permute(1, 2, 0).numpy().astype(int) - expected
        assert abs(difference).max() <= 1


def test_results_for_height_width_channel_arrays_are_again_such_arrays():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    result = apply_lut(torch.from_numpy(pixels).permute(2, 0, 1), LUT)
    assert result.permute(1, 2, 0).is_contiguous()
    planar = apply_lut(torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), LUT)
    assert torch.equal(result, planar)


def test_flipped_numpy_views_work_once_copied():
    flipped = np.random.default_rng(0).random((3, 8, 9), dtype=np.float32)[:, ::-1, ::-1]
    image = torch.from_numpy(flipped.copy())
    expected = apply_lut(torch.from_numpy(flipped[:, ::-1, ::-1].copy()), LUT).flip(1, 2)
    assert torch.equal(apply_lut(image, LUT), expected)


@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 3, 0, 4), (2, 3, 4, 0), (1, 3, 1, 1)])
@pytest.mark.parametrize("grid", [(), (2, 2), (3, 1)])
def test_empty_and_one_pixel_images(shape, grid):
    image, mask = torch.rand(shape), torch.rand(shape[0], 1, *shape[2:])
    lut = LUT.expand(shape[0], 2, *grid, *LUT.shape).clone().requires_grad_()
    result = composite_lut(image, mask, lut)
    assert result.shape == (shape[0], 2, *shape[1:])
    result.sum().backward()
    assert lut.grad is not None
    assert lut.grad.shape == lut.shape


def test_no_luts_give_no_results():
    image = torch.rand(2, 3, 4, 4, requires_grad=True)
    result = apply_lut(image, LUT.expand(2, 0, *LUT.shape))
    assert result.shape == (2, 0, 3, 4, 4)
    result.sum().backward()
    assert image.grad is not None
    assert image.grad.eq(0).all()


def test_inputs_are_never_written_to():
    inputs = torch.rand(2, 3, 6, 7), torch.rand(2, 1, 6, 7), torch.rand(2, 3, 4, 4, 4)
    before = [tensor.clone() for tensor in inputs]
    composite_lut(*inputs)
    assert all(torch.equal(a, b) for a, b in zip(inputs, before, strict=True))


def test_results_do_not_share_memory_with_the_image():
    image = torch.rand(3, 6, 7)
    composite_lut(image, torch.zeros(6, 7), LUT).fill_(9)
    assert image.max() <= 1


@pytest.mark.parametrize(
    "many",
    [(), (2,), *(pytest.param(many, marks=pytest.mark.slow) for many in ((2, 2), (2, 1, 3)))],
)
def test_gradients_agree_with_finite_differences(many):
    image = torch.rand(2, 3, 2, 2, dtype=torch.double) * 0.8 + 0.1
    mask = torch.rand(2, 2, 2, dtype=torch.double) * 0.8 + 0.1
    lut = torch.rand(2, *many, 3, 3, 3, 3, dtype=torch.double) * 0.8 + 0.1
    inputs = [tensor.requires_grad_() for tensor in (image, mask, lut)]
    assert torch.autograd.gradcheck(composite_lut, inputs)


def pieces(many=(), seed=3):
    """An image, a mask and LUTs (2, *many, ...) in float64, with gradients, well within [0, 1]."""
    source = torch.Generator().manual_seed(seed)
    shapes = (2, 3, 1, 2), (2, 1, 1, 2), (2, *many, 3, 2, 2, 2)
    drawn = [torch.rand(shape, generator=source, dtype=torch.double) for shape in shapes]
    return [(tensor * 0.8 + 0.1).requires_grad_() for tensor in drawn]


@pytest.mark.slow
@pytest.mark.parametrize("many", [(), (2,), (2, 2)])
def test_second_derivatives_agree_with_finite_differences(many):
    image, mask, lut = pieces(many)
    assert torch.autograd.gradgradcheck(composite_lut, (image, mask, lut))
    assert torch.autograd.gradgradcheck(apply_lut, (image, lut), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gradient_penalty_is_that_of_hat_functions(dtype):
    """With the native kernel or without; a net's image or LUT may depend on the other."""
    image = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0), dtype=dtype)

    def interpolated(x, lut):
        nodes = torch.arange(lut.shape[-1], dtype=dtype)
        red, green, blue = (1 - (x[0, ..., None] * nodes[-1] - nodes).abs()).relu()
        return torch.einsum("cbgr,hwb,hwg,hwr->chw", lut, blue, green, red)[None]

    def penalty(function, x):
        x = x.clone().requires_grad_()
        lut = LUT.to(dtype) * (1 + x.mean()) / 2
        (first,) = torch.autograd.grad(function(x, lut).pow(2).sum(), x, create_graph=True)
        return torch.autograd.grad(first.pow(2).sum(), x)[0]

    close = 500 * torch.finfo(dtype).eps
    found, expected = penalty(apply_lut, image), penalty(interpolated, image)
    torch.testing.assert_close(found, expected, atol=close, rtol=close)


def test_third_derivatives_are_right():
    image, mask, lut = pieces()

    def first(image, mask, lut):
        result = composite_lut(image, mask, lut).pow(3).sum()
        return torch.autograd.grad(result, (image, mask, lut), create_graph=True)

    assert torch.autograd.gradgradcheck(first, (image, mask, lut), atol=1e-4, fast_mode=True)


@pytest.mark.parametrize("many", [(), pytest.param((2, 2), marks=pytest.mark.slow)])
def test_forward_mode_agrees_with_finite_differences(many):
    image, mask, lut = pieces(many)
    assert torch.autograd.gradcheck(
        composite_lut, (image, mask, lut), check_forward_ad=True, check_batched_grad=True
    )


@pytest.mark.parametrize("many", [(), (2, 2)])
def test_the_transforms_of_torch_func_see_into_the_operator(many):
    image, mask, lut = (tensor.detach() for tensor in pieces(many))

    def energy(image, mask, lut):
        return composite_lut(image, mask, lut).pow(2).sum()

    inputs = [tensor.clone().requires_grad_() for tensor in (image, mask, lut)]
    energy(*inputs).backward()
    found = torch.func.grad(energy, argnums=(0, 1, 2))(image, mask, lut)
    for ours, theirs in zip(found, inputs, strict=True):
        torch.testing.assert_close(ours, theirs.grad)
    hessian = torch.func.hessian(energy)(image, mask, lut)
    expected = torch.autograd.functional.hessian(lambda x: energy(x, mask, lut), image)
    torch.testing.assert_close(hessian, expected)
    jacobians = [f(lambda x: composite_lut(x, mask, lut))(image) for f in DIFFERENTIATIONS]
    torch.testing.assert_close(*jacobians)
    tangent = torch.func.jvp(lambda x: composite_lut(x, mask, lut), (image,), (image,))[1]
    torch.testing.assert_close(tangent, torch.einsum("abcdefgh,efgh->abcd", jacobians[0], image))


DIFFERENTIATIONS = (torch.func.jacrev, torch.func.jacfwd)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.uint8])
def test_vmap_gives_what_a_loop_gives(dtype):
    image = (torch.rand(6, 3, 4, 5) * (255 if dtype == torch.uint8 else 1)).to(dtype)
    masks = torch.rand(4, 5, 6) > 0.5
    for lut in (LUT, torch.rand(1, 2, 3, *LUT.shape)):
        result = torch.func.vmap(composite_lut, in_dims=(0, 2, None))(image, masks, lut)
        looped = torch.stack([composite_lut(image[i], masks[..., i], lut) for i in range(6)])
        torch.testing.assert_close(result, looped, atol=1 if dtype == torch.uint8 else 1e-6, rtol=0)


def test_a_result_is_the_same_with_and_without_recorded_second_derivatives():
    image, mask, lut = (tensor.detach().float().requires_grad_() for tensor in pieces((2, 2, 2)))
    result = composite_lut(image, mask, lut).square().sum()
    plain = torch.autograd.grad(result, (image, mask, lut), retain_graph=True)
    recorded = torch.autograd.grad(result, (image, mask, lut), create_graph=True)
    torch.testing.assert_close(recorded, plain)
    assert all(gradient.requires_grad for gradient in recorded)
    assert not any(gradient.requires_grad for gradient in plain)


def by_open_color_io(image, lut, interpolation):
    """The same lookup by OpenColorIO's processor for CPUs, in float32, clamped."""
    ocio = pytest.importorskip("PyOpenColorIO")
    transform = ocio.Lut3DTransform(gridSize=lut.shape[-1])
    transform.setInterpolation(interpolation)
    transform.setData(lut.permute(3, 2, 1, 0).contiguous().numpy().ravel())  # blue fastest
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    processor.applyRGB(pixels)
    return torch.from_numpy(pixels).permute(2, 0, 1).clamp(0, 1)


@pytest.mark.parametrize("size", [2, 5, 17, 33, 65])
def test_values_are_those_of_open_color_io(size):
    ocio = pytest.importorskip("PyOpenColorIO")
    image = torch.rand(3, 60, 80)
    image[:, :10] = image[:1, :10]  # grey: on the borders of tetrahedra
    image[:, 10:20] = (image[:, 10:20] * (size - 1)).round() / (size - 1)  # on the nodes
    image[:, 20] = image[:, 20].round()
    lut = torch.rand(3, size, size, size)
    for name, theirs in ("trilinear", ocio.INTERP_LINEAR), ("tetrahedral", ocio.INTERP_TETRAHEDRAL):
        expected = by_open_color_io(image, lut, theirs)
        found = apply_lut(image, lut, interpolation=name)
        torch.testing.assert_close(found, expected, atol=2e-6 * (size - 1) / 16 + 1e-6, rtol=0)


@pytest.mark.parametrize("grid", [(), (1, 1, 2, 2)])
def test_greys_stay_grey_under_a_tetrahedral_lut_with_grey_diagonal(grid):
    """Its other nodes do not matter to greys; trilinear values would take them in."""
    size = 5
    lut, k = torch.rand(3, size, size, size), torch.arange(size)
    lut[:, k, k, k] = torch.linspace(0, 1, size) ** 2
    grey = torch.rand(1, 1, 9, 9).expand(1, 3, 9, 9)
    result = apply_lut(grey, lut.expand(*grid, *lut.shape), interpolation="tetrahedral")
    assert (result.amax(-3) - result.amin(-3)).max() < 1e-6
    trilinear = apply_lut(grey, lut)
    assert (trilinear.amax(-3) - trilinear.amin(-3)).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("many", [(), (2,), (2, 2)])
def test_tetrahedral_derivatives_agree_with_finite_differences(many):
    def function(*x):
        return composite_lut(*x, interpolation="tetrahedral")

    inputs = pieces(many)
    assert torch.autograd.gradcheck(function, inputs, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_torch_func_and_vmap_see_into_tetrahedral_lookups():
    image, mask, lut = (tensor.detach() for tensor in pieces())

    def energy(x):
        return composite_lut(x, mask, lut, interpolation="tetrahedral").pow(2).sum()

    x = image.clone().requires_grad_()
    energy(x).backward()
    torch.testing.assert_close(torch.func.grad(energy)(image), x.grad)
    many = torch.rand(5, 3, 4, 4)
    found = torch.func.vmap(lambda one: apply_lut(one, LUT, interpolation="tetrahedral"))(many)
    torch.testing.assert_close(found, apply_lut(many, LUT, interpolation="tetrahedral"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64, torch.uint8])
@pytest.mark.parametrize("interpolation", ["trilinear", "tetrahedral"])
def test_strength_goes_from_the_image_to_the_lookup(dtype, interpolation):
    image = (torch.rand(2, 3, 9, 8) * (255 if dtype == torch.uint8 else 1)).to(dtype)
    whole = apply_lut(image, LUT, interpolation=interpolation)
    close = {"atol": 1 if dtype == torch.uint8 else 2e-3, "rtol": 0}
    for strength in (0, 0.25, 0.5, 1):
        found = apply_lut(image, LUT, interpolation=interpolation, strength=strength)
        expected = torch.lerp(image.double(), whole.double(), strength)
        torch.testing.assert_close(found.double(), expected, **close)
    assert torch.equal(apply_lut(image, LUT, strength=0), image)
    assert torch.equal(apply_lut(image, LUT, strength=1.0), apply_lut(image, LUT))


def test_each_image_may_have_its_own_strength_and_gradients_flow_to_it():
    images = torch.rand(2, 3, 5, 6)
    strength = torch.tensor([0.2, 0.7], requires_grad=True)
    result = apply_lut(images, LUT, strength=strength)
    for image, one, value in zip(images, result, strength.tolist(), strict=True):
        torch.testing.assert_close(one, apply_lut(image, LUT, strength=value))
    result.sum().backward()
    change = (apply_lut(images, LUT) - images).sum((1, 2, 3))
    torch.testing.assert_close(strength.grad, change, atol=1e-4, rtol=1e-4)


def test_strength_takes_no_memory_of_the_size_of_the_image():
    image = torch.rand(1, 3, 64, 64)
    stored = {}

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                memory = result.untyped_storage()
                stored[memory.data_ptr()] = memory.nbytes()
            return result

    with Watch():
        result = apply_lut(image, LUT, strength=0.5)
    large = {place for place, size in stored.items() if size >= image.nbytes / 3}
    assert large - {image.data_ptr()} == {result.data_ptr()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interpolation": "linear"}, 'must be "trilinear" or "tetrahedral", got \'linear\''),
        ({"strength": 1.5}, r"strength must be in \[0, 1\].*got 1.5"),
        ({"strength": float("nan")}, r"strength must be in \[0, 1\].*got nan"),
        ({"strength": torch.rand(3)}, r"strength must be a number or a tensor \(\) or \(2,\)"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        apply_lut(torch.rand(2, 3, 4, 4), LUT, **options)


def test_one_lut_for_a_batch_gathers_the_gradient_of_all_its_images():
    images, lut = torch.rand(3, 3, 6, 7), LUT.clone().requires_grad_()
    apply_lut(images, lut).square().sum().backward()
    parts = LUT.clone().requires_grad_()
    for image in images:
        apply_lut(image, parts).square().sum().backward()
    torch.testing.assert_close(lut.grad, parts.grad)


def test_half_precision_images_and_masks_get_half_precision_gradients():
    image = torch.rand(2, 3, 6, 7, dtype=torch.float16, requires_grad=True)
    mask = torch.rand(2, 1, 6, 7, dtype=torch.float16, requires_grad=True)
    composite_lut(image, mask, LUT).float().square().sum().backward()
    assert image.grad is not None
    assert mask.grad is not None
    assert image.grad.dtype == mask.grad.dtype == torch.float16


def test_eight_bit_results_have_no_gradient():
    image = torch.randint(0, 256, (3, 6, 7), dtype=torch.uint8)
    assert not apply_lut(image, LUT.clone().requires_grad_()).requires_grad


def operator_arguments():
    image, mask, lut = torch.rand(2, 3, 5, 6), torch.rand(2, 1, 5, 6), torch.rand(2, 3, 3, 4, 4, 4)
    last = image.contiguous(memory_format=torch.channels_last)
    yield "planar", (image, mask, lut)
    yield "whole frame", (image, None, lut)
    yield "channels last", (last, mask, lut)
    yield "every gradient", tuple(t.clone().requires_grad_() for t in (last, mask, lut))
    yield "lut gradient", (image, mask > 0.5, lut.clone().requires_grad_())
    yield "expanded", (image, mask, lut[:1].expand_as(lut))
    yield "half", (image.half().requires_grad_(), mask, lut)
    yield "double", tuple(t.double().requires_grad_() for t in (image, mask, lut))
    yield "bytes", ((last * 255).byte(), mask, lut)
    yield "empty", (image[..., :0].contiguous(), mask[..., :0].contiguous(), lut)
    grid = torch.rand(2, 3, 2, 3, 3, 4, 4, 4)
    yield "grid", (image, None, grid)
    yield "grid, every gradient", tuple(t.clone().requires_grad_() for t in (last, mask, grid))
    yield "grid, expanded", (image, mask > 0.5, grid[:1].expand_as(grid))
    yield "grid, double", tuple(t.double().requires_grad_() for t in (image, mask, grid))
    yield "grid, bytes", ((last * 255).byte(), mask, grid)
    yield "grid, empty", (image[..., :0].contiguous(), mask[..., :0].contiguous(), grid)
    yield "tetrahedral", (*(t.clone().requires_grad_() for t in (last, mask, lut)), True)
    yield "tetrahedral, double", (*(t.double().requires_grad_() for t in (image, mask, grid)), True)


@pytest.mark.parametrize(
    "arguments", [pytest.param(value, id=name) for name, value in operator_arguments()]
)
def test_operator_passes_opcheck(arguments):
    opcheck(torch.ops.harmaug.lut_composite, arguments)


def test_operator_passes_opcheck_when_a_gradient_tensor_has_gaps():
    _, (image, mask, lut) = next(operator_arguments())
    grad = torch.rand(2, 3, 3, 5, 12)[..., ::2]
    for needs in ((True, True, True), (False, False, True), (False, False, False)):
        opcheck(
            torch.ops.harmaug.lut_composite_backward,
            (grad, image, mask, lut, *needs),
            test_utils=("test_schema", "test_faketensor"),
        )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_torch_compile_takes_the_operator_in_one_graph():
    def loss(image, mask, grid):
        lut = grid[:, 0, 1]
        one = composite_lut(image, mask, lut * 0.5).square() + apply_lut(image, lut)
        one = one + apply_lut(image, lut, interpolation="tetrahedral", strength=0.5)
        return (one + composite_lut(image, mask, grid * 0.5)).mean()

    inputs = torch.rand(2, 3, 8, 9), torch.rand(2, 1, 8, 9), torch.rand(2, 2, 2, 3, 4, 4, 4)
    eager = [tensor.clone().requires_grad_() for tensor in inputs]
    compiled = [tensor.clone().requires_grad_() for tensor in inputs]
    loss(*eager).backward()
    torch.compile(loss, fullgraph=True)(*compiled).backward()
    for one, other in zip(eager, compiled, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_torch_compile_keeps_shapes_dynamic():
    compiled = torch.compile(apply_lut, fullgraph=True, dynamic=True, backend="aot_eager")
    for lut in (LUT, torch.rand(1, 2, 3, *LUT.shape)):
        for shape in ((3, 5, 7), (3, 9, 4), (3, 6, 6)):
            image = torch.rand(shape)
            torch.testing.assert_close(compiled(image, lut), apply_lut(image, lut))


def test_devices_without_a_kernel_trace_through_the_fake_operator():
    result = composite_lut(
        torch.rand(2, 3, 4, 4, device="meta"),
        torch.rand(2, 1, 4, 4, device="meta"),
        torch.rand(2, 5, 3, 3, 3, 3, device="meta"),
    )
    assert result.shape == (2, 5, 3, 4, 4)
    assert result.device.type == "meta"


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((3, 4, 4)), TypeError, "torch.Tensor"),
        (torch.zeros(4, 4), ValueError, r"\(B, 3, H, W\)"),
        (torch.zeros(4, 4, 3), ValueError, r"got \(4, 4, 3\)"),
        (torch.zeros(1, 4, 4, 4), ValueError, r"\(B, 3, H, W\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int32), TypeError, "int32"),
        (torch.zeros(3, 4, 4, dtype=torch.bool), TypeError, "bool"),
    ],
)
def test_what_is_no_image_is_refused(image, error, message):
    with pytest.raises(error, match=message):
        apply_lut(image, LUT)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (torch.zeros(2, 1, 5, 4), ValueError, r"\(2, 1, 4, 4\)"),
        (torch.zeros(2, 3, 4, 4), ValueError, r"got \(2, 3, 4, 4\)"),
        (torch.zeros(4, 4), ValueError, r"\(2, 4, 4\)"),
        (
            torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
            TypeError,
            r"mask > 0 for labels and mask / 255",
        ),
        (np.zeros((2, 1, 4, 4)), TypeError, "torch.Tensor"),
        (torch.zeros(2, 1, 4, 4, device="meta"), ValueError, "meta"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, error, message):
    with pytest.raises(error, match=message):
        composite_lut(torch.zeros(2, 3, 4, 4), mask, LUT)


@pytest.mark.parametrize(
    ("lut", "error", "message"),
    [
        (torch.zeros(3, 3, 3, 3, 3), ValueError, "B = 1 or 2"),
        (torch.zeros(3, 1, 3, 3, 3, 3), ValueError, "B = 1 or 2"),
        (torch.zeros(3, 2, 2, 3, 3, 3, 3), ValueError, r"\(B, gy, gx, 3, D, D, D\).* B = 1 or 2"),
        (torch.zeros(1, 2, 2, 2, 2, 3, 3, 3, 3), ValueError, r"\(B, n, gy, gx, 3, D, D, D\)"),
        (torch.zeros(2, 0, 2, 3, 3, 3, 3), ValueError, r"at least one LUT .* gy = 0 and gx = 2"),
        (torch.zeros(2, 5, 2, 0, 3, 3, 3, 3), ValueError, r"gy = 2 and gx = 0"),
        (torch.zeros(2, 2, 2, 2, 3, 3, 3), ValueError, r"\(\.\.\., 3, D, D, D\)"),
        (torch.zeros(2, 2, 2, 3, 3, 3, 4), ValueError, r"\(\.\.\., 3, D, D, D\)"),
        (torch.zeros(1, 2, 2, 3, 3, 3, 3, device="meta"), ValueError, "meta"),
        (torch.zeros(3, 1, 1, 1), ValueError, "D >= 2"),
        (torch.zeros(3, 3, 3, 3, dtype=torch.uint8), TypeError, "floating point"),
        (torch.zeros(3, 3, 3, 3, device="meta"), ValueError, "meta"),
    ],
)
def test_a_lut_that_does_not_fit_is_refused(lut, error, message):
    with pytest.raises(error, match=message):
        apply_lut(torch.zeros(2, 3, 4, 4), lut)


def test_messages_call_a_photo_by_its_name():
    with pytest.raises(ValueError, match=r"^real must be"):
        composite_lut(torch.zeros(4, 4), torch.zeros(4, 4), LUT)
    with pytest.raises(ValueError, match=r"to match real, got"):
        composite_lut(torch.zeros(3, 4, 4), torch.zeros(5, 4), LUT)
    with pytest.raises(ValueError, match=r"^image must be"):
        apply_lut(torch.zeros(4, 4), LUT)


def test_backends_names_a_kernel_for_every_device():
    assert set(backends()) == {"cpu", "cuda", "other"}
    assert harmaug.backends() == backends()


def test_the_double_precision_operator_is_the_reference():
    image, mask = torch.rand(1, 3, 4, 4).double(), torch.rand(1, 1, 4, 4).double()
    lut = torch.rand(1, 1, 3, 3, 3, 3).double()
    assert torch.equal(
        torch.ops.harmaug.lut_composite(image, mask, lut), reference.composite(image, mask, lut)
    )
    assert as_photos(image).dtype == torch.float64
