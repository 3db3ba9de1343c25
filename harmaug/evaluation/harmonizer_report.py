"""The scores of a harmonizer as a table, and the report with its worst predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmaug.evaluation import report
from harmaug.evaluation.bootstrap import Estimate
from harmaug.evaluation.harmonizer import METRICS, Scores, read_images

_SHOWN = 10  # images of a kind
_SPREAD = ("MSE", "fMSE", "PSNR")  # shown with intervals; all are in the JSON file
_AMPLIFIED = 5  # differences are shown so many times larger
_TERMS = [
    ("MSE, PSNR, SSIM", "over the frame, values 0..255, mean over images"),
    ("fMSE, fPSNR, fSSIM", "the same over the foreground"),
    ("composite", "the composite as it is, what doing nothing scores"),
    ("worse", "share of images whose prediction has a larger MSE than the untouched composite"),
    ("[low, high]", "95 % of 1000 bootstrap draws of whole scenes"),
]


def score_table(figures: dict[str, dict[str, Any]], intervals: bool = False) -> list[list[str]]:
    """Two rows for each group of images: the prediction, and the untouched composite."""
    rows = [["", "images", "", *METRICS, "worse"]]
    for name, found in figures.items():
        for of in ("prediction", "composite"):
            first = of == "prediction"
            cells = [name, str(found["images"])] if first else ["", ""]
            cells += [of, *(_cell(found[of][m], m, intervals and m in _SPREAD) for m in METRICS)]
            rows.append([*cells, f"{100 * found['worse'].value:.1f} %" if first else ""])
    return rows


def harmonizer_report(
    scores: Scores, figures: dict[str, dict[str, Any]], settings: dict[str, Any]
) -> str:
    """The HTML of the report.

    Args:
        scores: of `score`.
        figures: of `summarize_scores`.
        settings: ``predictions``, ``data``, ``split``, ``size`` (None: native), ``missing``.
    """
    size = settings["size"]
    at = f"{size}x{size}" if size else "the size of the photos"
    parts = [
        report.paragraph(
            f"{len(scores.items)} predictions in {settings['predictions']} for {settings['data']}"
            + (f", split {settings['split']}" if settings["split"] else "")
            + f", compared at {at}."
            + (f" {settings['missing']} have no prediction." if settings["missing"] else "")
        ),
        report.table(score_table(figures, intervals=True)),
        report.heading("Worst predictions"),
        report.paragraph(
            f"By fMSE; difference is that of prediction and photo, {_AMPLIFIED} times larger."
        ),
        *_galleries(scores, scores.prediction["fMSE"], size),
    ]
    rise = scores.prediction["MSE"] - scores.composite["MSE"]
    if (rise > 0).any():
        parts += [
            report.heading("Made worse"),
            report.paragraph("By how much MSE rose from the composite to the prediction."),
            *_galleries(scores, np.where(rise > 0, rise, np.nan), size),
        ]
    parts += [report.heading("What the figures mean"), report.definitions(_TERMS)]
    return report.document("Harmonizer", parts)


def _galleries(scores: Scores, order: np.ndarray, size: int | None) -> list[str]:
    """The images where ``order`` (N,) is largest; NaN is left out."""
    worst = np.argsort(-order, kind="stable")[: np.count_nonzero(~np.isnan(order))]
    return [_gallery(scores, int(row), size) for row in worst[:_SHOWN]]


def _gallery(scores: Scores, row: int, size: int | None) -> str:
    item = scores.items[row]
    images = read_images(item, scores.paths[row], size)
    difference = (images.prediction.float() - images.real.float()).abs() * _AMPLIFIED / 255
    pictures = [
        (f"composite, {_errors(scores.composite, row)}", images.composite[0]),
        (f"prediction, {_errors(scores.prediction, row)}", images.prediction[0]),
        ("photo", images.real[0]),
        ("difference", difference[0]),
        (f"mask, {100 * scores.ratio[row]:.1f} %", images.mask[0]),
    ]
    return report.gallery(f"{item.subset}/{item.name}", pictures)


def _errors(metrics: dict[str, np.ndarray], row: int) -> str:
    return f"fMSE {metrics['fMSE'][row]:.1f}, MSE {metrics['MSE'][row]:.1f}"


def _cell(estimate: Estimate, metric: str, interval: bool) -> str:
    decimals = 4 if "SSIM" in metric else 2
    text = f"{estimate.value:.{decimals}f}"
    if interval and not np.isnan(estimate.low):
        text += f" [{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
    return text
