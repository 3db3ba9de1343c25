"""The Triton kernels; without a GPU they run in Triton's interpreter, on the CPU."""

import os
import subprocess
import sys
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("triton", reason="Triton is not installed")

from harmaug.lut import gpu, gpu_kernels, reference
from harmaug.lut import ops as ops  # registers the operator
from harmaug.lut.tensors import identity_lut

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
needs_gpu = pytest.mark.skipif(not CUDA, reason="needs a CUDA GPU")
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.uint8]
FLOATS = DTYPES[:3]
MANY_NODES = [pytest.param(33, dtype, marks=pytest.mark.slow) for dtype in DTYPES]
# One unit in the last place of values below 1; Triton's interpreter truncates to bfloat16.
TOLERANCE = {torch.float32: 2e-6, torch.float16: 5e-4, torch.bfloat16: 4e-3, torch.uint8: 1}

if not CUDA and type(gpu_kernels.composite).__name__ == "JITFunction":
    pytest.skip("Triton was imported without TRITON_INTERPRET=1", allow_module_level=True)


def make(shape=(2, 3, 9), count=2, size=5, dtype=torch.float32, seed=0, soft=True, grid=()):
    """Random (image, mask, lut); the mask has zeros, ones and values between."""
    source = torch.Generator().manual_seed(seed)
    batch, height, width = shape
    image = torch.rand(batch, 3, height, width, generator=source)
    image = image.mul(256).to(dtype) if dtype == torch.uint8 else image.to(dtype)
    values = torch.rand(batch, 1, height, width, generator=source)
    mask = values.mul(3).sub(1).clamp(0, 1) if soft else None
    lut = torch.rand(batch, count, *grid, 3, size, size, size, generator=source)
    return image, mask, lut


def composite(image, mask, lut, tetrahedral=False):
    mask = None if mask is None else mask.to(DEVICE)
    return gpu.composite(image.to(DEVICE), mask, lut.to(DEVICE), tetrahedral).cpu()


def backward(grad, image, mask, lut, needs=(True, True, True), tetrahedral=False):
    mask = None if mask is None else mask.to(DEVICE)
    grad, image, lut = (x.to(DEVICE) for x in (grad, image, lut))
    found = gpu.composite_backward(grad, image, mask, lut, *needs, tetrahedral=tetrahedral)
    return [gradient.cpu() for gradient in found]


def assert_forward(image, mask, lut, tetrahedral=False):
    found = composite(image, mask, lut, tetrahedral)
    wanted = reference.composite(image, mask, lut, tetrahedral)
    assert found.dtype == image.dtype
    assert found.is_contiguous()
    tolerance = TOLERANCE[image.dtype]
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance, equal_nan=True)
    if image.dtype == torch.uint8:  # one level apart only where float error crosses a half
        assert (found != wanted).sum() <= 1


def assert_backward(image, mask, lut, grad=None, needs=(True, True, True), tetrahedral=False):
    """Against autograd through the reference, in float32 whatever the dtype of the image."""
    if grad is None:
        shape = (*lut.shape[:2], *image.shape[1:])
        grad = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(image.dtype)
    found = backward(grad, image, mask, lut, needs, tetrahedral)
    wanted = reference.composite_backward(
        grad.float(), image.float(), mask, lut, *needs, tetrahedral=tetrahedral
    )
    tolerance = max(2e-5, 2 * TOLERANCE[image.dtype])
    assert found[0].dtype == image.dtype
    torch.testing.assert_close(found[0].float(), wanted[0], rtol=tolerance, atol=tolerance)
    for ours, theirs in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-5)


# Tetrahedral, forward and backward; the rest is trilinear


def on_ties(image):
    """Make some pixels grey, which lie on the borders of tetrahedra, and some lie on nodes."""
    image = image.clone()
    image[..., ::3] = image[:, :1, :, ::3]
    image[..., 1::4] = image[..., 1::4].round()
    return image


@pytest.mark.parametrize(("size", "dtype"), [*product([2, 5], DTYPES), *MANY_NODES])
def test_a_tetrahedral_composite_is_the_reference(size, dtype):
    image, mask, lut = make(size=size, dtype=dtype)
    assert_forward(image, mask, lut, tetrahedral=True)
    assert_forward(on_ties(image), None, lut, tetrahedral=True)


@pytest.mark.slow
@pytest.mark.parametrize("grid", [(), (2, 2), (1, 3)])
def test_tetrahedral_gradients_are_those_of_the_reference(grid):
    image, mask, lut = make(size=4, grid=grid)
    assert_forward(image, mask, lut, tetrahedral=True)
    assert_backward(image, mask, lut, tetrahedral=True)
    assert_backward(on_ties(image), None, lut, tetrahedral=True)


def test_nan_stays_nan_in_every_tetrahedron():
    image, _, lut = make((1, 4, 9))
    for channel in range(3):
        image[:, channel, channel] = torch.nan
    assert_forward(image, None, lut, tetrahedral=True)


# Forward


@pytest.mark.parametrize(("size", "dtype"), [*product([2, 3, 17], DTYPES), *MANY_NODES])
def test_composite_is_the_reference(size, dtype):
    assert_forward(*make(size=size, dtype=dtype))


@pytest.mark.parametrize("count", [1, 5])
def test_whole_frame_is_looked_up_without_a_mask(count):
    assert_forward(*make(count=count, soft=False))


@pytest.mark.parametrize("dtype", DTYPES)
def test_background_is_bit_identical(dtype):
    image, mask, lut = make(dtype=dtype)
    if dtype.is_floating_point:
        odd = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0, 7.0, -3.0, 1e-7])
        image[:, :, 1, :7] = odd.to(dtype)
        mask[:, :, 1, :7] = torch.tensor([0.0, -1.0, torch.nan, 0.0, 0.0, -0.0, 0.0])
    found = composite(image, mask, lut)
    background = ~(mask > 0).unsqueeze(1).expand_as(found)
    original = image.unsqueeze(1).expand_as(found)
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[image.element_size()]
    assert torch.equal(found.view(bits)[background], original.contiguous().view(bits)[background])


def test_an_empty_mask_gives_the_image_back():
    image, mask, lut = make()
    assert torch.equal(
        composite(image, mask * 0, lut * torch.nan), image[:, None].repeat(1, 2, 1, 1, 1)
    )


@pytest.mark.parametrize("soft", [True, False])
def test_values_beyond_the_range_clamp_and_nan_stays_nan(soft):
    image, mask, lut = make(soft=soft)
    image[:, :, 0, :6] = torch.tensor([torch.nan, torch.inf, -torch.inf, 1.5, -0.5, 1e-40])
    assert_forward(image, mask, lut)
    image, mask, lut = make(soft=soft)
    image[:, 1, 0, 0] = torch.nan
    assert composite(image, None, lut)[:, :, :, 0, 0].isnan().all()
    assert_forward(image, mask, lut)


@pytest.mark.parametrize("size", [2, 3, 17])
def test_a_lookup_at_0_or_1_stays_inside_its_table(size):
    image = torch.tensor([0.0, 1.0, torch.inf, -torch.inf]).expand(1, 3, 1, 4)
    lut = torch.full((1, 3, 3, size, size, size), torch.nan)
    lut[:, 1] = torch.rand(3, size, size, size)
    found = composite(image, None, lut)[:, 1]
    assert torch.equal(found[0, :, 0, 0], lut[0, 1, :, 0, 0, 0])
    assert torch.equal(found[0, :, 0, 1], lut[0, 1, :, -1, -1, -1])
    assert not found.isnan().any()


def test_the_result_is_clamped_and_nan_nodes_show():
    image, mask, lut = make()
    assert_forward(image, mask, lut * 4 - 2)
    lut[0, 0, 0, 1, 1, 1] = torch.nan
    lut[1, 1, 2] = torch.inf
    assert_forward(image, mask, lut)


def test_uint8_rounds_half_up_and_the_identity_keeps_every_level():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    assert torch.equal(composite(levels, None, identity_lut(17)[None, None])[0], levels)
    halves = torch.tensor([0.4999, 0.5, 1.5, 2.5, 254.5, 254.4999]) / 255
    luts = halves.view(1, 6, 1, 1, 1, 1).expand(1, 6, 3, 2, 2, 2)
    found = composite(levels[..., :1, :1], None, luts)
    assert found[0, :, 0, 0, 0].tolist() == [0, 1, 2, 3, 255, 254]
    assert composite(levels, None, luts * torch.nan).eq(0).all()


def test_a_sample_is_the_same_alone_and_in_a_batch():
    image, mask, lut = make()
    together = composite(image, mask, lut)
    for index in range(2):
        alone = composite(image[index:][:1], mask[index:][:1], lut[index:][:1])
        assert torch.equal(alone[0], together[index])


def test_one_lut_shared_by_the_batch_needs_no_copies():
    image, mask, lut = make()
    shared = lut[:1].expand_as(lut)
    assert torch.equal(composite(image, mask, shared), composite(image, mask, shared.clone()))
    assert_backward(image, mask, shared)


# Grids of LUTs

GRIDS = [(2, 2), (1, 3), (4, 1), (5, 20)]  # the last finer than the picture


@pytest.mark.parametrize(
    ("size", "grid"),
    [*((3, grid) for grid in GRIDS), pytest.param(17, (1, 2), marks=pytest.mark.slow)],
)
def test_a_grid_of_luts_is_the_reference(size, grid):
    """As planes and, where all LUTs of a grid have many nodes, packed."""
    image, mask, lut = make(size=size, grid=grid)
    assert_forward(image, mask, lut)
    assert_forward(image, None, lut[:1].expand_as(lut))


@pytest.mark.parametrize("dtype", [torch.float16, torch.uint8])
def test_a_grid_of_luts_serves_every_type(dtype):
    assert_forward(*make(dtype=dtype, grid=(2, 3)))


@pytest.mark.parametrize("grid", [*GRIDS[:3], pytest.param(GRIDS[3], marks=pytest.mark.slow)])
def test_gradients_through_a_grid_of_luts_are_those_of_the_reference(grid):
    image, mask, lut = make(count=1, size=3, grid=grid)
    assert_backward(image, mask, lut * 1.4 - 0.2)


@pytest.mark.parametrize("layout", ["crop", pytest.param("channels last", marks=pytest.mark.slow)])
def test_a_grid_of_luts_and_images_of_several_blocks(layout):
    image, mask, lut = make((1, 2, 150), count=1, size=2, grid=(2, 3))
    image = LAYOUTS[layout](image)
    assert_forward(image, mask, lut)
    assert_backward(image, mask, lut)


def test_a_grid_of_one_lut_is_that_lut():
    image, mask, lut = make()
    assert torch.equal(composite(image, mask, lut[:, :, None, None]), composite(image, mask, lut))


def test_luts_of_a_grid_that_share_memory_are_told_apart():
    image, mask, lut = make(grid=(2, 2))
    assert_forward(image, mask, lut[:, :1, :1, :1].expand_as(lut))
    assert_forward(image, mask, lut.mT)


def test_a_grid_too_large_for_32_bit_nodes_is_refused():
    lut = torch.zeros(()).expand(1, 1, 40, 40, 3, 100, 100, 100)
    with pytest.raises(ValueError, match=r"fewer than 536870912 nodes .* a coarser grid"):
        gpu.composite(torch.zeros(1, 3, 1, 1), None, lut)


# Layouts

LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.mT.contiguous().mT,
    "crop": lambda x: torch.nn.functional.pad(x, (3, 2, 1, 1))[..., 1:-1, 3:-2],
    "every second": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "one row for all": lambda x: x[..., :1, :].expand_as(x),
    "one sample for all": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.uint8, marks=pytest.mark.slow)]
)
def test_any_strides_of_image_and_mask(layout, dtype):
    image, mask, lut = make(dtype=dtype)
    change = LAYOUTS[layout]
    assert_forward(change(image), mask, lut)
    assert_forward(image, change(mask), lut)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_strides_in_the_backward_pass(layout):
    image, mask, lut = make()
    change = LAYOUTS[layout]
    grad = torch.randn(2, 3, 3, 9)
    assert_backward(
        change(image), change(mask), lut.mT, change(grad).unsqueeze(1).expand(2, 2, 3, 3, 9)
    )


def test_the_gradient_of_a_sum_has_no_memory_of_its_own():
    image, mask, lut = make()
    assert_backward(image, mask, lut, torch.ones(()).expand(2, 2, 3, 3, 9))


def test_rows_that_follow_on_each_other_are_walked_as_one():
    image = torch.zeros(2, 3, 3, 9)
    channels_last = LAYOUTS["channels last"](image)
    assert gpu._rows(image, None) == gpu._rows(channels_last, image) == (1, 27)
    assert gpu._rows(image, LAYOUTS["crop"](image)) == (3, 9)


@pytest.mark.parametrize("layout", ["channels last", "crop"])
def test_images_of_several_blocks(layout):
    image, mask, lut = make((1, 2, 300))
    mask[..., 64:] = 0  # blocks with and without a foreground
    assert_forward(LAYOUTS[layout](image), mask, lut)
    assert_backward(LAYOUTS[layout](image), mask, lut)


@pytest.mark.parametrize(
    "shape", [(0, 4, 4), (2, 0, 4), (2, 4, 0), (1, 1, 1), (1, 1, 257), (1, 1, 129)]
)
def test_empty_and_tiny_images(shape):
    image, mask, lut = make(shape)
    assert_forward(image, mask, lut)
    assert_backward(image, mask, lut)


def test_no_lut_at_all_gives_no_composites_and_zero_gradients():
    image, mask, lut = make(count=0)
    assert composite(image, mask, lut).shape == (2, 0, 3, 3, 9)
    for gradient in backward(torch.zeros(2, 0, 3, 3, 9), image, mask, lut):
        assert gradient.eq(0).all()


def test_a_table_too_large_for_32_bit_nodes_is_refused():
    lut = torch.zeros(()).expand(1, 1, 3, 1291, 1291, 1291)
    with pytest.raises(ValueError, match=r"812 .* got 1291"):
        gpu.composite(torch.zeros(1, 3, 1, 1), None, lut)


# Backward


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [2, 3, 17])
def test_gradients_are_those_of_the_reference(dtype, size):
    assert_backward(*make(size=size, dtype=dtype))


@pytest.mark.parametrize("count", [1, 5])
def test_gradients_without_a_mask(count):
    image, mask, lut = make(count=count, soft=False)
    assert_backward(image, mask, lut)


@pytest.mark.parametrize("number", range(8))
def test_only_the_gradients_asked_for_are_made(number):
    needs = (bool(number & 1), bool(number & 2), bool(number & 4))
    image, mask, lut = make()
    assert_backward(image, mask, lut, needs=needs)


def test_clamped_values_pass_no_gradient():
    image, mask, lut = make()
    assert_backward(image * 3 - 1, mask, lut * 4 - 2)


def test_infinite_pixels_and_untouched_blocks_have_finite_gradients():
    image, mask, lut = make()
    mask[0] = 0
    image[:, :, 2, :2] = torch.tensor([torch.inf, -torch.inf])
    assert_backward(image, mask, lut)


def test_a_nan_pixel_spoils_no_gradient_but_takes_none():
    image, mask, lut = make()
    mask[:, :, 0, 0] = 1
    grad = torch.randn(2, 2, 3, 3, 9)
    silent = grad.clone()
    silent[..., 0, 0] = 0
    wanted = backward(silent, image, mask, lut)
    image[:, 1, 0, 0] = torch.nan
    found = backward(grad, image, mask, lut)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_a_nan_gradient_is_handed_on():
    image, mask, lut = make((1, 4, 4), count=1)
    mask[..., 1, 1] = 1
    grad = torch.zeros(1, 1, 3, 4, 4)
    grad[..., 1, 1] = torch.nan
    to_image, to_mask, to_lut = backward(grad, image, mask, lut)
    assert to_image[..., 1, 1].isnan().all()
    assert to_mask[..., 1, 1].isnan().all()
    assert to_lut.isnan().sum() == 24
    assert to_image.isnan().sum() == 3


def test_several_copies_of_the_lut_gradient_sum_to_the_same(monkeypatch):
    assert gpu._copies(1920 * 1080, 17**3) == 16
    assert gpu._copies(256 * 256, 17**3) == gpu._copies(3840 * 2160, 64**3) == 1
    monkeypatch.setattr(gpu, "_copies", lambda pixels, nodes: 3)
    assert_backward(*make((2, 16, 24), count=1))


def test_deterministic_mode_takes_the_formulas_of_the_reference(monkeypatch):
    image, mask, lut = make()
    grad = torch.randn(2, 2, 3, 3, 9)
    wanted = reference.composite_backward(grad, image, mask, lut, True, True, True)
    monkeypatch.setattr(gpu, "gpu_kernels", None)
    torch.use_deterministic_algorithms(True)
    try:
        found = backward(grad, image, mask, lut)
    finally:
        torch.use_deterministic_algorithms(False)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


class Composite(torch.autograd.Function):
    @staticmethod
    def forward(ctx, image, mask, lut):
        ctx.save_for_backward(image, mask, lut)
        return gpu.composite(image, mask, lut)

    @staticmethod
    def backward(ctx, grad):
        return gpu.composite_backward(grad, *ctx.saved_tensors, *ctx.needs_input_grad)


def test_gradcheck():
    image, mask, lut = make((1, 2, 2), count=2, size=3)
    image = image.mul(0.3).add(0.1)  # within one cell, where finite differences are exact
    inputs = [x.to(DEVICE).requires_grad_() for x in (image, mask * 0.4 + 0.3, lut * 0.8 + 0.1)]
    assert torch.autograd.gradcheck(
        Composite.apply, inputs, eps=0.02, atol=1e-3, rtol=1e-3, fast_mode=True, nondet_tol=1e-6
    )


# Contract with the operator


def test_results_have_the_shapes_and_strides_that_torch_compile_is_told():
    image, mask, lut = make()
    image = LAYOUTS["channels last"](image)
    tensors = (torch.ones(()).expand(2, 2, 3, 3, 9), image, mask, lut[:1].expand_as(lut))
    fakes = [x.to("meta") for x in tensors]
    operator = torch.ops.harmaug
    pairs = [
        (gpu.composite(*(x.to(DEVICE) for x in tensors[1:])), operator.lut_composite(*fakes[1:]))
    ]
    for needs in ((True, True, True), (True, False, False)):
        grad, *inputs = (x.to(DEVICE) for x in tensors)
        found = gpu.composite_backward(grad, inputs[0], inputs[1], inputs[2], *needs)
        pairs += zip(found, operator.lut_composite_backward(*fakes, *needs), strict=True)
    for ours, told in pairs:
        assert (ours.shape, ours.stride(), ours.dtype) == (told.shape, told.stride(), told.dtype)


@st.composite
def cases(draw):
    def few(low, high):
        return draw(st.integers(low, high))

    image, mask, lut = make(
        (few(1, 2), few(1, 4), few(1, 40)),
        few(1, 2),
        few(2, 9),
        draw(st.sampled_from(FLOATS)),
        few(0, 2**31),
        draw(st.booleans()),
        draw(st.sampled_from([(), (), (2, 2), (1, 4)])),
    )
    special = st.sampled_from([torch.inf, -torch.inf, 0.0, 1.0, -0.0, 1e-40, 0.5, 2.0, -1.0])
    for _ in range(few(0, 4)):
        image[few(0, len(image) - 1), few(0, 2), few(0, image.shape[2] - 1)] = draw(special)
    layouts = st.sampled_from([*LAYOUTS.values(), lambda x: x])
    image = draw(layouts)(image)
    return image, mask if mask is None else draw(layouts)(mask), lut


@pytest.mark.slow
@given(cases(), st.booleans())
@settings(max_examples=12, deadline=None)
def test_random_cases_are_the_reference(case, tetrahedral):
    image, mask, lut = case
    if tetrahedral:  # 1e-40 may count as 0, and then lies in another tetrahedron beside a 0
        image[image.abs() < 1e-30] = 0
    assert_forward(image, mask, lut, tetrahedral=tetrahedral)
    assert_backward(image, mask, lut, tetrahedral=tetrahedral)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from harmaug.lut import gpu, gpu_kernels

def build(kernel, architecture, dtype, **constants):
    options = dict(gpu._FORWARD if kernel is gpu_kernels.composite else gpu._BACKWARD)
    pixels = options["BLOCK"] // (32 * options["num_warps"])  # in each thread
    constants |= {"SIZE": 33, "BLOCK": options.pop("BLOCK"), "image_x": 1}
    constants.setdefault("GRID", False)
    constants.setdefault("TETRAHEDRAL", False)
    if "TURNS" in options:
        constants |= {"TURNS": options.pop("TURNS"), "PACKED": True}
    pointers = {"mask": "*fp32", "table": "*fp32", "grad_mask": "*fp32", "grad_table": "*fp32"}
    signature, attributes = {}, {}
    for index, name in enumerate(kernel.arg_names):
        pointer = pointers.get(name) or f"*{dtype}"
        is_pointer = name in ("image", "grad", "output", "grad_image", *pointers)
        signature[name] = "constexpr" if name in constants else pointer if is_pointer else "i32"
        if is_pointer:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = triton.compiler.ASTSource(kernel, signature, constants, attributes)
    code = triton.compile(source, GPUTarget("cuda", architecture, 32), options).asm["ptx"]
    corners = 4 if constants["TETRAHEDRAL"] else 8
    assert code.count("ld.global.v4") >= corners * pixels, "a gather is not one load of four floats"

build(gpu_kernels.composite, 80, "bf16")
build(gpu_kernels.composite, 90, "u8", mask=None, rows=1)
build(gpu_kernels.composite, 80, "fp32", GRID=True)
build(gpu_kernels.composite, 90, "fp16", GRID=True, grid_rows=1)
build(gpu_kernels.composite, 90, "fp32", TETRAHEDRAL=True)
build(gpu_kernels.composite_backward, 90, "fp32", TETRAHEDRAL=True)
build(gpu_kernels.composite_backward, 80, "fp16")
build(gpu_kernels.composite_backward, 90, "fp32", GRID=True, grid_columns=1)
build(gpu_kernels.composite_backward, 90, "fp32", mask=None, grad_mask=None, grad_image=None)
"""


@pytest.mark.slow
def test_kernels_compile_for_gpus_that_are_not_here(tmp_path):
    import triton

    if tuple(int(part) for part in triton.__version__.split(".")[:2]) < (3, 3):
        pytest.skip("the compiler's interface is another before Triton 3.3")
    environment = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    run = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


# What only a GPU can show


@needs_gpu
@pytest.mark.parametrize("dtype", FLOATS)
def test_opcheck_on_cuda(dtype):
    image, mask, lut = (x.cuda() for x in make(dtype=dtype))
    inputs = (image.requires_grad_(), mask.requires_grad_(), lut.requires_grad_())
    torch.library.opcheck(torch.ops.harmaug.lut_composite, inputs, atol=1e-2, rtol=1e-2)


@needs_gpu
def test_results_beyond_2_to_the_31_elements():
    if torch.cuda.get_device_properties(0).total_memory < 12 * 2**30:
        pytest.skip("needs 12 GiB of GPU memory")
    image = torch.randint(0, 256, (1, 3, 16384, 16384), dtype=torch.uint8, device="cuda")
    lut = identity_lut(17, device="cuda").expand(1, 3, 3, 17, 17, 17)
    result = gpu.composite(image, None, lut)
    assert all(torch.equal(result[:, index], image) for index in range(3))


@needs_gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_kernels_run_on_the_device_of_the_tensors():
    tensors = make()
    found = gpu.composite(*(x.to("cuda:1") for x in tensors))
    assert found.device == torch.device("cuda:1")
    torch.testing.assert_close(found.cpu(), reference.composite(*tensors))
