"""Latents: given ones, or drawn, each from N(0, I), those of a photo spread evenly."""

from __future__ import annotations

import functools
from numbers import Integral

import torch
from torch import Tensor

from harmaug.inputs import Inputs


def latents_of(
    inputs: Inputs,
    n: int,
    dim: int,
    latent: Tensor | None = None,
    generator: torch.Generator | None = None,
    candidates: int | None = None,
) -> Tensor:
    """Return the latents that composites are made of, (B, n, Z) or (B, candidates, Z).

    Args:
        inputs: B photos.
        n: composites a photo; a given ``latent`` says it by itself.
        dim: Z.
        latent: (B, n, Z) instead of drawing.
        generator: draws; torch's global generator if not given.
        candidates: draw that many, at least n.
    """
    if not all(isinstance(count, (int, Integral)) for count in (n, candidates or n)):
        raise TypeError(f"n and candidates must be whole numbers, got {n!r}, {candidates!r}.")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {generator!r}.")
    if n < 1 and latent is None:
        raise ValueError(f"n must be at least 1, got {n}.")
    if candidates is not None and latent is not None:
        raise ValueError("give latent or candidates, not both: a given latent is not drawn.")
    if candidates is not None and candidates < n:
        raise ValueError(f"candidates must be at least n = {n}, got {candidates}.")
    if latent is not None:
        return check_latents(latent, inputs, n, dim)
    return draw_latents(len(inputs.real), candidates or n, dim, generator)


def check_latents(latent: Tensor, inputs: Inputs, n: int, dim: int) -> Tensor:
    """Return given latents as (B, n, Z).

    Raises:
        TypeError: no floating point tensor.
        ValueError: another shape than (B, n, Z), or NaN.
    """
    if not isinstance(latent, Tensor) or not latent.is_floating_point():
        got = latent.dtype if isinstance(latent, Tensor) else type(latent).__name__
        raise TypeError(f"latent must be a floating point torch.Tensor, got {got}.")
    given = latent.unsqueeze(0) if not inputs.batched and latent.ndim == 2 else latent
    batch = len(inputs.real)
    if n == 1 and given.ndim == 3:  # the default: the latent says how many
        n = max(given.shape[1], 1)
    if given.shape != (batch, n, dim):
        raise ValueError(
            f"latent must be (B, n, Z) with B = {batch}, n = {n} and Z = {dim}, "
            f"got {tuple(latent.shape)}."
        )
    if not torch.compiler.is_compiling() and not latent.isfinite().all():
        raise ValueError("latent holds NaN or infinity; draw it from N(0, I) or encode a pair.")
    return given


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
    uniform = (_points(count, dim, device) + shift) % 1.0
    uniform = uniform.clamp(2**-53, 1 - 2**-53)
    return torch.special.ndtri(uniform).float()


def _points(count: int, dim: int, device: torch.device) -> Tensor:
    return _kept_points(count, dim, device)


# As torch.compiler.assume_constant_result does, which imports all of torch._dynamo.
_points.__dict__["_dynamo_marked_constant"] = True


@functools.lru_cache(16)
def _kept_points(count: int, dim: int, device: torch.device) -> Tensor:
    # Scrambled once, with a fixed seed: plain Sobol' points of many dimensions start on a diagonal.
    points = torch.quasirandom.SobolEngine(dim, scramble=True, seed=0).draw(count).double()
    points = points.to(device)
    # As torch._dynamo.mark_static does: graphs of torch 2.6 would make a symbol of a second size.
    points._dynamo_static_indices = {0, 1}  # type: ignore[attr-defined]
    return points
