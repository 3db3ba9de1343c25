"""The small computations of the nets by the native CPU kernel, each in one call.

Plain torch takes dozens of operations for each: `nets.statistics`, `nets.judging` and `nets.prior`
define what they give.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from harmaug.lut import native as kernel
from harmaug.lut import reference
from harmaug.lut.native_jobs import Judge, Pool, Regions, Transport

_STATISTICS = 36  # of a region
_TYPES = (Tensor, nn.Parameter)
# Modes that record operations, or run them without values: neither sees into a kernel.
_MODES = (torch._C._TorchDispatchModeKey.FAKE, torch._C._TorchDispatchModeKey.PROXY)


def takes(*tensors: Tensor) -> bool:
    """Return whether the functions here take these tensors.

    They do not where a gradient or a trace is recorded, nor tensors without values.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or not kernel.available():
        return False
    recorded = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    plain = all(
        type(tensor) in _TYPES and tensor.is_cpu and tensor.dtype == torch.float32
        for tensor in tensors
    )
    traced = any(torch._C._get_dispatch_mode(mode) is not None for mode in _MODES)
    return plain and not recorded and not traced and not reference.transformed()


def takes_weighted(colours: Tensor, weights: Tensor, *others: Tensor) -> bool:
    """Return whether `takes` all, and weights (N, 1, ...) fit the places of colours (N, 3, ...)."""
    fit = weights.shape == (len(colours), 1, *colours.shape[2:])
    return fit and takes(colours, weights, *others)


def pool(image: Tensor, mask: Tensor, rows: int, columns: int) -> Tensor:
    """Area averages of a photo under a mask and outside it.

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
        image, mask = kernel.aligned(image), kernel.aligned(mask)
        job = Pool(len(image), *image.shape[2:], rows, columns, torch.get_num_threads())
        job.image, job.mask = kernel.view(image), kernel.view(mask)
        job.result = result.data_ptr()
        kernel.call("pool", job, f"{tuple(image.shape)} photos")
    return result


def describe(colours: Tensor, weights: Tensor) -> Tensor:
    """Statistics (N, 36) of regions, as `nets.statistics.describe_region` gives them.

    Args:
        colours: (N, 3, P) in [0, 1], float32.
        weights: (N, 1, P), non-negative, float32.
    """
    result = colours.new_empty(len(colours), _STATISTICS)
    if result.numel() > 0:
        colours, weights = _rows(colours), _rows(weights)
        job = Regions(len(colours), colours.shape[2], torch.get_num_threads())
        job.colours, job.weights = colours.data_ptr(), weights.data_ptr()
        job.colour_batch, job.colour_channel, _ = colours.stride()
        job.weight_batch = weights.stride(0)
        job.result = result.data_ptr()
        kernel.call("describe", job, f"{tuple(colours.shape)} colours")
    return result


def judges(luts: Tensor, view: Tensor, mask: Tensor) -> bool:
    """Return whether `judge` takes these tensors."""
    fit = len(luts) == len(view) and takes_weighted(view, mask, luts)
    return fit and kernel.takes(view, mask, luts)


def judge(
    luts: Tensor, view: Tensor, mask: Tensor, *, border: float, most: float, contrast: float
) -> Tensor:
    """Return (B, n), bool: LUTs that spoil the foreground, as `nets.judging.spoilt` finds them.

    Args:
        luts: (B, n, 3, D, D, D) or (B, n, gy, gx, 3, D, D, D), float32.
        view: (B, 3, h, w) in [0, 1], float32.
        mask: (B, 1, h, w) in [0, 1], float32.
        border: distance from 0.5 from which on a value counts as clipped.
        most: share of the foreground that may clip anew.
        contrast: share of the variance of its greys that must be left.
    """
    result = luts.new_zeros(luts.shape[:2], dtype=torch.bool)
    if result.numel() > 0 and view.numel() > 0:
        # Each LUT reads the pixels again, so they had better lie together.
        luts, view, mask = kernel.dense(luts), _dense(view), _dense(mask)
        job = Judge(kernel.job_of(view, mask, luts), border, most, contrast, result.data_ptr())
        kernel.call("judge", job, f"{tuple(luts.shape)} LUTs")
    return result


def transport(
    latent: Tensor,
    mean: Tensor,
    scale: Tensor,
    first: Tensor,
    second: Sequence[tuple[Tensor, Tensor]],
    last: Tensor,
    last_bias: Tensor,
    seen: Tensor,
    reach: float,
) -> Tensor:
    """Return codes (B, n, Z) of latents (B, n, Z), float32, as `nets.prior.Transport` does.

    The other arguments are its parts, ``seen`` of shape (B, 1, couplings, H), and by how much a
    coupling stretches at most.
    """
    result = torch.empty_like(latent, memory_format=torch.contiguous_format)
    if result.numel() > 0:
        some = [_dense(x) for x in (latent, seen, first, last, last_bias, scale, mean)]
        layers = [tuple(map(_dense, layer)) for layer in second]
        job = Transport(len(latent) * latent.shape[1], latent.shape[1], torch.get_num_threads())
        job.couplings, job.width, job.size = first.shape
        job.latent, job.seen, job.first, job.last, job.last_bias, job.scale, job.mean = (
            x.data_ptr() for x in some
        )
        for number, (weights, bias) in enumerate(layers):
            job.weights[number], job.bias[number] = weights.data_ptr(), bias.data_ptr()
        job.result, job.reach = result.data_ptr(), reach
        kernel.call("transport", job, f"{tuple(latent.shape)} latents")
    return result


def _dense(values: Tensor) -> Tensor:
    return kernel.aligned(values.contiguous())


def _rows(values: Tensor) -> Tensor:
    """Return (N, C, P) whose last axis is dense and aligned."""
    return kernel.aligned(values if values.stride(2) == 1 else values.contiguous())
