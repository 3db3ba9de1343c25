"""Measuring an augmenter on true pairs: one pair at a time, into arrays over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyFolder, HarmonyItem
from harmaug.evaluation.metrics import fmse, psnr
from harmaug.evaluation.pairs import Pair, pair_generator, read_pair
from harmaug.evaluation.samplers import Sampler, foreground_error
from harmaug.evaluation.shift import mean_lab
from harmaug.lut import composite_lut, mix_luts
from harmaug.lut.fitting import fit_pair
from harmaug.nets import LutNet

_LAB_PIXELS = 2048  # of a foreground, for its mean colour
_EXTREME = 0.5 / 255  # nearer to 0 or 1 than this, 8 bits hold 0 or 255

_Row = tuple[Tensor | None, ...]  # figures of one pair, each (1, ...), None where it has none


@dataclass(frozen=True)
class Truth:
    """What N true composites are.

    Attributes:
        strength: (N,) fMSE to the photo.
        shift: (N, 1, 3) change of the foreground's mean Lab colour.
        clipped: (N,) share of the foreground newly at 0 or 255 in some channel.
    """

    strength: np.ndarray
    shift: np.ndarray
    clipped: np.ndarray


@dataclass(frozen=True)
class Rebuilt:
    """What a checkpoint makes of N true composites.

    Attributes:
        fmse: (N,) of the composite of the mean latent.
        psnr: (N,) likewise, over the frame.
        limit_fmse: (N,) of the best convex mixture of the basis.
        limit_psnr: (N,) likewise, over the frame.
        code: (N, Z), posterior means.
        variance: (N, Z), posterior variances.
    """

    fmse: np.ndarray
    psnr: np.ndarray
    limit_fmse: np.ndarray
    limit_psnr: np.ndarray
    code: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class Drawn:
    """n draws for each of N pairs.

    Attributes:
        to_composite: (N, n) fMSE to the true composite; the least of a row is its coverage.
        to_photo: (N, n) fMSE to the photo, the strength.
        shift: (N, n, 3) change of the foreground's mean Lab colour.
        clipped: (N, n) share of the foreground newly at 0 or 255 in some channel.
        roughness: (N, n) `lut_roughness`, or None where no LUT was drawn.
    """

    to_composite: np.ndarray
    to_photo: np.ndarray
    shift: np.ndarray
    clipped: np.ndarray
    roughness: np.ndarray | None


@dataclass(frozen=True)
class Measured:
    """All that is measured on a folder's pairs.

    Attributes:
        items: the N pairs, those left out whose foreground is less than a pixel.
        truth: their true composites.
        rebuilt: the checkpoint's reconstructions.
        drawn: name of a sampler -> its draws.
    """

    items: list[HarmonyItem]
    truth: Truth
    rebuilt: Rebuilt
    drawn: dict[str, Drawn]


@torch.no_grad()
def measure(
    net: LutNet,
    folder: HarmonyFolder,
    samplers: Mapping[str, Mapping[str, Sampler]],
    draws: int = 32,
    seed: int = 0,
) -> Measured:
    """Measure a checkpoint and samplers on every pair of a folder.

    Args:
        net: the checkpoint, in eval.
        folder: pairs of one size.
        samplers: subset -> name -> sampler; the same names for every subset.
        draws: a sampler and pair.
        seed: of the draws.
    """
    items, truth, rebuilt = [], [], []
    drawn: dict[str, list[_Row]] = {}
    for row in tqdm(range(len(folder)), desc="evaluate", unit="pair", disable=None):
        item, pair = folder.items[row], read_pair(folder, row)
        if pair.mask.sum() < 1:
            continue
        view = pair.foreground()
        items.append(item)
        truth.append(_truth(view))
        rebuilt.append(_rebuild(net, pair))
        for name, sampler in samplers[item.subset].items():
            figures = _draw(sampler, pair, view, draws, pair_generator(item, seed))
            drawn.setdefault(name, []).append(figures)
    if not items:
        raise ValueError(f"no mask of {folder.root} has a foreground of a pixel or more.")
    return Measured(
        items,
        Truth(*_stacked(truth)),
        Rebuilt(*_stacked(rebuilt)),
        {name: Drawn(*_stacked(rows)) for name, rows in drawn.items()},
    )


def select(measured: Measured, rows: Sequence[int]) -> Measured:
    """The same of some of the pairs."""

    def take(figures: object) -> dict[str, Any]:
        return {k: v if v is None else v[rows] for k, v in vars(figures).items()}

    return Measured(
        [measured.items[row] for row in rows],
        Truth(**take(measured.truth)),
        Rebuilt(**take(measured.rebuilt)),
        {name: Drawn(**take(draws)) for name, draws in measured.drawn.items()},
    )


def reconstruct(net: LutNet, pair: Pair) -> Tensor:
    """The composite (1, 3, H, W) of the mean latent of a known composite."""
    latent = net.encode(*pair).unsqueeze(1)
    return _mixed(net, pair, net.mixing_weights(net.condition(pair.real, pair.mask), latent)[:, 0])


def best_mixture(net: LutNet, pair: Pair) -> Tensor:
    """The composite (1, 3, H, W) of the convex mixture of the basis that is nearest to the true."""
    return _mixed(net, pair, fit_pair(net.basis, *pair))


def _mixed(net: LutNet, pair: Pair, weights: Tensor) -> Tensor:
    return composite_lut(pair.real, pair.mask, mix_luts(weights, net.basis))


def _truth(view: Pair) -> _Row:
    shift = mean_lab(view.composite, view.mask) - mean_lab(view.real, view.mask)
    strength = fmse(view.composite, view.real, view.mask)
    return strength, shift.unsqueeze(1), _clipped(view.composite, view)


def _rebuild(net: LutNet, pair: Pair) -> _Row:
    figures: list[Tensor] = []
    for rebuilt in (reconstruct(net, pair), best_mixture(net, pair)):
        figures += fmse(rebuilt, pair.composite, pair.mask), psnr(rebuilt, pair.composite)
    condition, change = net.condition(pair.real, pair.mask), net.change(*pair)
    mean, log_variance = net.posterior(condition, change)
    return (*figures, mean, log_variance.exp())


def _draw(sampler: Sampler, pair: Pair, view: Pair, draws: int, generator: torch.Generator) -> _Row:
    few = torch.linspace(0, view.real.shape[3] - 1, _LAB_PIXELS).long().unique()
    mask = view.mask[..., few]
    before = mean_lab(view.real[..., few], mask)
    parts = []
    for composites, roughness in sampler(pair, view, draws, generator):
        parts.append(
            (
                foreground_error(composites, view.composite, view.mask),
                foreground_error(composites, view.real, view.mask),
                mean_lab(composites[..., few], mask) - before,
                _clipped(composites, view),
                roughness,
            )
        )
    return tuple(
        None if column[0] is None else torch.cat(column).unsqueeze(0)
        for column in zip(*parts, strict=True)
    )


def _clipped(composites: Tensor, view: Pair) -> Tensor:
    """Share (n,) of the foreground with a channel at 0 or 255 that the photo has within."""

    def extreme(image: Tensor) -> Tensor:
        return (image - 0.5).abs() >= 0.5 - _EXTREME

    lost = (extreme(composites) & ~extreme(view.real)).any(1, keepdim=True)
    return (lost * view.mask).sum((1, 2, 3)) / view.mask.sum()


def _stacked(rows: Sequence[_Row]) -> list[Any]:
    return [
        None if column[0] is None else torch.cat(column).double().numpy()
        for column in zip(*rows, strict=True)
    ]
