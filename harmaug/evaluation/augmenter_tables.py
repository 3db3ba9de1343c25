"""The figures of an augmenter as rows of text, for the terminal and for the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from harmaug.evaluation.files import number
from harmaug.evaluation.measure import Measured
from harmaug.evaluation.pairs import scene_of

TERMS = [
    (
        "fMSE, PSNR",
        "mean squared error over the foreground, and peak signal-to-noise ratio over the frame, "
        "values 0..255; medians over pairs",
    ),
    (
        "best of n",
        "coverage: for each pair the draw nearest to the true composite, its fMSE; median over "
        "pairs. A smaller figure means that the draws reach what the dataset really holds",
    ),
    (
        "checkpoint / this",
        "coverage of the evaluated checkpoint over that of the row; below 1 the checkpoint is "
        "nearer, beyond doubt where the whole interval is below 1",
    ),
    (
        "strength",
        "median fMSE between draws and photos over that between true composites and photos; near "
        "1 draws are as strong as the domain",
    ),
    (
        "Frechet",
        "distance in Lab units between the normal distributions of the foreground's mean colour "
        "shift, of draws and of true composites",
    ),
    ("spread", "standard deviations of that shift in L*, a* and b*"),
    ("clipped", "share of the foreground with a channel newly at 0 or 255; mean"),
    ("roughness", "mean squared second difference of the drawn LUTs, 0 for an affine colour map"),
    (
        "limit",
        "convex mixing weights of the basis fitted to each pair: no net can rebuild it better "
        "with this basis",
    ),
    (
        "active",
        "latent dimensions whose posterior mean varies between pairs, variance above 0.01",
    ),
    ("KL", "divergence of the posteriors from N(0, I), which training weighs; mean over pairs"),
    (
        "[low, high]",
        "95 % of 1000 bootstrap draws of whole scenes; with few scenes that of the Frechet "
        "distance leans upwards, for fewer pairs lie further apart",
    ),
]


def headline(subset: str, figures: dict[str, Any]) -> str:
    """One line on a subset."""
    pairs, scenes = figures["pairs"], figures["scenes"]
    fmse = number(figures["composites"]["fMSE"])
    return (
        f"{subset}: {pairs} {'pair' if pairs == 1 else 'pairs'} of {scenes} "
        f"{'scene' if scenes == 1 else 'scenes'}, true composites of fMSE {fmse}"
    )


def reconstruction_rows(figures: dict[str, Any]) -> list[list[str]]:
    """Reconstruction and latent space of a checkpoint on a subset."""
    found, latent = figures["reconstruction"], figures["latent"]
    active = "-" if latent["active"] is None else f"{latent['active']} of {latent['dimensions']}"
    return [
        ["reconstruction", "fMSE", "PSNR"],
        ["mean latent", number(found["fMSE"]), number(found["PSNR"])],
        ["limit of the basis", number(found["limit_fMSE"]), number(found["limit_PSNR"])],
        ["ratio", number(found["over_limit"]), ""],
        ["latent dimensions active", active, ""],
        ["KL in nats", number(latent["KL"]), ""],
    ]


def draw_rows(figures: dict[str, Any], draws: int) -> list[list[str]]:
    """A row for each sampler on a subset, and one for the true composites."""
    rows = [
        [
            "draws",
            f"best of {draws}",
            "checkpoint / this",
            "strength",
            "Frechet",
            "spread L* a* b*",
            "clipped",
            "roughness",
        ]
    ]
    for position, (name, found) in enumerate(figures["draws"].items()):
        rough = found["roughness"]
        rows.append(
            [
                name,
                number(found["coverage"]),
                number(found["checkpoint_coverage_over_this"]) if position else "",
                number(found["strength"]),
                number(found["frechet"]),
                _spread(found["shift"]),
                _percent(found["clipped"].value),
                "-" if rough is None else number(rough.value),
            ]
        )
    truth = figures["composites"]
    shown = [_spread(truth["shift"]), _percent(truth["clipped"].value)]
    rows.append(["true composites", "", "", "1", "0", *shown, ""])
    return rows


def pair_rows(measured: Measured, scenes: str) -> list[dict[str, Any]]:
    """A row of figures for each pair, for a CSV file."""
    rows = []
    for row, item in enumerate(measured.items):
        figures: dict[str, Any] = {
            "subset": item.subset,
            "name": item.name,
            "scene": scene_of(item, scenes)[1],
            "composite fMSE": measured.truth.strength[row].item(),
            "reconstruction fMSE": measured.rebuilt.fmse[row].item(),
            "limit fMSE": measured.rebuilt.limit_fmse[row].item(),
        }
        for name, drawn in measured.drawn.items():
            figures[f"nearest draw fMSE, {name}"] = drawn.to_composite[row].min().item()
            figures[f"median draw to photo fMSE, {name}"] = np.median(drawn.to_photo[row]).item()
        rows.append(figures)
    return rows


def _spread(shift: dict[str, Any]) -> str:
    if shift["covariance"] is None:
        return "-"
    deviations = np.sqrt(np.maximum(np.diag(shift["covariance"]), 0))
    return " / ".join(f"{deviation:.1f}" for deviation in deviations)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
