"""Learn a LUT basis: K LUTs whose convex mixtures come near every LUT of a collection.

The collection is first projected on its leading principal components (a few hundred directions hold
a thousand LUTs to a fraction of a grey level), which makes a step a hundred times cheaper and loses
nothing, because the best basis lies in their span. Bases and mixing weights are then descended
together, starting from LUTs far apart.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.lut.tensors import identity_lut


@dataclasses.dataclass(frozen=True)
class BasisFit:
    """A fitted basis and how well it serves.

    Attributes:
        basis: (K, 3, D, D, D).
        train_rmse: (N,) RMSE of each LUT of the collection, in levels of 255.
        heldout_rmse: (M,) the same for LUTs that were kept aside.
    """

    basis: Tensor
    train_rmse: Tensor
    heldout_rmse: Tensor


def fit_basis(
    luts: Tensor,
    count: int = 20,
    *,
    heldout: Tensor | None = None,
    usage: Tensor | None = None,
    smoothness: float = 1e-4,
    stretch: float = 1.25,
    components: int = 256,
    steps: int = 3000,
    generator: torch.Generator | None = None,
) -> BasisFit:
    """Fit a basis of ``count`` LUTs to a collection by convex mixing.

    Args:
        luts: (N, 3, D, D, D), the collection.
        count: K.
        heldout: (M, 3, D, D, D) to report the error on, not learnt from.
        usage: (D, D, D), how often photos use the colours near each node, any scale;
            uniform where absent. Errors are weighted by it.
        smoothness: weight of the squared second differences of the basis.
        stretch: the collection is exaggerated by this factor around the identity while fitting,
            so that the hull of the basis is wider than the LUTs it must hold.
        components: principal components kept.
        steps: Adam steps.
        generator: draws the start.
    """
    if not 2 <= count <= len(luts):
        raise ValueError(f"count must be between 2 and the {len(luts)} LUTs given, got {count}.")
    size = luts.shape[-1]
    weight = node_weights(usage, size)
    root = weight.sqrt()
    neutral = identity_lut(size).flatten()
    centred = (luts.flatten(1) - neutral) * root
    rank = min(components, *centred.shape)
    _, values, axes = torch.svd_lowrank(centred, q=min(rank + 16, *centred.shape), niter=4)
    axes = axes[:, :rank]  # (3 D^3, R)
    target = centred @ axes * stretch

    bend = _roughness_matrix((axes / root.unsqueeze(1)).mT.reshape(rank, 3, size, size, size))
    basis = target[farthest_points(target, count, generator)].clone().requires_grad_()
    distance = torch.cdist(target, basis.detach()).square()
    logits = (-distance / distance.median() * 4).requires_grad_()
    optimizer = torch.optim.Adam(
        [{"params": [basis], "lr": 0.02 * basis.detach().std().item()}, {"params": [logits], "lr": 0.05}]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps
    )
    for _ in tqdm(range(steps), desc="fit basis", disable=None):
        error = (logits.softmax(1) @ basis - target).square().sum(1).mean()
        loss = error + smoothness * ((basis @ bend) * basis).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    fitted = (basis.detach() @ axes.mT / root + neutral).view(count, *luts.shape[1:])
    nothing = luts[:0]
    return BasisFit(
        fitted,
        lut_rmse(fitted, luts, usage),
        lut_rmse(fitted, nothing if heldout is None else heldout, usage),
    )


def lut_rmse(basis: Tensor, luts: Tensor, usage: Tensor | None = None) -> Tensor:
    """RMSE (N,) in levels of 255 between LUTs and their nearest convex mixtures.

    Args:
        basis: (K, 3, D, D, D).
        luts: (N, 3, D, D, D).
        usage: (D, D, D) weights of the nodes, any scale; uniform where absent.
    """
    root = node_weights(usage, basis.shape[-1]).sqrt()
    bases, targets = basis.flatten(1) * root, luts.flatten(1) * root
    weights = simplex_least_squares(bases @ bases.mT, targets @ bases.mT)
    return (weights @ bases - targets).square().sum(1).sqrt() * 255


def fit_pair(basis: Tensor, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
    """Convex mixing weights (B, K) that bring photos nearest to known composites.

    The error of this fit is the basis' own limit, whatever net predicts the weights.

    Args:
        basis: (K, 3, D, D, D).
        real: (B, 3, H, W) in [0, 1].
        mask: (B, 1, H, W) in [0, 1].
        composite: (B, 3, H, W) in [0, 1].
    """
    from harmaug.lut import apply_lut

    weights = []
    for photo, alpha, target in zip(real, mask, composite, strict=True):
        inside = alpha[0] > 0.5
        pixels = photo[:, inside].unsqueeze(1)  # (3, 1, P)
        # halved and shifted: the operator clamps to [0, 1], a basis may leave it
        looked_up = apply_lut(pixels.unsqueeze(0), (basis.unsqueeze(0) + 4) / 8) * 8 - 4
        columns = looked_up[0].flatten(1)  # (K, 3P)
        wanted = target[:, inside].flatten().unsqueeze(0)
        scale = 1 / max(columns.shape[1], 1)
        weights.append(
            simplex_least_squares(columns @ columns.mT * scale, wanted @ columns.mT * scale)
        )
    return torch.cat(weights)


def simplex_least_squares(gram: Tensor, linear: Tensor, steps: int = 500) -> Tensor:
    """Minimise ``w G w / 2 - w c`` over convex weights by accelerated projected gradient.

    Args:
        gram: (K, K), G, positive semidefinite.
        linear: (N, K), one c a problem.

    Returns:
        (N, K), each row non-negative with sum 1.
    """
    rate = 1 / torch.linalg.eigvalsh(gram.double())[-1].clamp_min(1e-12).to(gram)
    weights = torch.full_like(linear, 1 / linear.shape[1])
    ahead, momentum = weights, 1.0
    for _ in range(steps):  # FISTA (Beck and Teboulle, 2009)
        moved = _project_on_simplex(ahead - rate * (ahead @ gram - linear))
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = moved + (momentum - 1) / following * (moved - weights)
        weights, momentum = moved, following
    return weights


def node_weights(usage: Tensor | None, size: int) -> Tensor:
    """Weights (3 D^3,) with sum 1 from colour usage (D, D, D), a tenth of them uniform."""
    uniform = torch.full((size**3,), 1 / size**3)
    if usage is not None:
        uniform = 0.1 * uniform + 0.9 * usage.flatten() / usage.sum()
    return uniform.repeat(3) / 3


def farthest_points(points: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Indices (count,) of points each far from those before it; the first is drawn."""
    chosen = torch.randint(len(points), (1,), generator=generator)
    distance = torch.full((len(points),), torch.inf)
    while len(chosen) < count:
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
        chosen = torch.cat((chosen, distance.argmax().view(1)))
    return chosen


def _roughness_matrix(directions: Tensor) -> Tensor:
    """(R, R) quadratic form: mean squared second differences of mixtures of (R, 3, D, D, D)."""
    form = torch.zeros(len(directions), len(directions))
    scale = (directions.shape[-1] - 1) ** 2
    for axis in (-3, -2, -1):
        bends = directions.diff(n=2, dim=axis).flatten(1) * scale
        form += bends @ bends.mT / bends.shape[1] / 3
    return form


def _project_on_simplex(points: Tensor) -> Tensor:
    """Nearest points (N, K) with non-negative entries of sum 1 (Held et al., 1974)."""
    ordered = points.sort(1, descending=True).values
    excess = (ordered.cumsum(1) - 1) / torch.arange(1, points.shape[1] + 1)
    last = (ordered > excess).sum(1, keepdim=True) - 1
    return (points - excess.gather(1, last)).clamp_min(0)
