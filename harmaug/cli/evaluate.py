"""``harmaug evaluate``: figures and a report on an augmenter, or on a harmonizer's predictions."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harmaug.cli.arguments import (
    CHECKPOINT,
    Commands,
    add_command,
    add_output,
    check_outputs,
    count,
    load_augmenter,
    seed,
)

if TYPE_CHECKING:
    from harmaug.data.folder import HarmonyFolder, HarmonyItem

_FILES = ("figures.json", "pairs.csv", "report.html")
_SCORE_FILES = ("scores.json", "images.csv", "report.html")
_RESPONSE_PAIRS = 24  # on which strength and candidates are tried


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
        "measure how a checkpoint's draws agree with true composites",
        "  harmaug evaluate augmenter --data HFlickr --split test -o figures\n"
        "  harmaug evaluate augmenter --checkpoint mine --against unified --data webcams \\\n"
        "      --scenes prefix --baselines --transforms looks/ -o figures",
        "Reconstruction, coverage, colour shift, strength, clipping and smoothness, with bootstrap "
        f"intervals over scenes. Writes {', '.join(_FILES)}.",
    )
    parser.add_argument(
        "--checkpoint",
        default=CHECKPOINT,
        metavar="NAME",
        help=f"name of a checkpoint, or the path of one (default: {CHECKPOINT})",
    )
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="NAME",
        help="other checkpoints whose draws are set beside it",
    )
    _add_data(parser)
    parser.add_argument(
        "--size", type=count, default=256, help="pixels a side to resize to (default: 256)"
    )
    parser.add_argument(
        "--draws", type=count, default=32, metavar="N", help="draws a pair (default: 32)"
    )
    parser.add_argument(
        "--limit", type=count, metavar="N", help="take N pairs only, spread evenly over the folder"
    )
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="set hand-made filters, as published and scaled, and random mixtures of the LUT basis "
        "beside it",
    )
    parser.add_argument(
        "--transforms",
        nargs="+",
        metavar="PATH",
        help="set random looks beside it: .cube files, Hald images, .npz archives, or folders of "
        "them",
    )
    parser.set_defaults(run=_run_augmenter)


def _register_harmonizer(kinds: Commands) -> None:
    parser = add_command(
        kinds,
        "harmonizer",
        "score a harmonizer's predictions as the field does",
        "  harmaug evaluate harmonizer --predictions results --data HFlickr --split test -o out\n"
        "  harmaug evaluate harmonizer --predictions results --data iHarmony4 --size native -o out",
        "Any project's output folder: predictions named like the composites, with any image "
        "suffix, in one folder or sorted by subset. MSE, PSNR, SSIM and their foreground forms "
        f"beside those of the untouched composite. Writes {', '.join(_SCORE_FILES)}.",
    )
    parser.add_argument(
        "--predictions", metavar="DIR", required=True, help="folder that the harmonizer wrote"
    )
    _add_data(parser)
    parser.add_argument(
        "--size",
        type=_size,
        default=256,
        help="pixels a side to resize all pictures to, or native: each photo's own size "
        "(default: 256)",
    )
    parser.set_defaults(run=_run_harmonizer)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="ROOT",
        required=True,
        help="subset folder in the iHarmony4 layout, or a folder of them, with true composites",
    )
    parser.add_argument(
        "--split", help="take what the lists <set>_SPLIT.txt name (default: all there is)"
    )
    parser.add_argument(
        "--skip-missing", action="store_true", help="go on without what is listed but absent"
    )
    parser.add_argument(
        "--scenes",
        choices=("photo", "prefix"),
        default="photo",
        help="what is one scene to the bootstrap: a photo, or all photos with the same name before "
        "the first dash, as those of static cameras (default: photo)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of everything drawn (default: 0)")
    add_output(parser)


def _run_augmenter(options: argparse.Namespace) -> None:
    from harmaug.evaluation.augmenter_report import augmenter_report
    from harmaug.evaluation.augmenter_tables import (
        draw_rows,
        headline,
        pair_rows,
        reconstruction_rows,
    )
    from harmaug.evaluation.baselines import build_samplers, describe_samplers
    from harmaug.evaluation.files import text_table, write_csv, write_json, write_text
    from harmaug.evaluation.measure import measure
    from harmaug.evaluation.pairs import read_pair
    from harmaug.evaluation.responses import responses
    from harmaug.evaluation.summary import summarize
    from harmaug.recipes.transforms import read_transforms

    paths = _output_paths(options, _FILES)
    names = (options.checkpoint, *options.against)
    augmenters = dict(zip(_labels(names), map(load_augmenter, names), strict=True))
    augmenter = next(iter(augmenters.values()))
    folder = _pairs(options)
    _check_scenes(options, folder.items)
    looks = read_transforms(options.transforms).looks if options.transforms else None
    if options.transforms and looks is None:
        raise ValueError(f"{', '.join(options.transforms)}: no looks among these transforms.")

    nets = {name: each.net for name, each in augmenters.items()}
    samplers = build_samplers(
        nets, folder, baselines=options.baselines, looks=looks, seed=options.seed
    )
    measured = measure(augmenter.net, folder, samplers, options.draws, options.seed)
    figures = summarize(measured, options.scenes, options.seed)
    few = measured.items[:: max(len(measured.items) // _RESPONSE_PAIRS, 1)]
    pairs = [read_pair(folder, folder.items.index(item)) for item in few]
    response = responses(augmenter, pairs, options.seed)
    settings = {
        name: getattr(options, name)
        for name in ("checkpoint", "data", "split", "size", "draws", "limit", "scenes", "seed")
    }
    described = describe_samplers(samplers)
    html = augmenter_report(augmenter.net, folder, measured, figures, settings, described, response)
    skipped = {"absent": len(folder.missing), "empty": len(folder) - len(measured.items)}
    known = {
        "settings": settings,
        "sha256": augmenter.card.get("sha256"),
        "samplers": described,
        "skipped": skipped,
        "figures": figures,
        "responses": response,
    }

    options.output.mkdir(parents=True, exist_ok=True)
    write_json(paths[0], known)
    write_csv(paths[1], pair_rows(measured, options.scenes))
    write_text(paths[2], html)
    for subset, found in figures.items():
        print(headline(subset, found))
        print(text_table(draw_rows(found, options.draws)))
        print(text_table(reconstruction_rows(found)) + "\n")
    if any(skipped.values()):
        print(
            f"Left out {skipped['absent']} pairs with absent files and {skipped['empty']} whose "
            "mask is empty."
        )
    print(f"Wrote {', '.join(_FILES)} to {options.output}.")


def _labels(checkpoints: Sequence[str]) -> list[str]:
    """Short names of checkpoints that may be paths, or the paths where short ones are alike."""
    short = [Path(name).name.removesuffix(".safetensors") for name in checkpoints]
    return short if len(set(short)) == len(set(checkpoints)) else list(checkpoints)


def _pairs(options: argparse.Namespace) -> HarmonyFolder:
    from harmaug.data.folder import HarmonyFolder

    folder = HarmonyFolder(
        options.data,
        options.split,
        composites=True,
        size=options.size,
        skip_missing=options.skip_missing,
    )
    if options.limit and options.limit < len(folder):
        step = len(folder) / options.limit
        folder.items = [folder.items[int(number * step)] for number in range(options.limit)]
    return folder


def _run_harmonizer(options: argparse.Namespace) -> None:
    from harmaug.data.folder import HarmonyFolder
    from harmaug.evaluation.files import text_table, write_csv, write_json, write_text
    from harmaug.evaluation.harmonizer import score, score_rows, summarize_scores
    from harmaug.evaluation.harmonizer_report import harmonizer_report, score_table
    from harmaug.evaluation.predictions import find_predictions

    paths = _output_paths(options, _SCORE_FILES)
    folder = HarmonyFolder(
        options.data, options.split, composites=True, skip_missing=options.skip_missing
    )
    found = find_predictions(options.predictions, folder.items, skip_missing=options.skip_missing)
    _check_scenes(options, folder.items)
    missing = len(folder) - len(found)
    scores = score(found, options.size)
    figures = summarize_scores(scores, options.scenes, options.seed)
    settings = {
        name: getattr(options, name)
        for name in ("predictions", "data", "split", "size", "scenes", "seed")
    }
    settings["missing"] = missing
    html = harmonizer_report(scores, figures, settings)

    options.output.mkdir(parents=True, exist_ok=True)
    write_json(paths[0], {"settings": settings, "figures": figures})
    write_csv(paths[1], score_rows(scores))
    write_text(paths[2], html)
    print(text_table(score_table(figures)))
    if missing:
        print(f"Left out {missing} composites without a prediction.")
    print(f"Wrote {', '.join(_SCORE_FILES)} to {options.output}.")


def _output_paths(options: argparse.Namespace, names: Sequence[str]) -> list[Path]:
    """Where results go; raise before any work if they cannot."""
    if options.output.exists() and not options.output.is_dir():
        raise NotADirectoryError(f"{options.output} is a file; name a folder to write to.")
    paths = [options.output / name for name in names]
    check_outputs(paths, options.force)
    return paths


def _check_scenes(options: argparse.Namespace, items: Sequence[HarmonyItem]) -> None:
    from harmaug.evaluation.pairs import look_like_cameras

    if options.scenes == "photo" and look_like_cameras(items):
        warnings.warn(
            "these photos are named like those of a few static cameras; if they are, only "
            "--scenes prefix gives honest intervals.",
            stacklevel=2,
        )


def _size(text: str) -> int | None:
    return None if text == "native" else count(text)
