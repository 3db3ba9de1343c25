"""The native kernel: every instruction set against the reference and against portable C."""

import importlib.util
import multiprocessing
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from native_kernels import KERNELS, every_kernel, few, laid_out, layouts, needs_a_kernel, using
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from harmaug.lut import native, native_jobs, reference

pytestmark = needs_a_kernel

CLOSE = {torch.float32: 2e-6, torch.float16: 6e-4, torch.bfloat16: 4e-3}


@dataclass
class Problem:
    image: Tensor
    mask: Tensor | None
    lut: Tensor
    tetrahedral: bool = False

    def composite(self, kernel=native) -> Tensor:
        return kernel.composite(self.image, self.mask, self.lut, self.tetrahedral)


SPECIAL = [0.0, -0.0, 1.0, 1e-42, -1e-42, 1 - 2**-24, 1 + 2**-23, -1.5, 3e38]
BROKEN = [float("nan"), float("inf"), float("-inf")]


grids = st.sampled_from([(), (), (2, 2), (1, 1), (1, 3), (4, 1), (3, 5), (2, 40)])


@st.composite
def problems(draw, dtypes=(torch.float32, torch.float16, torch.bfloat16, torch.uint8)):
    """Images, masks and LUTs of any shape, memory layout and value."""
    torch.manual_seed(draw(st.integers(0, 2**32 - 1)))
    batch, count = draw(few), draw(few)
    height, width = draw(st.integers(0, 9)), draw(st.integers(0, 300))
    grid = draw(grids)
    size = draw(st.sampled_from([2, 3, 5, 17, 33, 37][: 3 if len(grid) and grid[1] > 3 else 6]))
    dtype = draw(st.sampled_from(dtypes))
    image = torch.rand(batch, 3, height, width) * 1.2 - 0.1
    values = draw(st.sampled_from(["plain", "special", "broken"]))
    for value in {"plain": [], "special": SPECIAL, "broken": SPECIAL + BROKEN}[values]:
        image[torch.rand_like(image) < 0.03] = value
    if dtype == torch.uint8:
        image = image.nan_to_num().clamp(0, 1) * 255
    image = laid_out(image.to(dtype), draw(layouts))

    mask = torch.rand(batch, 1, height, width)
    kind = draw(st.sampled_from(["none", "soft", "sparse", "empty", "bool", "odd", "one for all"]))
    if kind == "sparse":
        mask *= mask > 0.99
    elif kind == "empty":
        mask.zero_()
    elif kind == "bool":
        mask = mask > 0.5
    elif kind == "odd":
        for value in (-1.0, 1.5, 1e-42, 0.0, 1.0, float("nan")):
            mask[torch.rand_like(mask) < 0.1] = value
    elif kind == "one for all" and batch:
        mask = mask[:1].expand_as(mask)
    mask = laid_out(mask, draw(layouts))

    lut = torch.rand(batch, count, *grid, 3, size, size, size) * 1.4 - 0.2
    if batch and draw(st.booleans()):
        lut = lut[:1].expand_as(lut)
    if draw(st.booleans()):
        lut = lut.transpose(-1, -3)
    return Problem(image, None if kind == "none" else mask, lut, draw(st.booleans()))


def assert_agree(result: Tensor, problem: Problem) -> None:
    """Same bits where the mask is 0, same layout, and values to the precision of the type."""
    image, mask, lut = problem.image, problem.mask, problem.lut
    expected = problem.composite(reference)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert _strides(result) == _strides(expected)
    if image.dtype == torch.uint8:
        exact = reference.composite(image.float() / 255, mask, lut, problem.tetrahedral) * 255
        # Among 37 nodes a float32 place is off by 2e-6 of a cell, and a LUT of noise rises by 1.4
        # a cell along each axis.
        on_the_fence = (exact.frac() - 0.5).abs() < 4e-3
        assert ((result == expected) | on_the_fence).all()
        assert ((result.int() - expected.int()).abs() <= 1).all()
    else:
        close = CLOSE[image.dtype]
        torch.testing.assert_close(result, expected, atol=close, rtol=0, equal_nan=True)
    if mask is not None:
        background = (~(mask > 0)).unsqueeze(1).expand_as(result)
        assert torch.equal(_bits(result)[background], _bits(expected)[background])


def _strides(tensor: Tensor) -> list[int]:
    """Of the axes along which there is anywhere to step."""
    return [step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]


def _bits(tensor: Tensor) -> Tensor:
    kinds = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
    return tensor.contiguous().view(kinds[tensor.element_size()])


@every_kernel
@settings(max_examples=150, deadline=None)
@given(problem=problems())
def test_composites_are_those_of_the_reference(name, problem):
    assume(native.takes(problem.image, problem.mask, problem.lut))
    with using(name):
        assert_agree(problem.composite(), problem)


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "portable"])
@settings(max_examples=100, deadline=None)
@given(problem=problems(dtypes=(torch.float32,)))
def test_every_kernel_gives_what_portable_c_gives(name, problem):
    with using("portable"):
        expected = problem.composite()
    with using(name):
        result = problem.composite()
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0, equal_nan=True)


@pytest.mark.skipif("avx512" not in KERNELS, reason="this machine has no AVX-512")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_which_kernel_of_an_x86_serves_changes_no_bit(count):
    """Nor then does the number of LUTs, or the size of the image, which decide that."""
    image, lut = torch.rand(2, 3, 90, 91), torch.rand(2, count, 3, 17, 17, 17) * 1.4 - 0.2
    mask = (torch.rand(2, 1, 90, 91) * 2 - 0.5).clamp(0, 1)
    for alpha in (None, mask, mask > 0):
        with using("avx512"):
            expected = native.composite(image, alpha, lut)
        for name in ("avx2", "avx512x4"):
            with using(name):
                assert torch.equal(native.composite(image, alpha, lut), expected)


@every_kernel
@pytest.mark.parametrize("grid", [(2, 2), (1, 4), (5, 1), (3, 4), (70, 90)])
@pytest.mark.parametrize("scale", [1.4, 100])
def test_values_between_the_luts_of_a_grid_are_precise(name, grid, scale):
    """Also far outside [0, 1], where grids are extrapolated to the corners of the frame."""
    image, mask = torch.rand(2, 3, 40, 81), torch.rand(2, 1, 40, 81)
    lut = (torch.rand(2, 2, *grid, 3, 4, 4, 4) - 0.5) * scale + 0.5
    exact = reference.composite(image.double(), mask.double(), lut.double())
    with using(name):
        result = native.composite(image, mask, lut)
    torch.testing.assert_close(result.double(), exact, atol=3e-7 * max(scale, 3), rtol=0)


@every_kernel
@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (3, 7)])
def test_a_grid_of_equal_luts_is_that_lut(name, grid):
    image, lut = torch.rand(2, 3, 30, 41), torch.rand(2, 3, 3, 9, 9, 9)
    luts = lut[:, :, None, None].expand(2, 3, *grid, *lut.shape[2:])
    with using(name):
        result, expected = native.composite(image, None, luts), native.composite(image, None, lut)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@every_kernel
@pytest.mark.parametrize("tetrahedral", [False, True])
def test_a_white_that_all_luts_of_a_grid_share_stays_exactly_white(name, tetrahedral):
    image, luts = torch.rand(1, 3, 30, 41), torch.ones(1, 1, 2, 2, 3, 9, 9, 9)
    with using(name):
        assert (native.composite(image, None, luts, tetrahedral) == 1).all()
        assert (native.composite(image, None, luts[:, :, 0, 0], tetrahedral) == 1).all()


@every_kernel
def test_a_pixel_on_the_border_of_two_tetrahedra_has_the_gradient_of_the_reference(name):
    image = torch.rand(1, 3, 9, 40) * 0.9
    image[:, 1, :, ::2] = image[:, 0, :, ::2]
    image[:, 2, :, ::3] = image[:, 1, :, ::3]
    image[:, 2, :, ::5] = image[:, 0, :, ::5]
    problem = Problem(image, None, torch.rand(1, 1, 3, 4, 4, 4) * 0.9 + 0.05, tetrahedral=True)
    grad = torch.randn(1, 1, 3, 9, 40)
    with using(name):
        found = backward(problem, grad)
    for one, other in zip(found, backward(problem, grad, reference), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


@pytest.mark.skipif("avx512grid" not in KERNELS, reason="this machine has no AVX-512")
@pytest.mark.parametrize("grid", [(2, 2), (1, 3), (4, 5)])
def test_which_kernel_of_an_x86_serves_a_grid_changes_no_bit(grid):
    image, luts = torch.rand(2, 3, 50, 91), torch.rand(2, 3, *grid, 3, 9, 9, 9) * 1.4 - 0.2
    mask = (torch.rand(2, 1, 50, 91) * 2 - 0.5).clamp(0, 1)
    for alpha in (None, mask):
        with using("avx2"):
            expected = native.composite(image, alpha, luts)
        with using("avx512grid"):
            assert torch.equal(native.composite(image, alpha, luts), expected)


@pytest.mark.skipif("avx512tetra" not in KERNELS, reason="this machine has no AVX-512")
@pytest.mark.parametrize("size", [2, 9, 33])
def test_which_kernel_of_an_x86_serves_one_lut_changes_no_bit(size):
    image, luts = torch.rand(2, 3, 50, 91), torch.rand(2, 2, 3, size, size, size) * 1.4 - 0.2
    mask = (torch.rand(2, 1, 50, 91) * 2 - 0.5).clamp(0, 1)
    for tetrahedral, name in (False, "avx512"), (True, "avx512tetra"):
        for alpha in (None, mask):
            with using("avx2"):
                expected = native.composite(image, alpha, luts, tetrahedral)
            with using(name):
                assert torch.equal(native.composite(image, alpha, luts, tetrahedral), expected)


@every_kernel
@pytest.mark.parametrize("size", [2, 3, 4, 17, 20, 21, 33, 37, 38, 65])
@pytest.mark.parametrize("tetrahedral", [False, True])
def test_every_size_of_a_lut_and_its_last_node(name, size, tetrahedral):
    image = torch.rand(1, 3, 40, 41)
    image[..., 0] = 1.0
    image[..., 1] = 0.0
    image[..., 2] = torch.randint(0, size, (1, 3, 40)) / (size - 1)  # on the nodes
    problem = Problem(image, None, torch.rand(1, 1, 3, size, size, size), tetrahedral)
    with using(name):
        assert_agree(problem.composite(), problem)


@every_kernel
@pytest.mark.parametrize("layout", ["planar", "channels last"])
@pytest.mark.parametrize("width", [1207, 1208])
def test_large_results_are_those_of_their_parts(name, layout, width):
    """Results of 16 MiB and more are written past the caches, where they are aligned."""
    image, mask = torch.rand(1, 3, 1210, width), torch.rand(1, 1, 1210, width)
    mask[..., 300:700, :] = 0
    image = laid_out(image, layout)
    lut = torch.rand(1, 1, 3, 5, 5, 5)
    with using(name, threads=2):
        for alpha in (None, mask):
            whole = native.composite(image, alpha, lut)
            for begin in range(0, 1210, 605):
                rows = slice(begin, begin + 605)
                part = alpha if alpha is None else alpha[..., rows, :]
                expected = native.composite(image[..., rows, :], part, lut)
                assert torch.equal(whole[..., rows, :], expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [2, 17, 22, 23])
@pytest.mark.parametrize("tetrahedral", [False, True])
def test_large_eight_bit_images_are_those_of_the_reference(size, layout, tetrahedral):
    image = torch.randint(0, 256, (1, 3, 701, 703), dtype=torch.uint8)
    lut = torch.rand(1, 1, 3, size, size, size) * 1.4 - 0.2
    problem = Problem(image.contiguous(memory_format=layout), None, lut, tetrahedral)
    with using(None):
        assert_agree(problem.composite(), problem)


@every_kernel
def test_eight_bit_results_saturate_and_nan_gives_zero(name):
    image = torch.randint(0, 256, (1, 3, 9, 300), dtype=torch.uint8)
    for value, level in ((1e30, 255), (7, 255), (-0.1, 0), (-1e30, 0), (torch.nan, 0)):
        lut = torch.full((1, 1, 3, 5, 5, 5), float(value))
        with using(name):
            assert (native.composite(image, None, lut) == level).all()


@every_kernel
def test_all_256_levels_come_through_an_identity_lut(name):
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    lut = torch.stack(torch.meshgrid(*[torch.linspace(0, 1, 17)] * 3, indexing="ij")).flip(0)
    with using(name):
        result = native.composite(levels, None, lut.view(1, 1, 3, 17, 17, 17))
    assert torch.equal(result[0], levels)


@every_kernel
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_half_of_the_background_keeps_its_bits(name, dtype):
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    image = every.view(1, 1, 256, 256).expand(1, 3, 256, 256).contiguous()
    mask = torch.zeros(1, 1, 256, 256)
    mask[..., ::7] = 1.0  # no block is all background
    with using(name):
        result = native.composite(image, mask, torch.rand(1, 1, 3, 2, 2, 2))
    background = (mask == 0).expand(1, 3, 256, 256)
    assert torch.equal(_bits(result[0])[background], _bits(image)[background])


@every_kernel
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_round_as_torch_rounds(name, dtype):
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(dtype)
    image = every.view(1, 1, 256, 256).expand(1, 3, 256, 256).contiguous()
    lut = torch.linspace(-0.1, 1.1, 4913 * 3).view(1, 1, 3, 17, 17, 17)
    with using(name):
        result = native.composite(image, None, lut)
    expected = reference.composite(image, None, lut)
    torch.testing.assert_close(result, expected, atol=CLOSE[dtype], rtol=0, equal_nan=True)
    assert (result == expected)[expected.isfinite()].float().mean() > 0.99


@every_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_overlapping_and_expanded_views_are_read_right(name, dtype):
    memory = torch.randint(0, 2, (4000,)).to(dtype)
    views = [
        memory.as_strided((2, 3, 9, 40), (5, 3, 7, 2)),
        memory.as_strided((2, 3, 9, 40), (1, 1, 1, 1)),
        memory[:1].expand(2, 3, 9, 40),
        memory[:40].expand(2, 3, 9, 40),
    ]
    lut = torch.rand(2, 1, 3, 5, 5, 5)
    for view in views:
        mask = view[:, :1].float()
        with using(name):
            result = native.composite(view, mask, lut)
            whole = native.composite(view.contiguous(), mask.contiguous(), lut)
        assert torch.equal(result, whole)


@every_kernel
def test_misaligned_memory_is_read_right(name):
    raw = np.random.default_rng(0).random(3 * 8 * 9, dtype=np.float32).tobytes()
    shifted = np.frombuffer(bytearray(b"?" + raw), dtype=np.float32, offset=1).reshape(1, 3, 8, 9)
    aligned = np.frombuffer(bytearray(raw), dtype=np.float32).reshape(1, 3, 8, 9)
    lut = torch.rand(1, 1, 3, 5, 5, 5)
    with using(name):
        result = native.composite(torch.from_numpy(shifted), None, lut)
        expected = native.composite(torch.from_numpy(aligned), None, lut)
    assert torch.equal(result, expected)


def smooth_problem(batch, count, height, width, size, masked, grid=(), tetrahedral=False):
    """Pixels well inside their cells and results well inside (0, 1): no kink, one derivative."""
    cell = torch.randint(0, size - 1, (batch, 3, height, width))
    image = (cell + 0.1 + 0.8 * torch.rand(cell.shape)) / (size - 1)
    mask = None
    if masked:
        mask = torch.rand(batch, 1, height, width)
        mask *= torch.rand_like(mask) > 0.5
    lut = torch.rand(batch, count, *grid, 3, size, size, size) * 0.9 + 0.05
    return Problem(image, mask, lut, tetrahedral)


def backward(problem, grad, kernel=native, needs=(True, True, True)):
    tensors = grad, problem.image, problem.mask, problem.lut
    return kernel.composite_backward(*tensors, *needs, tetrahedral=problem.tetrahedral)


@every_kernel
@pytest.mark.parametrize(
    ("size", "grid"),
    [(2, ()), (3, ()), (17, ()), (33, ()), (2, (2, 2)), (17, (2, 2)), (3, (1, 3)), (5, (4, 6))],
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("tetrahedral", [False, True])
def test_gradients_are_those_of_the_reference_in_double_precision(
    name, size, grid, masked, tetrahedral
):
    torch.manual_seed(0)  # a lone pixel's gradient may nearly cancel, and is compared with itself
    for shape in ((1, 1, 1, 1), (2, 3, 5, 7), (1, 2, 40, 41), (2, 1, 3, 300)):
        problem = smooth_problem(*shape, size, masked, grid, tetrahedral)
        grad = torch.randn(*shape[:2], 3, *shape[2:])
        mask = problem.mask.double() if masked else None
        double = Problem(problem.image.double(), mask, problem.lut.double(), tetrahedral)
        expected = backward(double, grad.double(), reference)
        with using(name):
            result = backward(problem, grad)
        for one, other in zip(result, expected, strict=True):
            assert one.shape == other.shape
            scale = other.abs().max().item() if other.numel() else 0.0
            torch.testing.assert_close(one.double(), other, atol=1e-5 * scale, rtol=0)


@every_kernel
@settings(max_examples=100, deadline=None)
@given(problem=problems(dtypes=(torch.float32, torch.float16, torch.bfloat16)), layout=layouts)
def test_gradients_of_any_input_are_finite_or_come_from_the_lut(name, problem, layout):
    result = problem.composite(reference)
    grad = laid_out(torch.randn(result.shape), layout).to(result.dtype)
    with using(name):
        grads = backward(problem, grad)
    assert all(found.isfinite().all() for found in grads)
    if problem.mask is not None:  # the background hands the gradient through as it is
        background = (~(problem.mask > 0)).expand_as(problem.image)
        handed = grad.float().sum(1)[background].to(grad.dtype)
        torch.testing.assert_close(grads[0][background], handed)


@every_kernel
@pytest.mark.parametrize("grid", [(), (2, 3)])
def test_gradients_not_asked_for_are_not_made(name, grid):
    problem = smooth_problem(1, 2, 9, 9, 5, True, grid)
    grad = torch.randn(1, 2, 3, 9, 9)
    kept = grad.clone()
    with using(name):
        every = backward(problem, grad)
        for wanted in range(8):
            needs = tuple(bool(wanted >> bit & 1) for bit in range(3))
            for found, full, need in zip(
                backward(problem, grad, needs=needs), every, needs, strict=True
            ):
                assert torch.equal(found, full if need else full.new_empty(0))
    assert torch.equal(grad, kept)


@every_kernel
@pytest.mark.parametrize(("value", "passes"), [(1.0, True), (0.0, True), (1.5, False), (-1, False)])
def test_the_output_clamp_stops_gradients_outside_but_not_at_its_ends(name, value, passes):
    image, lut = torch.rand(1, 3, 9, 9), torch.full((1, 1, 3, 3, 3, 3), float(value))
    with using(name):
        _, _, found = native.composite_backward(
            torch.ones(1, 1, 3, 9, 9), image, None, lut, False, False, True
        )
    assert found.sum().item() == pytest.approx(3 * 81 if passes else 0)


@every_kernel
def test_pixels_outside_the_unit_cube_have_no_image_gradient(name):
    image = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5]).expand(1, 3, 1, 5).contiguous()
    lut = torch.rand(1, 1, 3, 3, 3, 3) * 0.5 + 0.25
    with using(name):
        found, _, _ = native.composite_backward(
            torch.ones(1, 1, 3, 1, 5), image, None, lut, True, False, False
        )
    assert ((found != 0) == torch.tensor([False, True, True, True, False])).all()


@every_kernel
def test_results_do_not_depend_on_the_number_of_threads(name):
    for shape, size, grid, tetrahedral in (
        ((2, 2, 120, 300), 17, (), False),
        ((1, 1, 301, 299), 33, (), False),
        ((1, 1, 301, 299), 9, (), True),
        ((2, 2, 120, 300), 9, (2, 2), False),
        ((1, 1, 301, 299), 9, (3, 4), True),
    ):
        problem = smooth_problem(*shape, size, True, grid, tetrahedral)
        grad = torch.randn(*shape[:2], 3, *shape[2:])
        with using(name):
            composite = problem.composite()
            grads = backward(problem, grad)
        for threads in (2, 3, 8):
            with using(name, threads):
                again = problem.composite()
                others = backward(problem, grad)
            assert torch.equal(again, composite)
            assert all(torch.equal(a, b) for a, b in zip(grads, others, strict=True))


def _composite_in_child(image, lut, expected, pipe):
    result = native.composite(torch.from_numpy(image), None, torch.from_numpy(lut))
    pipe.send(np.array_equal(result.numpy(), expected))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_kernel_works_in_a_child_forked_after_a_threaded_call():
    image, lut = torch.rand(1, 3, 300, 300), torch.rand(1, 1, 3, 17, 17, 17)
    with using(None, threads=4):
        expected = native.composite(image, None, lut)
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        child = context.Process(
            target=_composite_in_child, args=(image.numpy(), lut.numpy(), expected.numpy(), there)
        )
        child.start()
        try:
            assert here.poll(60), "the child hangs"
            assert here.recv()
        finally:
            child.kill()
            child.join()


class _Photos(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.rand(1, 3, 64, 64, generator=generator)
        return native.composite(image, None, torch.zeros(1, 1, 3, 2, 2, 2).add(index / 8))[0, 0]


def test_the_kernel_works_in_loader_workers():
    native.composite(torch.rand(1, 3, 300, 300), None, torch.rand(1, 1, 3, 17, 17, 17))
    batches = list(DataLoader(_Photos(), batch_size=2, num_workers=2, timeout=60))
    assert [batch[1].max().item() for batch in batches] == [1 / 8, 3 / 8]


def test_the_kernel_leaves_what_it_cannot_do_to_the_reference():
    image, lut = torch.rand(1, 3, 4, 4), torch.rand(1, 1, 3, 3, 3, 3)
    assert native.takes(image, None, lut)
    assert not native.takes(image.double(), None, lut.double())
    assert not native.takes(image, None, lut.double())
    assert not native.takes(image, torch.rand(1, 1, 4, 4).double(), lut)
    assert not native.takes(image, None, lut[..., :1].expand(1, 1, 3, 3, 3, 257))
    luts = torch.rand(1, 1, 1, 1, 3, 3, 3, 3)
    assert native.takes(image, None, luts.expand(1, 1, 2, 9, 3, 3, 3, 3))
    assert not native.takes(image, None, luts.expand(1, 1, 1, 2**23, 3, 3, 3, 3))


def test_an_environment_variable_names_the_kernel(monkeypatch):
    for name in (*KERNELS, "none"):
        monkeypatch.setenv("HARMAUG_SIMD", name)
        assert native._wanted.__wrapped__() == name
    monkeypatch.setenv("HARMAUG_SIMD", "")
    assert native._wanted.__wrapped__() is None
    monkeypatch.delenv("HARMAUG_SIMD")
    assert native._wanted.__wrapped__() is None


def test_an_unknown_kernel_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("HARMAUG_SIMD", "mmx")
    with pytest.raises(ValueError, match=r"HARMAUG_SIMD=mmx is not available.* portable, none"):
        native._wanted.__wrapped__()


@pytest.mark.slow
def test_torch_serves_where_the_environment_says_none():
    done = subprocess.run(
        [sys.executable, "-c", "import harmaug; print(harmaug.backends()['cpu'])"],
        env={**os.environ, "HARMAUG_SIMD": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "torch"


def test_without_the_extension_torch_serves(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert native._library.__wrapped__() is None


def test_an_extension_of_another_machine_is_passed_over(monkeypatch, tmp_path):
    broken = tmp_path / "_native.so"
    broken.write_bytes(b"not a library")
    spec = importlib.util.spec_from_file_location("harmaug.lut._native", broken)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert native._library.__wrapped__() is None


@pytest.mark.skipif(not native.available(), reason="the native kernel is not built")
def test_an_extension_of_another_version_is_named_and_passed_over(monkeypatch):
    monkeypatch.setattr(native_jobs, "BYTES", native_jobs.BYTES + 8)
    with pytest.warns(UserWarning, match="was built from another version of harmaug"):
        assert native._library.__wrapped__() is None
