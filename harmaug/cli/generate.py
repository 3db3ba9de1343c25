"""``harmaug generate``: a static set of composites from folders of photos and masks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harmaug.cli.arguments import Commands, add_command, add_sampling, count, megapixels, whole

if TYPE_CHECKING:
    from harmaug.generation import Report


def register(commands: Commands) -> None:
    """Declare the arguments of the command."""
    parser = add_command(
        commands,
        "generate",
        "make composites of all photos of a folder, as files for any codebase",
        "  harmaug generate iHarmony4 -o augmented -n 10 --with-originals\n"
        "  harmaug generate photos --masks masks -o set --format png\n"
        "  harmaug generate photos -o set --checkpoint unified color-transfer --resume\n"
        "  harmaug generate photos -o set --shard 3/16 --workers 8",
        "ROOT is in the iHarmony4 layout, or holds photos, and a folder masks with masks of the "
        "same names. The output is in the iHarmony4 layout, with the list files that DoveNet, "
        "RainNet, iSSAM, HDNet, DiffHarmony and their like read, a manifest and a sheet. "
        "generate.log names what could not be read or written, and the exit code is 1 then.",
    )
    parser.add_argument("root", metavar="ROOT", type=Path, help="photos and their masks")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder of the set"
    )
    _add_sources(parser)
    add_sampling(parser, n=10, several=True)
    _add_set(parser)
    _add_run(parser)
    parser.set_defaults(run=_run)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout",
        choices=("iharmony4", "plain"),
        help="layout of ROOT (default: iharmony4 if there is a folder real_images)",
    )
    parser.add_argument(
        "--masks", metavar="DIR", type=Path, help="masks of plain photos (default: ROOT/masks)"
    )
    parser.add_argument(
        "--split",
        default="train",
        metavar="NAME",
        help="take the photos that <set>_NAME.txt names, where a subset has lists (default: train)",
    )
    parser.add_argument("--limit", type=count, metavar="N", help="take at most N photos with masks")
    parser.add_argument(
        "--with-originals",
        action="store_true",
        help="add the composites that ROOT has to the set and its lists, and carry over its test "
        "and val lists with their files (iHarmony4 layout)",
    )


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--candidates",
        type=count,
        metavar="M",
        help="sample M >= N composites a photo and keep the N hardest",
    )
    parser.add_argument(
        "--format", default="jpg", choices=("jpg", "png"), help="of composites (default: jpg)"
    )
    parser.add_argument(
        "--quality", type=count, default=95, help="of JPEG composites, 1 to 100 (default: 95)"
    )
    parser.add_argument(
        "--size-limit",
        type=megapixels,
        default=100.0,
        metavar="MP",
        help="skip photos of more megapixels than this (default: 100)",
    )
    parser.add_argument(
        "--link",
        action="store_true",
        help="hard-link files of ROOT where that is possible instead of copying them",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resume", action="store_true", help="continue a set that was interrupted"
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="make part I of N; all parts go to one folder, in any order or at the same time",
    )
    parser.add_argument(
        "--engine",
        default="local",
        choices=("local", "ray"),
        help="processes of this machine, or a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--workers", type=whole, metavar="N", help="processes; 0 for none (default: one a core)"
    )
    parser.add_argument(
        "--device", default="cpu", help="where the nets run: cpu or cuda (default: cpu)"
    )


def _run(options: argparse.Namespace) -> int:
    from harmaug.generation import Settings, generate

    settings = Settings(
        n=options.n,
        checkpoints=tuple(options.checkpoint),
        strength=options.strength,
        candidates=options.candidates,
        format=options.format,
        quality=options.quality,
        seed=options.seed,
        max_megapixels=options.size_limit,
    )
    names = "layout masks split limit with_originals shard resume link engine workers device"
    choices = {name: getattr(options, name) for name in names.split()}
    try:
        report = generate(options.root, options.output, settings, **choices)
    except KeyboardInterrupt:
        again = "the same command" + ("" if options.resume else " with --resume")
        print(f"\nharmaug: {again} continues from here.", file=sys.stderr)
        raise
    _print(report, options.output)
    return 1 if report.skipped else 0


def _print(report: Report, output: Path) -> None:
    rate = report.photos / report.seconds if report.photos else 0.0
    carried = f" and added {report.originals} originals" if report.originals else ""
    print(
        f"Wrote {report.composites} composites of {report.photos} photos{carried} to {output} "
        f"({rate:.1f} photos a second)."
    )
    if report.before:
        print(f"{report.before} photos were done before.")
    if not report.summarized:
        print("Lists and manifest follow when all shards are done.")
    if report.skipped:
        print(f"harmaug: {report.skipped} skipped, see {report.log}.", file=sys.stderr)


def _shard(text: str) -> tuple[int, int]:
    index, _, parts = text.partition("/")
    if not (index.isdecimal() and parts.isdecimal() and 1 <= int(index) <= int(parts)):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, got {text!r}")
    return int(index), int(parts)
