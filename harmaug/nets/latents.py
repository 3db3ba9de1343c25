"""Drawing latents: each from N(0, I), those of one photo spread evenly among each other."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor


def draw_latents(
    batch: int, count: int, dim: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return standard normal latents (batch, count, dim), spread evenly over ``count``.

    The latents of a photo are Sobol' points under a random shift of its own (Cranley and Patterson,
    1976), put through the normal quantile function. Each alone is exactly N(0, I) and independent
    of other photos. Together they lie more evenly than independent draws, so that n composites
    repeat each other less.

    Args:
        batch: photos.
        count: latents a photo.
        dim: Z.
        generator: draws the shifts, on its own device; torch's global generator if not given.
    """
    # On the CPU unless the generator says otherwise: one seed, one result on every device.
    device = torch.device("cpu") if generator is None else generator.device
    # In double precision, where the ends of (0, 1) reach 8 deviations.
    if generator is None:  # beside a generator, even None, graphs of torch 2.6 take no symbols
        shift = torch.rand(batch, 1, dim, device=device, dtype=torch.float64)
    else:
        shift = torch.rand(batch, 1, dim, generator=generator, device=device, dtype=torch.float64)
    if torch.compiler.is_compiling():
        count, dim = len(range(count)), len(range(dim))  # a graph's symbols become numbers
    uniform = (_points(count, dim).to(device) + shift) % 1.0
    uniform = uniform.clamp(2**-53, 1 - 2**-53)
    return (math.sqrt(2) * torch.erfinv(2 * uniform - 1)).float()


def _points(count: int, dim: int) -> Tensor:
    return _kept_points(count, dim)


# As torch.compiler.assume_constant_result does, which imports all of torch._dynamo.
_points.__dict__["_dynamo_marked_constant"] = True


@functools.lru_cache(16)
def _kept_points(count: int, dim: int) -> Tensor:
    # Scrambled once, with a fixed seed: plain Sobol' points of many dimensions start on a diagonal.
    points = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw(count).double()
    # As torch._dynamo.mark_static does: graphs of torch 2.6 would make a symbol of a second size.
    points._dynamo_static_indices = {0, 1}  # type: ignore[attr-defined]
    return points
