"""Fit of a LUT basis: K LUTs whose convex mixtures come near every LUT of a collection.

The collection is first projected on its leading principal components: a few hundred directions hold
a thousand LUTs to a fraction of a grey level. A step is then a hundred times cheaper, and nothing
is lost, as the best basis lies in their span. Bases and mixing weights are then descended together,
from LUTs that are far apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from harmaug.lut.fitting import simplex_least_squares
from harmaug.lut.tensors import identity_lut
from harmaug.recipes import Transforms, render_illuminants, render_tone_curves, render_white_balance
from harmaug.training.data import read_subsets

_COMPONENTS = 256
_PIXELS = 64  # a side of the photos that colours are counted in


def collect(
    transforms: Transforms, size: int, renderings: int, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Return LUTs (N, 3, D, D, D) by kind: looks of that size D, and renderings of each other kind.

    Raises:
        ValueError: there is no look, and nothing is rendered.
    """
    kinds = {} if transforms.looks is None else {"looks": transforms.looks}
    kinds |= {
        "illuminant": render_illuminants(transforms, renderings, size, generator),
        "white balance": render_white_balance(transforms, renderings, size, generator),
        "tone": render_tone_curves(renderings, size, generator),
    }
    found = {name: luts for name, luts in kinds.items() if len(luts)}
    if not found:
        raise ValueError("there is nothing to fit a basis to: no look, and 0 renderings.")
    return found


def colour_usage(roots: Sequence[str | Path], size: int = 17) -> Tensor:
    """Return how often photos use the colours near each node of a LUT: (D, D, D), sum 1.

    Photos that the folders hold out are not counted.
    """
    counts = torch.zeros(size**3)
    for images in read_subsets(roots, _PIXELS)[0].values():
        node = (images.real.float() * ((size - 1) / 255)).round().long()
        red, green, blue = node.unbind(1)
        place = (blue * size + green) * size + red
        counts += torch.bincount(place.flatten(), minlength=size**3)
    # A colour also needs the nodes around its own.
    usage = F.avg_pool3d(counts.view(1, 1, size, size, size), 3, stride=1, padding=1)
    return usage[0, 0] / usage.sum()


def fit_basis(
    luts: Tensor,
    count: int = 32,
    *,
    usage: Tensor | None = None,
    smoothness: float = 1e-5,
    stretch: float = 1.25,
    steps: int = 4000,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fit a basis (K, 3, D, D, D) to a collection of LUTs.

    Args:
        luts: (N, 3, D, D, D), the collection.
        count: K.
        usage: (D, D, D), how often photos use the colours near each node, any scale; uniform if
            not given. Half of the weight of an error follows it (`node_weights`).
        smoothness: weight of the squared second differences of the basis.
        stretch: the collection is exaggerated by this factor around the identity while fitting,
            so that the hull of the basis is wider than the LUTs it must hold.
        steps: steps of Adam.
        generator: draws the start.
    """
    if not 2 <= count <= len(luts):
        raise ValueError(f"count must be between 2 and the {len(luts)} LUTs given, got {count}.")
    if not 0 < stretch <= 10:  # far beyond, LUTs are no colour maps
        raise ValueError(f"stretch must be above 0 and at most 10, got {stretch:g}.")
    size = luts.shape[-1]
    root = node_weights(usage, size).sqrt()
    neutral = identity_lut(size).flatten()
    centred = (luts.flatten(1) - neutral) * root
    axes = _principal_axes(centred, _COMPONENTS, generator)  # (3 D^3, R)
    target = centred @ axes * stretch
    bend = _roughness_matrix((axes / root.unsqueeze(1)).mT.reshape(-1, 3, size, size, size))
    basis = target[farthest_points(target, count, generator)].clone().requires_grad_()
    distance = torch.cdist(target, basis.detach()).square()
    # Where many LUTs are equal the median is 0.
    typical = distance.median().clamp_min(0.1 * distance.mean()).clamp_min(1e-12)
    logits = (-distance / typical * 4).requires_grad_()
    optimizer = torch.optim.Adam([{"params": [basis]}, {"params": [logits]}])
    rates = [0.02 * basis.detach().std().item(), 0.05]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps)
    for _ in tqdm(range(steps), desc="fit basis", disable=None):
        error = (logits.softmax(1) @ basis - target).square().sum(1).mean()
        loss = error + smoothness * ((basis @ bend) * basis).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return (basis.detach() @ axes.mT / root + neutral).view(count, *luts.shape[1:])


def lut_rmse(basis: Tensor, luts: Tensor, usage: Tensor | None = None) -> Tensor:
    """RMSE (N,) in levels of 255 between LUTs and their nearest convex mixtures.

    Args:
        basis: (K, 3, D, D, D), the LUTs that are mixed.
        luts: (N, 3, D, D, D).
        usage: (D, D, D), weights of the nodes, any scale; uniform if not given.
    """
    root = node_weights(usage, basis.shape[-1], uniform=0).sqrt()
    bases, targets = basis.flatten(1) * root, luts.flatten(1) * root
    weights = simplex_least_squares(bases @ bases.mT, targets @ bases.mT)
    return (weights @ bases - targets).square().sum(1).sqrt() * 255


def subspace_rmse(luts: Tensor, heldout: Tensor, rank: int, usage: Tensor | None = None) -> Tensor:
    """RMSE (M,) in levels of 255 between held-out LUTs and the principal subspace of a collection.

    Convex mixtures of K LUTs span K - 1 directions. With that rank it is the error of the best
    basis whose weights have no bounds.

    Args:
        luts: (N, 3, D, D, D), the collection.
        heldout: (M, 3, D, D, D).
        rank: directions of the subspace, which contains the mean of the collection.
        usage: (D, D, D), weights of the nodes, any scale; uniform if not given.
    """
    root = node_weights(usage, luts.shape[-1], uniform=0).sqrt()
    flat = luts.flatten(1) * root
    centre = flat.mean(0)
    axes = _principal_axes(flat - centre, rank)
    left = heldout.flatten(1) * root - centre
    return (left - left @ axes @ axes.mT).square().sum(1).sqrt() * 255


def node_weights(usage: Tensor | None, size: int, uniform: float = 0.5) -> Tensor:
    """Weights (3 D^3,) with sum 1 from colour usage.

    A uniform half does not harm the fit to true pairs, and serves colours that are rare in photos:
    with K = 32 the unweighted RMSE of held-out looks is 9.8 of 255 levels; with a tenth it is 12.8.

    Args:
        usage: (D, D, D), any scale; None makes all weights equal.
        size: D.
        uniform: share of the weights that is the same for all nodes.
    """
    weights = torch.full((size**3,), 1 / size**3)
    if usage is not None:
        weights = torch.lerp(usage.flatten() / usage.sum(), weights, uniform)
    return weights.repeat(3) / 3


def farthest_points(points: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Return indices (count,) of points (N, F), each far from those before it; one is drawn."""
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
    """Quadratic form (R, R) of the squared second differences of mixtures of (R, 3, D, D, D)."""
    form = torch.zeros(len(directions), len(directions))
    scale = (directions.shape[-1] - 1) ** 2
    for axis in (-3, -2, -1):
        bends = directions.diff(n=2, dim=axis).flatten(1) * scale
        form += bends @ bends.mT / bends.shape[1] / 3
    return form
