"""Variation: how much a colour change varies within a foreground, whatever made it."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.nets.statistics import quadratic_terms

_RIDGE = 1e-3  # on shares of the foreground; keeps flat foregrounds from being fitted by chance


def variation(real: Tensor, composite: Tensor, alpha: Tensor, corners: Tensor) -> Tensor:
    """Return the variation (N,) of changes, in fMSE on values 0..255.

    It is the part of the change that no colour map for the whole foreground explains, but one that
    is bilinear between the corners of its box does. Both are fitted by ridge regression: a
    quadratic map of the colour, and beside it one linear map of the colour for each corner. A
    change that is one smooth LUT has next to none.

    Args:
        real: (N, 3, P) in [0, 1], pixels of the photos.
        composite: (N, 3, P) in [0, 1], the same pixels of the composites.
        alpha: (N, 1, P) in [0, 1], the mask.
        corners: (N, 4, P), bilinear weights of the corners of the box (`nets.refine`).
    """
    whole = quadratic_terms(real)  # (N, 10, P)
    linear = whole[:, :4]
    local = (corners[:, :3].unsqueeze(2) * linear.unsqueeze(1)).flatten(1, 2)  # (N, 12, P)
    share = alpha / alpha.sum(2, keepdim=True).clamp_min(1e-6)
    change = composite - real
    left = [_unexplained(terms, change, share) for terms in (whole, torch.cat((whole, local), 1))]
    return (left[0] - left[1]).clamp_min(0)


def _unexplained(terms: Tensor, change: Tensor, share: Tensor) -> Tensor:
    """Return the fMSE (N,) that a regression of changes (N, 3, P) on terms (N, T, P) leaves."""
    weighted = terms * share
    ridge = _RIDGE * torch.eye(terms.shape[1], dtype=terms.dtype, device=terms.device)
    fit = torch.linalg.solve(weighted @ terms.mT + ridge, weighted @ change.mT)
    error = (change - fit.mT @ terms).square() * share
    return error.sum((1, 2)) / 3 * 255**2
