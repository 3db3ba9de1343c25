"""The figures of an augmenter for readers: tables, and a report with charts, pairs and latents."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harmaug.augment import SycoNetAugment
from harmaug.evaluation import report
from harmaug.evaluation.bootstrap import number
from harmaug.evaluation.draws import reconstruct
from harmaug.evaluation.figures import (
    OVERALL,
    AugmenterEvaluation,
    Shift,
    SubsetFigures,
    active_dimensions,
)
from harmaug.evaluation.measure import Measured, best_mixture
from harmaug.evaluation.metrics import foreground_error
from harmaug.evaluation.pairs import Scenes, pair_generator, scene_of
from harmaug.lut.ops import lut_composite

TERMS = (
    ("fMSE", "mean squared error over the foreground, values 0..255; median over pairs"),
    ("PSNR", "peak signal-to-noise ratio over the frame, in dB; median over pairs"),
    ("best of n", "coverage: fMSE of the draw nearest to the true composite; median over pairs"),
    ("checkpoint / this", "ratio of two coverages; below 1 the evaluated checkpoint is nearer"),
    ("strength", "fMSE of draws to photos over that of true composites; 1 is as strong as these"),
    ("Frechet", "distance in Lab of two normal distributions: shifts of draws, and true shifts"),
    ("shift", "change of the mean Lab colour of the foreground"),
    ("spread", "standard deviations of the shift in L*, a* and b*"),
    ("variation", "fMSE of what a map that varies in space explains and one for all does not"),
    ("field", "difference that the spatial part of a draw makes; grey is none"),
    ("one LUT", "the same with one LUT for all of a foreground"),
    ("clipped", "share of the foreground with a channel newly at 0 or 255; mean"),
    ("implausible", "share of neutral or skin-like foregrounds turned cyan, blue or magenta"),
    ("roughness", "mean squared second difference of the drawn LUTs; 0 for an affine colour map"),
    ("limit", "best mixture of the basis, fitted to each pair; with this basis no net is nearer"),
    ("active", "latent dimensions that pairs differ in: variance of posterior means above 0.01"),
    ("KL", "divergence of the posteriors from N(0, I), which training weighs; mean over pairs"),
    ("[low, high]", "95 % of 1000 bootstrap draws of whole scenes; one below 1 is beyond doubt"),
    ("few scenes", "the interval of the Frechet distance lies too high"),
)
_SCENES = {
    "photo": "all composites of one photo",
    "prefix": "all photos with one name before the first dash",
}
_SHOWN = 3  # pairs of a kind, and draws of a pair
_TRAVERSED = (-2.0, -1.0, 0.0, 1.0, 2.0)
_POINTS = 300  # of true composites, in a chart
_CANDIDATES = 12  # photos, one of which the traversals show


def headline(subset: str, figures: SubsetFigures) -> str:
    """Return one line on a subset."""
    pairs, scenes = figures["pairs"], figures["scenes"]
    return (
        f"{subset}: {pairs} pair{'s' * (pairs != 1)} of {scenes} scene{'s' * (scenes != 1)}, "
        f"true composites of fMSE {number(figures['composites']['fMSE'])}"
    )


def draw_rows(figures: SubsetFigures, draws: int) -> list[list[str]]:
    """Return a row for each sampler on a subset, and one for the true composites."""
    head = ["draws", f"best of {draws}", "checkpoint / this", "strength", "Frechet"]
    rows = [[*head, "spread L* a* b*", "variation", "clipped", "implausible", "roughness"]]
    for position, (sampler, found) in enumerate(figures["draws"].items()):
        ratio, rough = found["checkpoint_coverage_over_this"], found["roughness"]
        cells = [sampler, number(found["coverage"]), number(ratio) if position else ""]
        cells += [number(found["strength"]), number(found["frechet"]), _spread(found["shift"])]
        cells.append(number(found["variation"]))
        cells += [_percent(found[name].value) for name in ("clipped", "implausible")]
        cells.append("-" if rough is None else number(rough.value))
        rows.append(cells)
    truth = figures["composites"]
    shown = [_spread(truth["shift"]), number(truth["variation"])]
    shown += [_percent(truth[name].value) for name in ("clipped", "implausible")]
    return [*rows, ["true composites", "", "", "1", "0", *shown, ""]]


def reconstruction_rows(figures: SubsetFigures) -> list[list[str]]:
    """Return the reconstruction and the latent space of a checkpoint on a subset."""
    found, latent = figures["reconstruction"], figures["latent"]
    active = "-" if latent["active"] is None else f"{latent['active']} of {latent['dimensions']}"
    one_lut = [
        ["mean latent, one LUT", number(found["one_LUT_fMSE"]), ""],
        ["limit of the basis, one LUT", number(found["one_LUT_limit_fMSE"]), ""],
    ]
    return [
        ["reconstruction", "fMSE", "PSNR"],
        ["mean latent", number(found["fMSE"]), number(found["PSNR"])],
        ["limit of the basis", number(found["limit_fMSE"]), number(found["limit_PSNR"])],
        ["ratio", number(found["over_limit"]), ""],
        *(one_lut if found["one_LUT_limit_fMSE"] != found["limit_fMSE"] else []),
        ["latent dimensions active", active, ""],
        ["KL in nats", number(latent["KL"]), ""],
    ]


def pair_rows(measured: Measured, scenes: Scenes) -> list[dict[str, Any]]:
    """Return a row of figures for each pair, for a CSV file."""
    rows = []
    for row, item in enumerate(measured.items):
        figures: dict[str, Any] = {
            "subset": item.subset,
            "name": item.name,
            "scene": scene_of(item, scenes)[1],
            "composite fMSE": measured.truth.to_photo[row, 0].item(),
            "reconstruction fMSE": measured.rebuilt.fmse[row].item(),
            "limit fMSE": measured.rebuilt.limit_fmse[row].item(),
        }
        for name, drawn in measured.drawn.items():
            figures[f"nearest draw fMSE, {name}"] = drawn.to_composite[row].min().item()
            figures[f"median draw to photo fMSE, {name}"] = np.median(drawn.to_photo[row]).item()
        rows.append(figures)
    return rows


def augmenter_report(
    aug: SycoNetAugment, measured: Measured, evaluation: AugmenterEvaluation
) -> str:
    """Return the HTML of the report."""
    settings = evaluation.settings
    size, draws, seed = settings["size"], settings["draws"], settings["seed"]
    parts = [
        report.paragraph(
            f"{len(measured.rows)} pairs of {settings['data']} at {size}x{size}, {draws} draws a "
            f"pair, seed {seed}; a scene is {_SCENES[settings['scenes']]}."
        ),
        report.definitions(evaluation.samplers.items()),
    ]
    for subset, found in evaluation.figures.items():
        name = "all subsets" if subset == OVERALL else subset
        parts.append(report.section(name, headline(name, found) + "."))
        parts += map(report.table, (draw_rows(found, draws), reconstruction_rows(found)))
    return report.document(
        f"Augmenter: {settings['checkpoint']}",
        [
            *parts,
            report.section(
                "Colour shift of the foreground",
                "Mean Lab colour of the foreground, after minus before. Points are true "
                "composites; ellipses are two standard deviations.",
            ),
            _shift_charts(measured),
            report.section("Pairs"),
            *_pair_galleries(aug, measured, draws, seed),
            *_traversals(aug, measured),
            report.section("Terms"),
            report.definitions(TERMS),
        ],
    )


def _spread(shift: Shift) -> str:
    if shift["covariance"] is None:
        return "-"
    deviations = np.sqrt(np.maximum(np.diag(shift["covariance"]), 0))
    return " / ".join(f"{deviation:.1f}" for deviation in deviations)


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _shift_charts(measured: Measured) -> str:
    step = max(len(measured.items) // _POINTS, 1)
    charts = []
    for axes, labels in (([1, 2], ("a*", "b*")), ([2, 0], ("b*", "L*"))):
        clouds = []
        for name, drawn in {"true composites": measured.truth, **measured.drawn}.items():
            points = drawn.shift.reshape(-1, 3)[:, axes]
            shown = points[::step] if drawn is measured.truth else points[:0]
            clouds.append(report.Cloud(name, points.mean(0), np.cov(points.T, bias=True), shown))
        charts.append(report.cloud_chart(clouds, *(f"shift of {label}" for label in labels)))
    return report.charts(charts)


def _pair_galleries(
    aug: SycoNetAugment, measured: Measured, draws: int, seed: int
) -> Iterator[str]:
    """Return the best, typical and worst covered pairs, each kind of different photos."""
    items, nearest = measured.items, next(iter(measured.drawn.values())).to_composite.min(1)
    best = np.argsort(nearest, kind="stable")
    typical = np.argsort(np.abs(nearest - np.median(nearest)), kind="stable")
    for how, order in (("best", best), ("typically", typical), ("worst", best[::-1])):
        yield report.paragraph(f"Covered {how}:")
        photos: dict[Path, int] = {}
        for index in order:
            photos.setdefault(items[index].real, index)
        for index in list(photos.values())[:_SHOWN]:
            yield _pair_gallery(aug, measured, index, draws, seed)


@torch.no_grad()
def _pair_gallery(
    aug: SycoNetAugment, measured: Measured, index: int, draws: int, seed: int
) -> str:
    item, pair = measured.items[index], measured.pair(index)
    inputs = aug.admit(pair.real, pair.mask)
    decision = aug.decide(inputs, draws, generator=pair_generator(item, seed))
    drawn = aug.recolour(decision.luts, inputs)[0]
    best = int(foreground_error(drawn, pair.composite, pair.mask).argmin())
    change = foreground_error(pair.composite, pair.real, pair.mask).item()
    pictures = [("photo", pair.real[0]), ("mask", pair.mask[0])]
    pictures.append((f"true composite, fMSE to the photo {number(change)}", pair.composite[0]))
    for caption, image in (
        ("limit of the basis", best_mixture(aug.net, pair)),
        ("reconstruction", reconstruct(aug.net, *pair)),
        ("nearest draw", drawn[best : best + 1]),
        *((f"draw {k + 1}", drawn[k : k + 1]) for k in range(min(_SHOWN, len(drawn)))),
    ):
        error = foreground_error(image, pair.composite, pair.mask).item()
        pictures.append((f"{caption}, {number(error)}", image[0]))
    if aug.varies:
        shown = decision.latent[:, :_SHOWN]
        flat = aug.augment(pair.real, pair.mask, latent=shown, spatial=0.0)[0]
        fields = (0.5 + drawn[: len(flat)] - flat).clamp(0, 1)
        pictures += [(f"field of draw {k + 1}", field) for k, field in enumerate(fields)]
    return report.gallery(f"{item.subset}/{item.name}", pictures)


@torch.no_grad()
def _traversals(aug: SycoNetAugment, measured: Measured) -> Iterator[str]:
    """Return each active latent dimension from -2 to 2, on the photo of the clearest foreground."""
    code, net = measured.rebuilt.code, aug.net
    active = np.flatnonzero(active_dimensions(code)) if len(code) > 1 else range(code.shape[1])
    few = range(0, len(code), max(len(code) // _CANDIDATES, 1))
    # A foreground of a third of the frame shows most.
    chosen = min(few, key=lambda k: abs(measured.pair(k).mask.mean().item() - 1 / 3))
    yield report.section(
        "Latent traversals",
        "One latent dimension at a time from -2 to 2, the others at 0, on "
        f"{measured.items[chosen].real.name}; the {len(active)} active dimensions of "
        f"{code.shape[1]}.",
    )
    real, mask, _ = measured.pair(chosen)
    for dimension in active:
        latent = torch.zeros(1, len(_TRAVERSED), net.latent_dim)
        latent[0, :, dimension] = torch.tensor(_TRAVERSED)
        composites = lut_composite(real, mask, net.luts(net.condition(real, mask), latent, mask))[0]
        captions = (f"{value:+g}" for value in _TRAVERSED)
        yield report.gallery(f"dimension {dimension}", zip(captions, composites, strict=True))
