"""The native CPU kernel, reached through ctypes; absent where no compiler built it.

The kernel (csrc/) is plain C without torch or Python headers. It takes addresses and strides,
picks AVX-512, AVX2, NEON or portable C at run time, and uses as many threads as torch does.
The environment variable HARMAUG_SIMD names a kernel in place of the fastest; "none" leaves all to
plain torch.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import warnings
from typing import Any

import torch
from torch import Tensor

from harmaug.lut import reference

_DTYPES = {
    torch.float32: 0,
    torch.float16: 1,
    torch.bfloat16: 2,
    torch.uint8: 3,
    torch.bool: 4,
}
_LARGEST = 160  # nodes of a LUT an axis: offsets into its table stay exact in a float
_LARGEST_ROW = 1 << 27  # nodes of a row of a grid of LUTs: offsets into its tables have 32 bits
_HUGE = 1 << 22  # bytes
# Kernels for some jobs of a machine that has others too.
_SPECIAL = ("bytes", "avx512tetra", "avx512grid", "avx512x4")


class _View(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("dtype", "batch", "lut", "channel", "row", "column")),
    ]


class _Job(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "luts", "height", "width", "size")),
        *(
            (name, ctypes.c_int64)
            for name in ("threads", "grid_rows", "grid_columns", "tetrahedral")
        ),
        *((name, _View) for name in ("image", "mask", "lut", "result")),
        *((name, _View) for name in ("grad_image", "grad_mask", "grad_lut")),
    ]


class _Pool(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "height", "width", "rows", "columns")),
        ("threads", ctypes.c_int64),
        ("image", _View),
        ("mask", _View),
        ("result", ctypes.c_void_p),
    ]


@functools.cache
def _library() -> Any:
    """Load the kernel as ctypes.CDLL; None where it is absent."""
    spec = importlib.util.find_spec("harmaug.lut._native")
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        library.harmaug_job_bytes.restype = ctypes.c_int64
        if library.harmaug_job_bytes() != ctypes.sizeof(_Job):
            raise AttributeError("harmaug_job_bytes")
        library.harmaug_kernel.restype = ctypes.c_char_p
        for run in (library.harmaug_forward, library.harmaug_backward):
            run.argtypes = [ctypes.POINTER(_Job), ctypes.c_char_p]
        library.harmaug_pool.argtypes = [ctypes.POINTER(_Pool), ctypes.c_char_p]
        library.harmaug_prefer_huge_pages.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        library.harmaug_prefer_huge_pages.restype = None
    except OSError:  # built for another machine or C library
        return None
    except AttributeError:
        warnings.warn(
            f"{spec.origin} was built from another version of harmaug, so plain torch serves, "
            "which is slower; install harmaug again to build it anew.",
            stacklevel=2,
        )
        return None
    return library


@functools.cache
def kernels() -> tuple[str, ...]:
    """Return the kernels that were built and that this machine can run, fastest first.

    There is one for each instruction set, and "bytes" for large 8-bit images, "avx512tetra" for
    tetrahedral lookups, "avx512grid" for grids of LUTs and "avx512x4" for several LUTs.
    """
    library = _library()
    names: list[str] = []
    while library is not None and (name := library.harmaug_kernel(len(names))):
        names.append(name.decode())
    return tuple(names)


@functools.cache
def instruction_set() -> str:
    """Return the instruction set in use: avx512, avx2, neon, portable, or none without a kernel."""
    return _wanted() or next((name for name in kernels() if name not in _SPECIAL), "none")


@functools.cache
def _wanted() -> str | None:
    """Return the kernel that HARMAUG_SIMD names; None leaves the choice to the library."""
    wanted, known = os.environ.get("HARMAUG_SIMD") or None, (*kernels(), "none")
    if wanted is not None and wanted not in known:
        raise ValueError(
            f"HARMAUG_SIMD={wanted} is not available here; set it to one of "
            f"{', '.join(known)}, or unset it."
        )
    return wanted


def available() -> bool:
    """Return whether the compiled kernel is present, loads and may serve."""
    return instruction_set() != "none"


def takes(image: Tensor, mask: Tensor | None, lut: Tensor) -> bool:
    """Return whether the native kernel handles these tensors."""
    return (
        image.device.type == lut.device.type == "cpu"
        and available()
        and image.dtype in _DTYPES.keys() - {torch.bool}
        and lut.dtype == torch.float32
        and 2 <= lut.shape[-1] <= _LARGEST
        and (lut.ndim == 6 or lut.shape[3] * lut.shape[-1] ** 3 < _LARGEST_ROW)
        and (mask is None or mask.dtype in (torch.float32, torch.bool))
    )


def composite(image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False) -> Tensor:
    """Recolour as `reference.composite` does."""
    result = _huge(reference.empty_result(image, lut.shape[1]))
    if result.numel() > 0:
        _run(image, mask, lut, tetrahedral, result)
    return result


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    *needs: bool,
    tetrahedral: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return gradients as `reference.composite_backward`; the same bits for any thread count."""
    grads = reference.empty_gradients(image, mask, lut, *needs)
    if grad.numel() > 0:
        _huge(grads[0])
        _run(image, mask, lut, tetrahedral, grad, grads)
    else:
        for tensor in grads:
            tensor.zero_()
    return grads


def pools(image: Tensor, mask: Tensor) -> bool:
    """Return whether `pool` takes these tensors: not for gradients, nor under torch.compile."""
    if torch.compiler.is_compiling():
        return False
    recorded = torch.is_grad_enabled() and (image.requires_grad or mask.requires_grad)
    return (
        available()
        and image.device.type == "cpu"
        and image.dtype == mask.dtype == torch.float32
        and not (recorded or reference.transformed())
    )


def pool(image: Tensor, mask: Tensor, rows: int, columns: int) -> Tensor:
    """Area averages of a photo under a mask and outside it, in one pass.

    Args:
        image: (B, 3, H, W), float32.
        mask: (B, 1, H, W) in [0, 1], float32.
        rows: of the result, at most H.
        columns: of the result, at most W.

    Returns:
        (B, 2, 4, rows, columns) for foreground and background: the mean red, green and blue of the
        region within each cell, and the region's share of the cell.
    """
    result = image.new_empty(len(image), 2, 4, rows, columns)
    if result.numel() > 0:
        image, mask = _aligned(image), _aligned(mask)
        job = _Pool(len(image), *image.shape[2:], rows, columns, torch.get_num_threads())
        job.image, job.mask, job.result = _view(image), _view(mask), result.data_ptr()
        _library().harmaug_pool(ctypes.byref(job), (_wanted() or "").encode() or None)
    return result


def _run(
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    tetrahedral: bool,
    result: Tensor,
    grads: tuple[Tensor, ...] = (),
) -> None:
    """Run the kernel forward into ``result``, or backward from it into ``grads``."""
    if not lut[0, 0].is_contiguous():
        lut = lut.contiguous()
    job = _Job(image.shape[0], lut.shape[1], *image.shape[2:], lut.shape[-1])
    job.threads = torch.get_num_threads()
    job.tetrahedral = tetrahedral
    job.grid_rows, job.grid_columns = lut.shape[2:4] if lut.ndim == 8 else (1, 1)
    inputs = [
        tensor if tensor is None else _aligned(tensor) for tensor in (image, mask, lut, result)
    ]
    job.image, job.mask, job.lut, job.result = (_view(tensor) for tensor in inputs)
    if grads:
        job.grad_image, job.grad_mask, job.grad_lut = (_view(tensor) for tensor in grads)
    run = _library().harmaug_backward if grads else _library().harmaug_forward
    if run(ctypes.byref(job), (_wanted() or "").encode() or None) != 0:
        raise MemoryError(
            f"the LUT kernel found no memory for {tuple(lut.shape)} LUTs; pass fewer at a time."
        )


def _huge(tensor: Tensor) -> Tensor:
    """Return the same tensor; a large one on huge pages, which are faster to write first."""
    size = tensor.numel() * tensor.element_size()
    if size >= _HUGE:
        _library().harmaug_prefer_huge_pages(tensor.data_ptr(), size)
    return tensor


def _aligned(tensor: Tensor) -> Tensor:
    """Return the tensor, or a copy where its memory (foreign bytes) is not aligned to its type."""
    return tensor.clone() if tensor.data_ptr() % tensor.element_size() else tensor


def _view(tensor: Tensor | None) -> _View:
    if tensor is None or tensor.numel() == 0:
        return _View()
    stride = tensor.stride()
    lut = stride[1] if tensor.ndim >= 5 else 0
    plane = stride[-3:] if tensor.ndim <= 5 else (0, 0, 0)
    return _View(tensor.data_ptr(), _DTYPES[tensor.dtype], stride[0], lut, *plane)
