"""Measuring an augmenter on true pairs: one pair at a time, into arrays over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.data.folder import HarmonyFolder, HarmonyItem
from harmaug.evaluation.draws import reconstruct
from harmaug.evaluation.metrics import foreground_error, psnr
from harmaug.evaluation.pairs import Pair, pair_generator, read_pair
from harmaug.evaluation.plausibility import implausible
from harmaug.evaluation.samplers import Sampler
from harmaug.evaluation.variation import variation
from harmaug.lut.box import frame_corners
from harmaug.lut.fitting import fit_pair
from harmaug.lut.ops import lut_composite
from harmaug.nets import LutNet

_FEW_PIXELS = 2048  # of a foreground, for its mean colour and variation
_EXTREME = 0.5 / 255  # nearer to 0 or 1 than this, 8 bits hold 0 or 255


class Rebuilt(NamedTuple):
    """Figures of a checkpoint's reconstructions of N true composites."""

    fmse: np.ndarray  # (N,), of the composite of the mean latent
    psnr: np.ndarray  # (N,), likewise, over the frame
    limit_fmse: np.ndarray  # (N,), of the best convex mixture of the basis, or one a corner
    limit_psnr: np.ndarray  # (N,), likewise, over the frame
    whole_fmse: np.ndarray  # (N,), as fmse with one LUT for all of a foreground
    whole_limit_fmse: np.ndarray  # (N,), as limit_fmse likewise
    code: np.ndarray  # (N, Z), posterior means
    variance: np.ndarray  # (N, Z), posterior variances


class Drawn(NamedTuple):
    """Figures of n composites for each of N pairs: of draws, or with n = 1 of the true ones."""

    to_composite: np.ndarray  # (N, n), fMSE to the true composite
    to_photo: np.ndarray  # (N, n), fMSE to the photo
    shift: np.ndarray  # (N, n, 3), change of the foreground's mean Lab colour
    clipped: np.ndarray  # (N, n), share of the foreground newly at 0 or 255 in some channel
    implausible: np.ndarray  # (N, n), 0 or 1, or NaN where not judged (`plausibility`)
    variation: np.ndarray  # (N, n), fMSE, how much the change varies within the foreground
    roughness: np.ndarray | None  # (N, n), `lut_roughness`; None where no LUT was drawn


_Figures = TypeVar("_Figures", Rebuilt, Drawn)


@dataclass(frozen=True)
class Measured:
    """Figures of N pairs of a folder."""

    folder: HarmonyFolder
    rows: np.ndarray  # (N,), indices in the folder
    truth: Drawn
    rebuilt: Rebuilt
    drawn: dict[str, Drawn]  # by sampler, the checkpoint first

    @property
    def items(self) -> list[HarmonyItem]:
        """The files of the pairs."""
        return [self.folder.items[row] for row in self.rows]

    def pair(self, number: int) -> Pair:
        """Read one of the pairs."""
        return read_pair(self.folder, int(self.rows[number]))

    def part(self, numbers: Sequence[int]) -> Measured:
        """Return the figures of some of the pairs."""
        drawn = {name: _take(figures, numbers) for name, figures in self.drawn.items()}
        truth, rebuilt = _take(self.truth, numbers), _take(self.rebuilt, numbers)
        return Measured(self.folder, self.rows[numbers], truth, rebuilt, drawn)


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
        samplers: by subset and name; the same names for every subset.
        draws: number of draws of each sampler for each pair.
        seed: of the draws.

    Raises:
        ValueError: no pair has a foreground.
    """
    rows, truth, rebuilt = [], [], []
    drawn: dict[str, list[Drawn]] = {}
    for row in tqdm(range(len(folder)), desc="evaluate", unit="pair", disable=None):
        item, pair = folder.items[row], read_pair(folder, row)
        if pair.mask.sum() < 1:
            continue
        view = _View.of(pair)
        rows.append(row)
        truth.append(_compared(view, view.pixels.composite))
        rebuilt.append(_rebuild(net, pair))
        for name, sampler in samplers[item.subset].items():
            chunks = sampler(pair, view.places, draws, pair_generator(item, seed))
            figures = _joined([_compared(view, *chunk) for chunk in chunks], 1)
            drawn.setdefault(name, []).append(figures)
    if not rows:
        raise ValueError(f"no mask of {folder.root} has a foreground of a pixel or more.")
    joined = {name: _joined(parts) for name, parts in drawn.items()}
    return Measured(folder, np.array(rows), _joined(truth), _joined(rebuilt), joined)


def best_mixture(net: LutNet, pair: Pair, *, whole: bool = False) -> Tensor:
    """Return the composite (1, 3, H, W) by convex mixtures of the basis, nearest to the true.

    Of a net whose change varies there is a mixture for each corner of the foreground's box, unless
    ``whole`` asks for one for all of it.
    """
    corners = net.varies and not whole
    weights = fit_pair(net.basis, *pair, corners=corners).unsqueeze(1)
    luts = net.mix(weights, frame_corners(pair.mask) if corners else None)
    return lut_composite(pair.real, pair.mask, luts)[:, 0]


def mean_lab(image: Tensor, mask: Tensor) -> Tensor:
    """Return the mean colour (B, 3) of a region in CIE Lab.

    Args:
        image: (B, 3, H, W), sRGB in [0, 1].
        mask: (B, 1, H, W) in [0, 1], the region; an empty one gives NaN.
    """
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    lab = rgb_to_lab(image.clamp(0, 1))
    return (lab * mask).sum((2, 3)) / mask.sum((2, 3))


class _View(NamedTuple):
    """The foreground of a pair, and what its figures need of it."""

    places: Tensor  # (P,), in the raster
    pixels: Pair  # at these places
    few: Tensor  # some of P, for mean colours and variation
    corners: Tensor  # (1, 4, F), their bilinear weights of the corners of the box

    @classmethod
    def of(cls, pair: Pair) -> _View:
        places = pair.inside()
        few = torch.linspace(0, len(places) - 1, _FEW_PIXELS).long().unique()
        return cls(places, pair.at(places), few, pair.corners(places[few]))


def _rebuild(net: LutNet, pair: Pair) -> Rebuilt:
    rebuilt, limit = reconstruct(net, *pair), best_mixture(net, pair)
    whole = reconstruct(net, *pair, spatial=0.0) if net.varies else rebuilt
    whole_limit = best_mixture(net, pair, whole=True) if net.varies else limit
    errors: list[Tensor] = []
    for image in (rebuilt, limit):
        errors.append(foreground_error(image, pair.composite, pair.mask))
        errors.append(psnr(image, pair.composite))
    for image in (whole, whole_limit):
        errors.append(foreground_error(image, pair.composite, pair.mask))
    mean, log_variance = net.posterior(net.condition(pair.real, pair.mask), net.change(*pair))
    values = (*errors, mean, log_variance.exp())
    return Rebuilt(*(value.double().numpy() for value in values))


def _compared(view: _View, composites: Tensor, roughness: Tensor | None = None) -> Drawn:
    """Return the figures of composites (n, 3, 1, P) of a foreground, N = 1."""
    pixels, few = view.pixels, view.few
    real, mask, moved = (x[..., few] for x in (pixels.real, pixels.mask, composites))
    before, after = mean_lab(real, mask), mean_lab(moved, mask)
    return Drawn(
        _row(foreground_error(composites, pixels.composite, pixels.mask)),
        _row(foreground_error(composites, pixels.real, pixels.mask)),
        _row(after - before),
        _row(_clipped(composites, pixels)),
        _row(implausible(before, after)),
        _row(variation(real.squeeze(2), moved.squeeze(2), mask.squeeze(2), view.corners)),
        None if roughness is None else _row(roughness),
    )


def _clipped(composites: Tensor, view: Pair) -> Tensor:
    """Return the share (n,) of the foreground that newly has a channel at 0 or 255."""

    def extreme(image: Tensor) -> Tensor:
        return (image - 0.5).abs() >= 0.5 - _EXTREME

    lost = (extreme(composites) & ~extreme(view.real)).any(1, keepdim=True)
    return (lost * view.mask).sum((1, 2, 3)) / view.mask.sum()


def _row(values: Tensor) -> np.ndarray:
    return values.double().unsqueeze(0).numpy()


def _joined(parts: Sequence[_Figures], axis: int = 0) -> _Figures:
    columns = zip(*parts, strict=True)
    found: Any = (None if c[0] is None else np.concatenate(c, axis) for c in columns)
    return type(parts[0])(*found)


def _take(figures: _Figures, numbers: Sequence[int]) -> _Figures:
    found: Any = (None if column is None else column[numbers] for column in figures)
    return type(figures)(*found)
