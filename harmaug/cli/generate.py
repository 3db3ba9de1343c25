"""``harmaug generate``: a static set of composites from folders of photos and masks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harmaug.cli.arguments import Commands, add_command, add_sampling, count, number, whole

if TYPE_CHECKING:
    from harmaug.generation import Report


def register(commands: Commands) -> None:
    """Declare the arguments of the command."""
    parser = add_command(
        commands,
        "generate",
        "make composites of all photos of a folder, as files for any codebase",
        "  harmaug generate iHarmony4 -o augmented -n 4 --checkpoint retouch --with-originals\n"
        "  harmaug generate photos --masks masks -o set --format png\n"
        "  harmaug generate photos -o set --checkpoint unified color-transfer --resume\n"
        "  harmaug generate photos -o set --shard 3/16 --workers 8",
        "ROOT is in the iHarmony4 layout, or holds photos, and a folder masks with masks of the "
        "same names. The output is in the iHarmony4 layout, with the list files that DoveNet, "
        "RainNet, iSSAM, HDNet, DiffHarmony and their like read, a manifest and a sheet. "
        "generate.log names what could not be read or written, and the exit code is 1 then.",
    )
    add = parser.add_argument
    add("root", metavar="ROOT", type=Path, help="photos and their masks")
    add("-o", "--output", metavar="DIR", type=Path, required=True, help="folder of the set")
    layout = "layout of ROOT (default: iharmony4 if there is a folder real_images)"
    add("--layout", choices=("iharmony4", "plain"), help=layout)
    add("--masks", metavar="DIR", type=Path, help="masks of plain photos (default: ROOT/masks)")
    split = "take the photos of the lists <set>_NAME.txt, where there are lists (default: train)"
    add("--split", metavar="NAME", default="train", help=split)
    add("--limit", metavar="N", type=count, help="take at most N photos with masks")
    originals = (
        "add the composites that ROOT has to the set and to its lists, and carry over its test and "
        "val lists with their files (iHarmony4 layout)"
    )
    add("--with-originals", action="store_true", help=originals)
    add_sampling(parser, n=10, several=True)
    candidates = "sample M >= N composites a photo and keep the N hardest"
    add("--candidates", metavar="M", type=count, help=candidates)
    add("--format", choices=("jpg", "png"), default="jpg", help="of composites (default: jpg)")
    add(
        "--quality",
        metavar="Q",
        type=count,
        default=95,
        help="of JPEG composites, 1 to 100 (default: 95)",
    )
    limit = "skip photos of more megapixels than this (default: 100)"
    add("--size-limit", metavar="MP", type=number, default=100.0, help=limit)
    link = "hard-link files of ROOT where that is possible instead of copying them"
    add("--link", action="store_true", help=link)
    add("--resume", action="store_true", help="continue a set that was interrupted")
    shard = "make part I of N; all parts go to one folder, in any order or at the same time"
    add("--shard", metavar="I/N", type=_shard, default=(1, 1), help=shard)
    engine = "processes of this machine, or a Ray cluster (default: local)"
    add("--engine", choices=("local", "ray"), default="local", help=engine)
    add("--workers", metavar="N", type=whole, help="processes; 0 for none (default: one a core)")
    add("--device", default="cpu", help="where the nets run: cpu or cuda (default: cpu)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from harmaug.generation import Settings, generate

    settings = Settings(
        n=options.n,
        checkpoints=tuple(options.checkpoint),
        strength=options.strength,
        spatial=options.spatial,
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
    _print(report, options)
    return 1 if report.skipped else 0


def _print(report: Report, options: argparse.Namespace) -> None:
    rate = report.photos / report.seconds if report.photos else 0.0
    print(
        f"Wrote {report.photos * options.n} composites of {report.photos} photos to "
        f"{options.output} ({rate:.1f} photos a second)."
    )
    if report.originals:
        print(f"Took in {report.originals} original composites.")
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
