"""The scores of a harmonizer for readers: a table, and a report with the worst predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from harmaug.evaluation import report
from harmaug.evaluation.bootstrap import Estimate
from harmaug.evaluation.harmonizer import (
    METRICS,
    GroupScores,
    HarmonizerEvaluation,
    ImageScores,
    read_images,
)

TERMS = (
    ("MSE, PSNR, SSIM", "over the frame, values 0..255; mean over images"),
    ("fMSE, fPSNR, fSSIM", "the same over the foreground"),
    ("composite", "scores of the untouched composite, as of a harmonizer that does nothing"),
    ("worse", "share of images whose prediction has a larger MSE than the untouched composite"),
    ("[low, high]", "95 % of 1000 bootstrap draws of whole scenes"),
)
_SHOWN = 10  # images of a kind
_WITH_INTERVAL = ("MSE", "fMSE", "PSNR")  # the JSON file has the other intervals
_AMPLIFIED = 5  # differences are shown so many times larger


def score_table(figures: Mapping[str, GroupScores], intervals: bool = False) -> list[list[str]]:
    """Return two rows for each group of images: the prediction, and the untouched composite."""
    rows = [["", "images", "", *METRICS, "worse"]]
    for name, found in figures.items():
        shown = ("prediction", found["prediction"]), ("composite", found["composite"])
        lines = [[of, *(_cell(e, m, intervals) for m, e in means.items())] for of, means in shown]
        rows.append([name, str(found["images"]), *lines[0], f"{100 * found['worse'].value:.1f} %"])
        rows.append(["", "", *lines[1], ""])
    return rows


def harmonizer_report(scores: Sequence[ImageScores], evaluation: HarmonizerEvaluation) -> str:
    """Return the HTML of the report."""
    settings = evaluation.settings
    size, split, missing = settings["size"], settings["split"], settings["missing"]
    known = [each for each in scores if each.ratio > 0]  # fMSE needs a foreground
    worst = sorted(known, key=lambda each: each.prediction["fMSE"], reverse=True)
    rising = sorted((each for each in scores if _rise(each) > 0), key=_rise, reverse=True)
    parts = [
        report.paragraph(
            f"{len(scores)} predictions in {settings['predictions']} for {settings['data']}"
            + (f", split {split}" if split else "")
            + f", compared at {f'{size}x{size}' if size else 'the size of the photos'}."
            + (f" {missing} have no prediction." if missing else "")
        ),
        report.table(score_table(evaluation.figures, intervals=True)),
        report.section(
            "Worst predictions",
            f"Ordered by fMSE. Differences are shown {_AMPLIFIED} times larger.",
        ),
        *(_gallery(each, size) for each in worst[:_SHOWN]),
    ]
    if rising:
        order = "Ordered by how much MSE rose from the composite to the prediction."
        parts.append(report.section("Made worse", order))
        parts += (_gallery(each, size) for each in rising[:_SHOWN])
    parts += [report.section("Terms"), report.definitions(TERMS)]
    return report.document("Harmonizer", parts)


def _rise(scores: ImageScores) -> float:
    return scores.prediction["MSE"] - scores.composite["MSE"]


def _gallery(scores: ImageScores, size: int | None) -> str:
    images = read_images(scores.item, scores.path, size)
    difference = (images.prediction.float() - images.real.float()).abs() * _AMPLIFIED / 255
    pictures = [
        (f"composite, {_errors(scores.composite)}", images.composite[0]),
        (f"prediction, {_errors(scores.prediction)}", images.prediction[0]),
        ("photo", images.real[0]),
        ("difference", difference[0]),
        (f"mask, {100 * scores.ratio:.1f} %", images.mask[0]),
    ]
    return report.gallery(f"{scores.item.subset}/{scores.item.name}", pictures)


def _errors(metrics: Mapping[str, float]) -> str:
    return f"fMSE {metrics['fMSE']:.1f}, MSE {metrics['MSE']:.1f}"


def _cell(estimate: Estimate, metric: str, interval: bool) -> str:
    decimals = 4 if "SSIM" in metric else 2
    text = f"{estimate.value:.{decimals}f}"
    if interval and metric in _WITH_INTERVAL and not math.isnan(estimate.low):
        text += f" [{estimate.low:.{decimals}f}, {estimate.high:.{decimals}f}]"
    return text
