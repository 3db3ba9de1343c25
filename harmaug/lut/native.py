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

from harmaug.lut import native_jobs, reference
from harmaug.lut.native_jobs import Job, View

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
_ENTRIES = ("forward", "backward", "judge", "pool", "describe", "transport")
# Kernels for some jobs of a machine that has others too.
_SPECIAL = ("bytes", "avx512tetra", "avx512grid", "avx512x4")


@functools.cache
def _library() -> Any:
    """Load the kernel as ctypes.CDLL; None where it is absent."""
    spec = importlib.util.find_spec("harmaug.lut._native")
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        library.harmaug_job_bytes.restype = ctypes.c_int64
        if library.harmaug_job_bytes() != native_jobs.BYTES:
            raise AttributeError("harmaug_job_bytes")
        library.harmaug_kernel.restype = ctypes.c_char_p
        for entry in _ENTRIES:
            getattr(library, f"harmaug_{entry}").argtypes = [ctypes.c_void_p, ctypes.c_char_p]
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


def _run(
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    tetrahedral: bool,
    result: Tensor,
    grads: tuple[Tensor, ...] = (),
) -> None:
    """Run the kernel forward into ``result``, or backward from it into ``grads``."""
    mask = None if mask is None else aligned(mask)
    image, lut, result = aligned(image), dense(lut), aligned(result)
    job = job_of(image, mask, lut)
    job.tetrahedral = tetrahedral
    job.result = view(result)
    if grads:
        job.grad_image, job.grad_mask, job.grad_lut = (view(tensor) for tensor in grads)
    call("backward" if grads else "forward", job, f"{tuple(lut.shape)} LUTs")


def job_of(image: Tensor, mask: Tensor | None, lut: Tensor) -> Job:
    """Return a job that reads these tensors, which must be kept until it is done.

    Args:
        image: `aligned`.
        mask: `aligned`.
        lut: `dense`.
    """
    job = Job(image.shape[0], lut.shape[1], *image.shape[2:], lut.shape[-1])
    job.threads = torch.get_num_threads()
    job.grid_rows, job.grid_columns = lut.shape[2:4] if lut.ndim == 8 else (1, 1)
    job.image, job.mask, job.lut = view(image), view(mask), view(lut)
    return job


def call(entry: str, job: ctypes.Structure, what: str) -> None:
    """Run a job by the kernel in use; messages name what it is for."""
    wanted = _wanted()
    run = getattr(_library(), f"harmaug_{entry}")
    code = run(ctypes.addressof(job), wanted.encode() if wanted else None)
    if code == -1:
        raise MemoryError(f"the native kernel found no memory for {what}; pass fewer at a time.")
    if code != 0:
        raise RuntimeError(f"the native kernel {wanted} cannot do {entry}; unset HARMAUG_SIMD.")


def dense(lut: Tensor) -> Tensor:
    """Return LUTs that are contiguous and aligned each, copied where they are not."""
    return aligned(lut if lut[0, 0].is_contiguous() else lut.contiguous())


def _huge(tensor: Tensor) -> Tensor:
    """Return the same tensor; a large one on huge pages, which are faster to write first."""
    size = tensor.numel() * tensor.element_size()
    if size >= _HUGE:
        _library().harmaug_prefer_huge_pages(tensor.data_ptr(), size)
    return tensor


def aligned(tensor: Tensor) -> Tensor:
    """Return the tensor; a copy if it is negated lazily or its foreign bytes are not aligned."""
    tensor = tensor.resolve_neg()
    return tensor.clone() if tensor.data_ptr() % tensor.element_size() else tensor


def view(tensor: Tensor | None) -> View:
    """Return what the kernel must know of an aligned tensor (B, [n,] C, H, W) or of LUTs."""
    if tensor is None or tensor.numel() == 0:
        return View()
    stride = tensor.stride()
    lut = stride[1] if tensor.ndim >= 5 else 0
    plane = stride[-3:] if tensor.ndim <= 5 else (0, 0, 0)
    return View(tensor.data_ptr(), _DTYPES[tensor.dtype], stride[0], lut, *plane)
