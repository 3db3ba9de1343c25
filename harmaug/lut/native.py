"""The native CPU kernel, reached through ctypes; absent where no compiler built it."""

from __future__ import annotations

from torch import Tensor


def available() -> bool:
    """Whether the compiled kernel is present and loads."""
    return False


def instruction_set() -> str:
    """The SIMD instruction set in use: avx512, avx2, neon or portable."""
    return "portable"


def takes(image: Tensor, mask: Tensor | None, lut: Tensor) -> bool:
    """Whether the native kernel handles these tensors."""
    return False


def composite(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    """As `reference.composite`."""
    raise RuntimeError("the native kernel is not built.")


def composite_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    need_image: bool,
    need_mask: bool,
    need_lut: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """As `reference.composite_backward`."""
    raise RuntimeError("the native kernel is not built.")
