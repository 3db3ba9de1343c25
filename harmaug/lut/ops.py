"""The 3D LUT operator: public functions, registration with torch.library, and dispatch.

One operator, ``harmaug::lut_composite``, does lookup, soft-mask blend and clamp in one pass for any
number of LUTs per image, or of grids of LUTs between which the colour change varies over the frame
(`reference.py` defines it). The fastest kernel that takes the tensors serves: the native one
on a CPU, Triton on CUDA, plain torch (`reference.py`) anywhere else and for every other dtype.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from harmaug.inputs import as_masks, as_photos
from harmaug.lut import native, reference
from harmaug.lut.tensors import check_lut

Interpolation = Literal["trilinear", "tetrahedral"]
_INTERPOLATIONS = get_args(Interpolation)  # here, for torch.compile of torch 2.6 stops at get_args


def apply_lut(
    image: Tensor,
    lut: Tensor,
    *,
    interpolation: Interpolation = "trilinear",
    strength: float | Tensor = 1.0,
) -> Tensor:
    """Look every pixel up in a 3D LUT, clamped to [0, 1]; differentiable, also twice.

    Args:
        image: (B, 3, H, W) or (3, H, W), floating point in [0, 1] or uint8 in [0, 255].
        lut: (3, D, D, D), (B, 3, D, D, D) or, for n results per image, (B, n, 3, D, D, D);
            floating point, `lut[c, b, g, r]`. (B, gy, gx, 3, D, D, D) and
            (B, n, gy, gx, 3, D, D, D) are grids of LUTs over the frame, from its upper left to its
            lower right corner, bilinear in between; they serve every size of a photo alike. B may
            be 1 for all images.
        interpolation: between the nodes of the LUT: "trilinear", or "tetrahedral" as in OpenColorIO
            and FFmpeg, which keeps greys grey and is what colour tools use for film looks.
        strength: how far to go from the image (0) to the looked up colours (1); a number, or a
            tensor () or (B,), through which gradients flow.

    Returns:
        The shape of ``image``, with the n axis after the batch axis where ``lut`` has one;
        dtype and device of ``image``.

    Raises:
        TypeError: a dtype other than these.
        ValueError: shapes or devices that do not fit, an unknown ``interpolation``, a ``strength``
            outside [0, 1].
    """
    batch = as_photos(image, "image")
    result = _checked(batch, _uniform(strength, batch), lut, interpolation, "image")
    return result if image.ndim == 4 else result.squeeze(0)


def composite_lut(
    real: Tensor, mask: Tensor, lut: Tensor, *, interpolation: Interpolation = "trilinear"
) -> Tensor:
    """Recolour the foreground of a photo by a 3D LUT; the background keeps its bits.

    Args:
        real: (B, 3, H, W) or (3, H, W), floating point in [0, 1] or uint8 in [0, 255].
        mask: (B, 1, H, W), (B, H, W), (1, H, W) or (H, W), bool or floating point in [0, 1];
            1 is foreground, values between blend.
        lut: as in `apply_lut`.
        interpolation: as in `apply_lut`.

    Returns:
        As `apply_lut`. Where the mask is 0 the pixels of ``real`` are copied unchanged.

    Raises:
        TypeError: a dtype other than these.
        ValueError: shapes or devices that do not fit, or an unknown ``interpolation``.
    """
    batch = as_photos(real, "real")
    mask = as_masks(mask, batch, ("real", "mask"))
    if mask.dtype != torch.bool and not mask.is_floating_point():
        raise TypeError(
            f"mask must be bool or floating point in [0, 1], got {mask.dtype}; "
            "give mask > 0 for labels and mask / 255 for 8 bits."
        )
    result = _checked(batch, mask, lut, interpolation, "real")
    return result if real.ndim == 4 else result.squeeze(0)


def backends() -> dict[str, str]:
    """Return the kernel that serves the LUT operator on each kind of device.

    For example ``{"cpu": "native (avx512)", "cuda": "triton", "other": "torch"}``.
    """
    return {
        "cpu": f"native ({native.instruction_set()})" if native.available() else "torch",
        "cuda": "triton" if _triton_available() else "torch",
        "other": "torch",
    }


def lut_composite(
    image: Tensor, mask: Tensor | None, luts: Tensor, tetrahedral: bool = False
) -> Tensor:
    """Recolour photos that are checked already; the way of everything behind the door.

    Args:
        image: (B, 3, H, W), floating point in [0, 1] or uint8.
        mask: (B, 1, H, W), bool or floating point in [0, 1]; None for the whole frame.
        luts: (B, 3, D, D, D), or (B, gy, gx, 3, D, D, D) for grids over the frame, either with n
            after B; B may be 1 for all photos.
        tetrahedral: interpolate so; else trilinearly.

    Returns:
        (B, 3, H, W), or (B, n, 3, H, W) where ``luts`` have the axis n.
    """
    compute = torch.float64 if image.dtype == torch.float64 else torch.float32
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(compute)
    many = luts.ndim % 2 == 0
    luts = luts if many else luts.unsqueeze(1)
    luts = luts.expand(image.shape[0], *luts.shape[1:]).to(compute)
    recolour: Callable[..., Tensor] = torch.ops.harmaug.lut_composite
    if reference.transformed():
        recolour = reference.recolour
    result = recolour(image, mask, luts, tetrahedral)
    return result if many else result.squeeze(1)


def _uniform(strength: float | Tensor, batch: Tensor) -> Tensor | None:
    """Return strengths as a mask (B, 1, H, W) that takes no memory; None for the whole way."""
    if not isinstance(strength, Tensor) and strength == 1:
        return None
    values = torch.as_tensor(strength, dtype=torch.float32, device=batch.device)
    if values.ndim > 1 or (values.ndim == 1 and len(values) != len(batch)):
        raise ValueError(
            f"strength must be a number or a tensor () or ({len(batch)},), "
            f"got {tuple(values.shape)}."
        )
    if not torch.compiler.is_compiling() and not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"strength must be in [0, 1], from the image to its looked up colours, got {strength}."
        )
    return values.view(-1, 1, 1, 1).expand(len(batch), 1, *batch.shape[2:])


def _checked(
    batch: Tensor, mask: Tensor | None, lut: Tensor, interpolation: str, name: str
) -> Tensor:
    check_lut(lut)
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f'interpolation must be "trilinear" or "tetrahedral", got {interpolation!r}.'
        )
    if lut.device != batch.device:
        raise ValueError(f"lut is on {lut.device} but {name} is on {batch.device}.")
    luts = lut.unsqueeze(0) if lut.ndim == 4 else lut
    if lut.ndim > 8 or luts.shape[0] not in (1, batch.shape[0]):
        raise ValueError(
            f"lut must be (3, D, D, D), (B, 3, D, D, D) or (B, n, 3, D, D, D), or a grid "
            f"(B, gy, gx, 3, D, D, D) or (B, n, gy, gx, 3, D, D, D), "
            f"with B = 1 or {batch.shape[0]}, got {tuple(lut.shape)}."
        )
    if lut.ndim > 6 and 0 in lut.shape[-6:-4]:
        raise ValueError(
            f"lut must have at least one LUT along each axis of its grid, got gy = "
            f"{lut.shape[-6]} and gx = {lut.shape[-5]} in {tuple(lut.shape)}."
        )
    return lut_composite(batch, mask, luts, interpolation == "tetrahedral")


# Registration. `image` (B, 3, H, W) of any stride; `mask` (B, 1, H, W), bool or float32, and `lut`
# (B, n, 3, D, D, D) or (B, n, gy, gx, 3, D, D, D), float32 (both float64 beside a float64 image).
# Backward returns gradients for image, mask and lut; an empty tensor stands for each that is not
# needed.

_library = torch.library.Library("harmaug", "DEF")
_library.define(
    "lut_composite(Tensor image, Tensor? mask, Tensor lut, bool tetrahedral=False) -> Tensor"
)
_library.define(
    "lut_composite_backward(Tensor grad, Tensor image, Tensor? mask, Tensor lut, bool need_image, "
    "bool need_mask, bool need_lut, *, bool tetrahedral=False) -> (Tensor, Tensor, Tensor)"
)


@functools.cache
def _triton_available() -> bool:
    return torch.cuda.is_available() and importlib.util.find_spec("triton") is not None


def _kernel(image: Tensor, mask: Tensor | None, lut: Tensor) -> ModuleType:
    """Return the module that serves these tensors."""
    if native.takes(image, mask, lut):
        return native
    if image.is_cuda and image.dtype != torch.float64 and _triton_available():
        from harmaug.lut import gpu

        return gpu
    return reference


def _forward(image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False) -> Tensor:
    return _kernel(image, mask, lut).composite(image, mask, lut, tetrahedral)


def _backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    *needs: bool,
    tetrahedral: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    backward = _kernel(image, mask, lut).composite_backward
    return backward(grad, image, mask, lut, *needs, tetrahedral=tetrahedral)


_library.impl("lut_composite", _forward, "CompositeExplicitAutograd")
_library.impl("lut_composite_backward", _backward, "CompositeExplicitAutograd")


@torch.library.register_fake("harmaug::lut_composite", lib=_library)
def _fake_forward(
    image: Tensor, mask: Tensor | None, lut: Tensor, tetrahedral: bool = False
) -> Tensor:
    return reference.empty_result(image, lut.shape[1])


@torch.library.register_fake("harmaug::lut_composite_backward", lib=_library)
def _fake_backward(
    grad: Tensor,
    image: Tensor,
    mask: Tensor | None,
    lut: Tensor,
    *needs: bool,
    tetrahedral: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    return reference.empty_gradients(image, mask, lut, *needs)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.tetrahedral = inputs
    ctx.save_for_backward(*tensors)


def _autograd_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    image, mask, lut = ctx.saved_tensors
    needs = ctx.needs_input_grad[:3]
    # Gradients that will be differentiated again come from plain torch, which records its steps.
    backward: Callable[..., tuple[Tensor, ...]] = torch.ops.harmaug.lut_composite_backward
    if torch.is_grad_enabled():
        backward = reference.composite_backward
    gradients = backward(grad, image, mask, lut, *needs, tetrahedral=ctx.tetrahedral)
    wanted = (found if needed else None for found, needed in zip(gradients, needs, strict=True))
    return *wanted, None


torch.library.register_autograd(
    "harmaug::lut_composite", _autograd_backward, setup_context=_setup_context, lib=_library
)
