"""Held-out pairs, the figures on them, and sheets that show them; by kind of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from harmaug.data import Timelapse
from harmaug.evaluation.draws import (
    ACTIVE_VARIANCE,
    coverage,
    draw_errors,
    reconstruction_error,
    strength,
)
from harmaug.evaluation.metrics import fmse
from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail
from harmaug.lut import composite_lut
from harmaug.nets import LutNet
from harmaug.nets.latents import draw_latents
from harmaug.recipes import Recipe
from harmaug.training.config import TIMELAPSE
from harmaug.training.pairs import Images, Pairs, PairSource

_CHUNK = 64
_DRAWS = 16  # a pair, to measure on
_SHOWN = 6  # draws of a sheet
_LEAST_ERROR = 1e-3  # fMSE; a perfect reconstruction has no logarithm


def make_heldout(
    photos: Images | None,
    recipes: Mapping[str, Recipe],
    pairs: Mapping[str, Images],
    count: int,
    generator: torch.Generator,
    timelapse: Timelapse | None = None,
) -> dict[str, Pairs]:
    """Put ``count`` photos through each recipe, and take as many true pairs of each subset.

    Of aligned frames as many pairs are drawn, a kind of their own.
    """
    kinds: dict[str, Pairs] = {}
    if photos is not None:
        for name, recipe in recipes.items():
            kinds[name] = PairSource(photos, None, recipe, jitter=0).draw(count, generator)
    if timelapse is not None:
        kinds[TIMELAPSE] = Pairs(*timelapse.draw(count, generator))
    for name, images in pairs.items():
        rows = torch.randperm(len(images), generator=generator)[:count]
        kinds[f"{name} pairs" if name in kinds else name] = images.pairs(rows)
    return kinds


@dataclass(frozen=True)
class KindFigures:
    """Figures on pairs of one kind; errors are medians of fMSE on values 0..255."""

    pairs: int
    composite: float  # error of the composites themselves against their photos
    reconstruction: float  # error of the mean latent
    coverage: float  # error of the best of 16 draws from the prior
    strength: float | None  # change by draws over change by composites; None without the latter


@dataclass(frozen=True)
class Figures:
    """Figures on held-out pairs.

    The score is the log of the geometric mean of reconstruction and coverage over kinds; lower is
    better. Both count, as a net that only rebuilds better may draw worse.
    """

    score: float
    active: int  # latent dimensions in use
    kinds: dict[str, KindFigures]


@torch.no_grad()
def measure(net: LutNet, heldout: Mapping[str, Pairs], generator: torch.Generator) -> Figures:
    """Measure a calibrated net on held-out pairs, and put it in eval."""
    net.eval()
    kinds: dict[str, KindFigures] = {}
    means = []
    for name, pairs in heldout.items():
        real, mask, composite = (part.to(net.basis.device) for part in pairs)
        for chunk in zip(*(p.split(_CHUNK) for p in (real, mask, composite)), strict=True):
            means.append(net.posterior(net.condition(*chunk[:2]), net.change(*chunk))[0])
        untouched = fmse(composite, real, mask)
        to_composite, to_photo = draw_errors(net, real, mask, composite, _DRAWS, generator)
        rebuilt = reconstruction_error(net, real, mask, composite, refine=False)
        ratio = strength(to_photo, untouched).item()
        kinds[name] = KindFigures(
            pairs=len(untouched),
            composite=untouched.median().item(),
            reconstruction=rebuilt.median().item(),
            coverage=coverage(to_composite).item(),
            strength=ratio if math.isfinite(ratio) else None,
        )
    errors = [error for kind in kinds.values() for error in (kind.reconstruction, kind.coverage)]
    score = sum(math.log(max(error, _LEAST_ERROR)) for error in errors) / len(errors)
    codes = torch.cat(means)
    active = int((codes.var(0) > ACTIVE_VARIANCE).sum()) if len(codes) > 1 else 0
    return Figures(score, active, kinds)


@torch.no_grad()
def write_sample_sheet(net: LutNet, heldout: Mapping[str, Pairs], path: Path) -> None:
    """Write a PNG with one pair of each kind, that of the largest foreground, and its draws."""
    latent = draw_latents(1, _SHOWN, net.latent_dim, torch.Generator().manual_seed(0))
    captions = ["composite", "rebuilt", *(f"draw {i + 1}" for i in range(_SHOWN))]
    rows = []
    for name, pairs in heldout.items():
        largest = int(pairs.mask.sum((1, 2, 3)).argmax())
        real, mask, composite = (p[largest : largest + 1].to(net.basis.device) for p in pairs)
        known = net.encode(real, mask, composite).unsqueeze(1)
        luts = net.luts(net.condition(real, mask), torch.cat((known, latent.to(known)), 1), mask)
        images = torch.cat((real, composite, composite_lut(real, mask, luts)[0]))
        pixels = (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        pictures = map(thumbnail, pixels)
        rows.append(list(zip([name, *captions], pictures, strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        contact_sheet(rows).save(temporary)
