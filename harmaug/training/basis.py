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

from harmaug.lut.fitting import simplex_least_squares
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
    smoothness: float = 1e-5,
    stretch: float = 1.25,
    components: int = 256,
    steps: int = 4000,
    generator: torch.Generator | None = None,
) -> BasisFit:
    """Fit a basis of ``count`` LUTs to a collection by convex mixing.

    Args:
        luts: (N, 3, D, D, D), the collection.
        count: K.
        heldout: (M, 3, D, D, D) to report the error on, not learnt from.
        usage: (D, D, D), how often photos use the colours near each node, any scale;
            uniform where absent. Half of an error's weight follows it (`node_weights`).
        smoothness: weight of the squared second differences of the basis.
        stretch: the collection is exaggerated by this factor around the identity while fitting,
            so that the hull of the basis is wider than the LUTs it must hold.
        components: principal components kept.
        steps: Adam steps.
        generator: draws the start.
    """
    if not 2 <= count <= len(luts):
        raise ValueError(f"count must be between 2 and the {len(luts)} LUTs given, got {count}.")
    if stretch <= 0:
        raise ValueError(f"stretch must be above 0, got {stretch:g}.")
    size = luts.shape[-1]
    weight = node_weights(usage, size)
    root = weight.sqrt()
    neutral = identity_lut(size).flatten()
    centred = (luts.flatten(1) - neutral) * root
    axes = _principal_axes(centred, components, generator)  # (3 D^3, R)
    rank = axes.shape[1]
    target = centred @ axes * stretch

    bend = _roughness_matrix((axes / root.unsqueeze(1)).mT.reshape(rank, 3, size, size, size))
    basis = target[farthest_points(target, count, generator)].clone().requires_grad_()
    distance = torch.cdist(target, basis.detach()).square()
    # Where many LUTs are equal the median is 0.
    typical = distance.median().clamp_min(0.1 * distance.mean()).clamp_min(1e-12)
    logits = (-distance / typical * 4).requires_grad_()
    optimizer = torch.optim.Adam(
        [
            {"params": [basis], "lr": 0.02 * basis.detach().std().item()},
            {"params": [logits], "lr": 0.05},
        ]
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
    root = node_weights(usage, basis.shape[-1], uniform=0).sqrt()
    bases, targets = basis.flatten(1) * root, luts.flatten(1) * root
    weights = simplex_least_squares(bases @ bases.mT, targets @ bases.mT)
    return (weights @ bases - targets).square().sum(1).sqrt() * 255


def subspace_rmse(luts: Tensor, heldout: Tensor, rank: int, usage: Tensor | None = None) -> Tensor:
    """RMSE (M,) in levels of 255 of held-out LUTs to the principal subspace of a collection.

    Convex mixtures of K LUTs span K - 1 directions: with that rank it is what a basis without
    bounds on its weights reaches.

    Args:
        luts: (N, 3, D, D, D), the collection.
        heldout: (M, 3, D, D, D).
        rank: directions of the subspace, which lies around the collection's mean.
        usage: (D, D, D) weights of the nodes, any scale; uniform where absent.
    """
    root = node_weights(usage, luts.shape[-1], uniform=0).sqrt()
    flat = luts.flatten(1) * root
    centre = flat.mean(0)
    axes = _principal_axes(flat - centre, rank)
    left = heldout.flatten(1) * root - centre
    return (left - left @ axes @ axes.mT).square().sum(1).sqrt() * 255


def node_weights(usage: Tensor | None, size: int, uniform: float = 0.5) -> Tensor:
    """Weights (3 D^3,) with sum 1 from colour usage (D, D, D).

    Half of them uniform costs true pairs nothing and serves colours that photos seldom hold: with
    K = 32 held-out looks come to an unweighted RMSE of 9.8 of 255 levels, with a tenth to 12.8.

    Args:
        usage: (D, D, D), any scale; None makes all weights equal.
        size: D.
        uniform: share of the weights that is spread evenly.
    """
    weights = torch.full((size**3,), 1 / size**3)
    if usage is not None:
        weights = torch.lerp(usage.flatten() / usage.sum(), weights, uniform)
    return weights.repeat(3) / 3


def farthest_points(points: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Indices (count,) of points each far from those before it; the first is drawn."""
    chosen = torch.randint(len(points), (1,), generator=generator)
    distance = torch.full((len(points),), torch.inf)
    while len(chosen) < count:
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
        chosen = torch.cat((chosen, distance.argmax().view(1)))
    return chosen


def _principal_axes(rows: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Leading right singular vectors (F, <= count) of rows (N, F)."""
    count = min(count, *rows.shape)
    start = torch.randint(2**31, (), generator=generator).item()
    with torch.random.fork_rng(devices=[]):  # svd_lowrank takes no generator
        torch.manual_seed(start)
        _, _, axes = torch.svd_lowrank(rows, q=min(count + 16, *rows.shape), niter=4)
    return axes[:, :count]


def _roughness_matrix(directions: Tensor) -> Tensor:
    """(R, R) quadratic form: mean squared second differences of mixtures of (R, 3, D, D, D)."""
    form = torch.zeros(len(directions), len(directions))
    scale = (directions.shape[-1] - 1) ** 2
    for axis in (-3, -2, -1):
        bends = directions.diff(n=2, dim=axis).flatten(1) * scale
        form += bends @ bends.mT / bends.shape[1] / 3
    return form
