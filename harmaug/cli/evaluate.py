"""``harmaug evaluate``: figures and a report on an augmenter, or on a harmonizer's predictions."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from typing import Any

from harmaug.cli.arguments import CHECKPOINT, Commands, add_command, add_output, count, seed
from harmaug.io.tables import text_table


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "evaluate",
        "measure an augmenter on true composites, or a harmonizer's predictions",
        "  harmaug evaluate augmenter --checkpoint retouch --data HAdobe5k --split test -o out\n"
        "  harmaug evaluate harmonizer --predictions results --data HFlickr --split test -o out",
    )
    kinds = parser.add_subparsers(metavar="WHAT", required=True)
    _register_augmenter(kinds)
    _register_harmonizer(kinds)


def _register_augmenter(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "augmenter",
        "measure how the draws of a checkpoint agree with true composites",
        "  harmaug evaluate augmenter --data HFlickr --split test -o figures\n"
        "  harmaug evaluate augmenter --checkpoint mine --against unified --data webcams \\\n"
        "      --scenes prefix --baselines --transforms looks/ -o figures",
        "Reconstruction, coverage, colour shift, strength, clipping and smoothness, with bootstrap "
        "intervals over scenes. Writes figures.json, pairs.csv and report.html.",
    )
    parser.add_argument(
        "--checkpoint",
        default=CHECKPOINT,
        metavar="NAME",
        help=f"name of a checkpoint, or the path of one (default: {CHECKPOINT})",
    )
    parser.add_argument(
        "--against", nargs="+", default=[], metavar="NAME", help="compare with other checkpoints"
    )
    _add_data(parser, count, "pixels a side that the pairs are resized to (default: 256)")
    parser.add_argument(
        "--draws", type=count, default=32, metavar="N", help="draws for each pair (default: 32)"
    )
    parser.add_argument(
        "--limit", type=count, metavar="N", help="take only N pairs, spread evenly over the folder"
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="compare with hand-made filters, as published and scaled, and with random mixtures "
        "of the LUT basis",
    )
    parser.add_argument(
        "--transforms",
        nargs="+",
        default=[],
        metavar="PATH",
        help="compare with random looks: LUT files, Hald images, .npz archives, or folders of them",
    )
    parser.set_defaults(run=_run_augmenter)


def _register_harmonizer(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "harmonizer",
        "score the predictions of a harmonizer as the field does",
        "  harmaug evaluate harmonizer --predictions results --data HFlickr --split test -o out\n"
        "  harmaug evaluate harmonizer --predictions results --data iHarmony4 \\\n"
        "      --image-size native -o out",
        "Predictions are named like the composites, with any image suffix, in one folder or "
        "sorted by subset. MSE, PSNR, SSIM and their foreground forms, beside those of the "
        "untouched composite. Writes scores.json, images.csv and report.html.",
    )
    parser.add_argument(
        "--predictions", metavar="DIR", required=True, help="folder that the harmonizer wrote"
    )
    _add_data(
        parser,
        _pixels_or_native,
        "pixels a side that all pictures are resized to; native keeps the size of each photo "
        "(default: 256)",
    )
    parser.set_defaults(run=_run_harmonizer)


def _add_data(parser: argparse.ArgumentParser, size: Callable[[str], Any], size_help: str) -> None:
    parser.add_argument(
        "--data",
        metavar="ROOT",
        required=True,
        help="subset folder in the iHarmony4 layout, or a folder of them, with true composites",
    )
    parser.add_argument(
        "--split", help="take the composites that the lists <set>_SPLIT.txt name (default: all)"
    )
    parser.add_argument(
        "--skip-missing", action="store_true", help="leave out composites whose files are absent"
    )
    parser.add_argument("--image-size", type=size, default=256, metavar="PIXELS", help=size_help)
    parser.add_argument(
        "--scenes",
        choices=("photo", "prefix"),
        default="photo",
        help="what counts as one scene to the bootstrap: one photo, or all photos with the same "
        "name before the first dash, as of static cameras (default: photo)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of everything drawn (default: 0)")
    add_output(parser)


def _run_augmenter(options: argparse.Namespace) -> None:
    from harmaug.evaluation import evaluate_augmenter
    from harmaug.evaluation.augmenter_report import draw_rows, headline, reconstruction_rows

    found = evaluate_augmenter(**_arguments(options, evaluate_augmenter))
    for subset, figures in found.figures.items():
        print(headline(subset, figures))
        print(text_table(draw_rows(figures, options.draws)))
        print(text_table(reconstruction_rows(figures)) + "\n")
    absent, empty = found.skipped["absent"], found.skipped["empty"]
    if absent or empty:
        print(f"Left out {absent} pairs with absent files and {empty} whose mask is empty.")
    print(f"Wrote figures.json, pairs.csv and report.html to {options.output}.")


def _run_harmonizer(options: argparse.Namespace) -> None:
    from harmaug.evaluation import evaluate_harmonizer
    from harmaug.evaluation.harmonizer_report import score_table

    found = evaluate_harmonizer(**_arguments(options, evaluate_harmonizer))
    print(text_table(score_table(found.figures)))
    if found.settings["missing"]:
        print(f"Left out {found.settings['missing']} composites without a prediction.")
    print(f"Wrote scores.json, images.csv and report.html to {options.output}.")


def _arguments(options: argparse.Namespace, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the arguments of a function, each from the option of its name."""
    options.overwrite = options.force
    return {name: getattr(options, name) for name in inspect.signature(function).parameters}


def _pixels_or_native(text: str) -> int | None:
    return None if text == "native" else count(text)
