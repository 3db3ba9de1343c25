"""Convex mixtures of LUTs that come nearest to a known change: the limit of a LUT basis."""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.lut.box import box_weights_at
from harmaug.lut.ops import lut_composite

_STEPS = 500


def fit_pair(
    basis: Tensor, real: Tensor, mask: Tensor, composite: Tensor, *, corners: bool = False
) -> Tensor:
    """Fit convex mixing weights that bring photos nearest to known composites in fMSE.

    No net can do better with this basis: the error of the fit is its limit. The fit does not know
    of the final clamp to [0, 1].

    Args:
        basis: (K, 3, D, D, D), any real values.
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        composite: (B, 3, H, W) in [0, 1].
        corners: fit one mixture to each corner of the foreground's box, bilinear between.

    Returns:
        (B, K), or (B, 4, K) for the corners; each row non-negative with sum 1.
    """
    weights = []
    for photo, alpha, target in zip(real, mask, composite, strict=True):
        places = (alpha.flatten() > 0).nonzero().flatten()
        share, pixels, changed = (x.flatten(1)[:, places] for x in (alpha, photo, target))
        root = share.sqrt()
        columns = basis_colours(basis, pixels.unsqueeze(0))[0] * share * root  # (K, 3, P)
        if corners:
            near = box_weights_at(alpha.unsqueeze(0), places.unsqueeze(0))[0]  # (4, P)
            columns = (near[:, None, None] * columns).flatten(0, 1)
        columns = columns.flatten(1)
        wanted = ((changed - (1 - share) * pixels) * root).flatten().unsqueeze(0)
        scale = 1 / max(columns.shape[1], 1)
        weights.append(
            simplex_least_squares(
                columns @ columns.mT * scale, wanted @ columns.mT * scale, 4 if corners else 1
            )
        )
    found = torch.cat(weights)
    return found.unflatten(1, (4, -1)) if corners else found


def basis_colours(basis: Tensor, colours: Tensor) -> Tensor:
    """Return colours through each LUT of a basis, (B, K, 3, P), not clamped to [0, 1].

    Args:
        basis: (K, 3, D, D, D), any real values.
        colours: (B, 3, P) in [0, 1].
    """
    low, high = basis.amin(), basis.amax()  # a basis may leave [0, 1], to which the lookup clamps
    inner = ((basis - low) / (high - low)).unsqueeze(0)
    return lut_composite(colours.unsqueeze(2), None, inner).squeeze(3) * (high - low) + low


def simplex_least_squares(gram: Tensor, linear: Tensor, groups: int = 1) -> Tensor:
    """Minimise ``w G w / 2 - w c`` over convex weights w by FISTA (Beck and Teboulle, 2009).

    Args:
        gram: (K, K), G, positive semidefinite.
        linear: (N, K), one c for each problem.
        groups: equal parts of K, each of which has sum 1.

    Returns:
        (N, K), non-negative, each group with sum 1.
    """
    rate = 1 / torch.linalg.eigvalsh(gram.double())[-1].clamp_min(1e-12).to(gram)
    weights = torch.full_like(linear, groups / linear.shape[1])
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        step = (ahead - rate * (ahead @ gram - linear)).unflatten(1, (groups, -1))
        moved = _project_on_simplex(step.flatten(0, 1)).reshape(weights.shape)
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def _project_on_simplex(points: Tensor) -> Tensor:
    """Return the nearest points (N, K) with non-negative entries of sum 1 (Held et al., 1974)."""
    ordered = points.sort(1, descending=True).values
    excess = (ordered.cumsum(1) - 1) / torch.arange(1, points.shape[1] + 1).to(points)
    last = (ordered > excess).sum(1, keepdim=True) - 1
    return (points - excess.gather(1, last)).clamp_min(0)
