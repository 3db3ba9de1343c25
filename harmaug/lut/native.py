"""The native CPU kernel, reached through ctypes; absent where no compiler built it.

The kernel (csrc/) is plain C without torch or Python headers: it is handed addresses and strides,
picks AVX-512, AVX2, NEON or portable C at run time, and uses as many threads as torch does.
HARMAUG_SIMD names another instruction set than the fastest; "none" leaves all to plain torch.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os

import torch
from torch import Tensor

_DTYPES = {
    torch.float32: 0,
    torch.float16: 1,
    torch.bfloat16: 2,
    torch.uint8: 3,
    torch.bool: 4,
}
_MAX_SIZE = 256  # grid nodes an axis; keeps node offsets inside 32 bits


class _View(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("dtype", "batch", "lut", "channel", "row", "column")),
    ]


class _Job(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "luts", "height", "width", "size")),
        ("threads", ctypes.c_int64),
        *((name, _View) for name in ("image", "mask", "lut", "result")),
        *((name, _View) for name in ("grad_image", "grad_mask", "grad_lut")),
    ]


@functools.cache
def _library() -> ctypes.CDLL | None:
    spec = importlib.util.find_spec("harmaug.lut._native")
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
    except OSError:  # built for another machine or C library
        return None
    library.harmaug_kernel.restype = ctypes.c_char_p
    library.harmaug_run.argtypes = [ctypes.POINTER(_Job), ctypes.c_char_p]
    return library


@functools.cache
def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that the kernel was built for and this machine has, fastest first."""
    library = _library()
    names: list[str] = []
    while library is not None and (name := library.harmaug_kernel(len(names))):
        names.append(name.decode())
    return tuple(names)


@functools.cache
def instruction_set() -> str:
    """The instruction set in use: avx512, avx2, neon, portable, or none without a kernel."""
    found = instruction_sets()
    wanted = os.environ.get("HARMAUG_SIMD", found[0] if found else "none")
    if wanted != "none" and wanted not in found:
        raise RuntimeError(
            f"HARMAUG_SIMD={wanted} is not available here; set it to one of "
            f"{', '.join((*found, 'none'))}, or unset it."
        )
    return wanted


def available() -> bool:
    """Whether the compiled kernel is present and loads."""
    return instruction_set() != "none"


def takes(image: Tensor, mask: Tensor | None, lut: Tensor) -> bool:
    """Whether the native kernel handles these tensors."""
    return (
        available()
        and image.dtype in _DTYPES
        and lut.dtype == torch.float32
        and 2 <= lut.shape[-1] <= _MAX_SIZE
        and (mask is None or mask.dtype == torch.float32)
    )


def composite(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    """As `reference.composite`."""
    result = image.new_empty((image.shape[0], lut.shape[1], 3, *image.shape[2:]))
    _run(image, mask, lut, result)
    return result


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    need_image: bool,
    need_mask: bool,
    need_lut: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `reference.composite_backward`; the same for any number of threads."""
    mask_shape = (image.shape[0], 1, *image.shape[2:])
    grads = (
        image.new_zeros(image.shape if need_image else 0),
        lut.new_zeros(mask_shape if need_mask and mask is not None else 0),
        lut.new_zeros(lut.shape if need_lut else 0),
    )
    _run(image, mask, lut, grad, grads)
    return grads


def _run(
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    result: Tensor,
    grads: tuple[Tensor, ...] = (),
) -> None:
    if image.numel() == 0 or lut.numel() == 0:
        return
    library = _library()
    assert library is not None
    if not lut[0, 0].is_contiguous():
        lut = lut.contiguous()
    job = _Job(image.shape[0], lut.shape[1], *image.shape[2:], lut.shape[-1])
    job.threads = torch.get_num_threads()
    job.image, job.lut, job.result = _view(image), _view(lut), _view(result)
    if mask is not None:
        job.mask = _view(mask)
    if grads:
        job.grad_image, job.grad_mask, job.grad_lut = (_view(tensor) for tensor in grads)
    status = library.harmaug_run(ctypes.byref(job), instruction_set().encode())
    if status != 0:
        raise MemoryError(
            f"the LUT kernel found no memory for {tuple(lut.shape)} LUTs; pass fewer at a time."
        )


def _view(tensor: Tensor) -> _View:
    if tensor.numel() == 0:
        return _View()
    stride = tensor.stride()
    lut = stride[1] if tensor.ndim >= 5 else 0
    channel, row, column = stride[-3:] if tensor.ndim <= 5 else (0, 0, 0)
    return _View(
        tensor.data_ptr(), _DTYPES[tensor.dtype], stride[0], lut, channel, row, column
    )
