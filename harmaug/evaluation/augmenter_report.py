"""The report on an augmenter: tables, colour shifts, settings, pairs and latent traversals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation import report
from harmaug.evaluation.augmenter_tables import TERMS, draw_rows, headline, reconstruction_rows
from harmaug.evaluation.chart import Cloud, Line, cloud_chart, line_chart
from harmaug.evaluation.files import number
from harmaug.evaluation.measure import Measured, best_mixture, reconstruct
from harmaug.evaluation.pairs import Pair, pair_generator, read_pair
from harmaug.evaluation.samplers import CheckpointSampler, foreground_error
from harmaug.evaluation.summary import OVERALL, active_dimensions
from harmaug.lut import composite_lut, mix_luts
from harmaug.nets import LutNet

_SHOWN = 3  # pairs of a kind
_DRAWS_SHOWN = 3
_TRAVERSED = (-2.0, -1.0, 0.0, 1.0, 2.0)
_POINTS = 300  # of true composites, in a chart
_CANDIDATES = 12  # photos that the one for traversals is chosen from


def augmenter_report(
    net: LutNet,
    folder: HarmonyFolder,
    measured: Measured,
    figures: dict[str, dict[str, Any]],
    settings: dict[str, Any],
    described: Mapping[str, str],
    responses: dict[str, Any],
) -> str:
    """The HTML of the report.

    Args:
        net: the checkpoint.
        folder: the pairs measured on.
        measured: of `measure`.
        figures: of `summarize`.
        settings: ``checkpoint``, ``data``, ``draws``, ``seed``, ``scenes``, ``size``.
        described: sampler -> what it is.
        responses: of `responses`.
    """
    first = next(iter(figures.values()))
    parts = [
        report.paragraph(
            f"{first['pairs']} pairs of {settings['data']} at {settings['size']}x"
            f"{settings['size']}, {settings['draws']} draws a pair, seed {settings['seed']}; a "
            f"scene is {_SCENES[settings['scenes']]}."
        ),
        report.definitions(list(described.items())),
    ]
    for subset, found in figures.items():
        name = "all subsets" if subset == OVERALL else subset
        parts += [
            report.heading(name),
            report.paragraph(headline(name, found) + "."),
            report.table(draw_rows(found, settings["draws"])),
            report.table(reconstruction_rows(found)),
        ]
    parts += [
        report.heading("Colour shift of the foreground"),
        report.paragraph(
            "Mean Lab colour of the foreground after minus before; points are true composites, "
            "ellipses two standard deviations."
        ),
        _shift_charts(measured),
        report.heading("What strength and candidates do"),
        report.paragraph(
            "Mismatch is the Lab distance between the mean colours of foreground and background; "
            f"its median is {number(responses['photo_mismatch'])} in the photos themselves and "
            f"{number(responses['composite_mismatch'])} in the true composites. Bands are "
            "quartiles over photos and draws."
        ),
        _response_charts(responses, "strength"),
        _response_charts(responses, "candidates"),
        report.heading("Pairs"),
        *_pair_galleries(net, folder, measured, settings),
        report.heading("Latent traversals"),
        *_traversals(net, folder, measured),
        report.heading("What the figures mean"),
        report.definitions(TERMS),
    ]
    return report.document(f"Augmenter: {settings['checkpoint']}", parts)


_SCENES = {
    "photo": "all composites of one photo",
    "prefix": "all photos with one name before the first dash",
}


def _shift_charts(measured: Measured) -> str:
    step = max(len(measured.items) // _POINTS, 1)
    true = measured.truth.shift
    charts = []
    for axes, labels in (((1, 2), ("a*", "b*")), ((2, 0), ("b*", "L*"))):
        clouds = [Cloud("true composites", *_plane(true, axes), true[::step, 0][:, axes])]
        for name, drawn in measured.drawn.items():
            clouds.append(Cloud(name, *_plane(drawn.shift, axes), np.empty((0, 2))))
        charts.append(cloud_chart(clouds, *(f"shift of {label}" for label in labels)))
    return report.charts(charts)


def _plane(shifts: np.ndarray, axes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    points = shifts.reshape(-1, 3)[:, axes]
    return points.mean(0), np.cov(points.T, bias=True)


def _response_charts(responses: dict[str, Any], setting: str) -> str:
    found = responses[setting]
    charts = []
    for figure, label in (("mismatch", "mismatch, Lab"), ("fMSE", "fMSE to the photo")):
        low, middle, high = zip(*found[figure], strict=True)
        line = Line("draws, median", middle, low, high)
        charts.append(line_chart(found["settings"], [line], setting, label))
    return report.charts(charts)


def _pair_galleries(
    net: LutNet, folder: HarmonyFolder, measured: Measured, settings: dict[str, Any]
) -> list[str]:
    nearest = next(iter(measured.drawn.values())).to_composite.min(1)
    order = np.argsort(nearest, kind="stable")
    typical = np.argsort(np.abs(nearest - np.median(nearest)), kind="stable")
    galleries = []
    for how, rows in (("best", order), ("typically", typical), ("worst", order[::-1])):
        galleries.append(report.paragraph(f"Covered {how}:"))
        galleries += [
            _pair_gallery(net, folder, measured, row, settings) for row in _few(rows, measured)
        ]
    return galleries


def _few(rows: Iterable[int], measured: Measured) -> list[int]:
    """The first rows of different photos."""
    photos: dict[object, int] = {}
    for row in rows:
        photos.setdefault(measured.items[row].real, int(row))
        if len(photos) == _SHOWN:
            break
    return list(photos.values())


@torch.no_grad()
def _pair_gallery(
    net: LutNet, folder: HarmonyFolder, measured: Measured, row: int, settings: dict[str, Any]
) -> str:
    item = measured.items[row]
    pair = read_pair(folder, folder.items.index(item))
    sampler, generator = CheckpointSampler(net), pair_generator(item, settings["seed"])
    chunks = sampler(pair, pair, settings["draws"], generator)
    drawn = torch.cat([chunk.composites for chunk in chunks])
    errors = foreground_error(drawn, pair.composite, pair.mask)
    best = int(errors.argmin())
    pictures = [
        ("photo", pair.real[0]),
        ("mask", pair.mask[0]),
        (
            f"true composite, fMSE to the photo {_error(pair, pair.composite, pair.real)}",
            pair.composite[0],
        ),
    ]
    for caption, image in (
        ("limit of the basis", best_mixture(net, pair)),
        ("reconstruction", reconstruct(net, pair)),
        ("nearest draw", drawn[best : best + 1]),
    ):
        pictures.append((f"{caption}, {_error(pair, image, pair.composite)}", image[0]))
    for index in range(min(_DRAWS_SHOWN, len(drawn))):
        pictures.append((f"draw {index + 1}, {number(errors[index].item())}", drawn[index]))
    return report.gallery(f"{item.subset}/{item.name}", pictures)


def _error(pair: Pair, image: torch.Tensor, wanted: torch.Tensor) -> str:
    return number(foreground_error(image, wanted, pair.mask).item())


@torch.no_grad()
def _traversals(net: LutNet, folder: HarmonyFolder, measured: Measured) -> list[str]:
    """Each active latent dimension from -2 to 2, on one photo."""
    code = measured.rebuilt.code
    active = np.flatnonzero(active_dimensions(code)) if len(code) > 1 else range(code.shape[1])
    few = measured.items[:: max(len(measured.items) // _CANDIDATES, 1)]
    pairs = [read_pair(folder, folder.items.index(item)) for item in few]
    item, pair = max(zip(few, pairs, strict=True), key=lambda each: _visibility(each[1]))
    parts = [
        report.paragraph(
            f"One latent dimension at a time from -2 to 2, the others at 0, on {item.real.name}; "
            f"the {len(active)} active dimensions of {code.shape[1]}."
        )
    ]
    condition = net.condition(pair.real, pair.mask)
    for dimension in active:
        latent = torch.zeros(1, len(_TRAVERSED), net.latent_dim)
        latent[0, :, dimension] = torch.tensor(_TRAVERSED)
        luts = mix_luts(net.mixing_weights(condition, latent), net.basis)
        composites = composite_lut(pair.real, pair.mask, luts)[0]
        pictures = [
            (f"{value:+g}", image) for value, image in zip(_TRAVERSED, composites, strict=True)
        ]
        parts.append(report.gallery(f"dimension {dimension}", pictures))
    return parts


def _visibility(pair: Pair) -> float:
    """Most for a foreground of a third of the frame."""
    return -abs(pair.mask.mean().item() - 1 / 3)
