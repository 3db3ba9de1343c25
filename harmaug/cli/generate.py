"""``harmaug generate``: a static set of composites from folders of photos and masks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harmaug.cli.arguments import (
    CHECKPOINT,
    Commands,
    add_command,
    add_sampling,
    count,
    number,
    whole,
)

if TYPE_CHECKING:
    from harmaug.generation import Report, Settings


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "generate",
        "make composites of all photos of a folder, as files for any codebase",
        "  harmaug generate iHarmony4 -o augmented -n 10\n"
        "  harmaug generate photos --masks masks -o set --format png\n"
        "  harmaug generate iHarmony4 -o augmented -n 10 --resume\n"
        "  harmaug generate photos -o set --shard 3/16 --workers 8",
        "ROOT is in the iHarmony4 layout, or holds photos, with masks of the same names in a "
        "folder masks. The output is in the iHarmony4 layout, with list files, a manifest and a "
        "sheet. What cannot be read or written is named in generate.log and the exit code is 1.",
    )
    parser.add_argument("root", metavar="ROOT", type=Path, help="photos and their masks")
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder of the set"
    )
    _add_sources(parser)
    add_sampling(parser, n=10)
    _add_set(parser)
    _add_run(parser)
    parser.set_defaults(run=_run)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout",
        choices=("iharmony4", "plain"),
        help="of ROOT (default: iharmony4 where there is a folder real_images)",
    )
    parser.add_argument(
        "--masks", metavar="DIR", type=Path, help="masks of a plain ROOT (default: ROOT/masks)"
    )
    parser.add_argument(
        "--split",
        default="train",
        metavar="NAME",
        help="of subsets with list files, take the photos that <set>_NAME.txt names "
        "(default: train)",
    )
    parser.add_argument("--limit", type=count, metavar="N", help="at most N photos with masks")


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--domains",
        nargs="+",
        metavar="NAME",
        help="several checkpoints, over which the composites are spread, instead of --checkpoint",
    )
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
        type=number,
        default=100.0,
        metavar="MP",
        help="skip photos of more megapixels than this (default: 100)",
    )
    parser.add_argument(
        "--link",
        action="store_true",
        help="hard-link photos and masks where that is possible instead of copying them",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="go on with what was interrupted")
    parser.add_argument(
        "--shard",
        type=_shard,
        default=(1, 1),
        metavar="I/N",
        help="make part I of N; all parts go to one folder, in any order or at once",
    )
    parser.add_argument(
        "--engine",
        default="local",
        choices=("local", "ray"),
        help="processes of this machine, or a Ray cluster (default: local)",
    )
    parser.add_argument(
        "--workers", type=whole, metavar="N", help="processes; 0 for none (default: a core each)"
    )
    parser.add_argument(
        "--device", default="cpu", help="where the net runs: cpu, cuda (default: cpu)"
    )


def _run(options: argparse.Namespace) -> int:
    from harmaug.generation import generate

    try:
        report = generate(
            options.root,
            options.output,
            _settings(options),
            layout=options.layout,
            masks=options.masks,
            split=options.split,
            limit=options.limit,
            shard=options.shard,
            resume=options.resume,
            link=options.link,
            engine=options.engine,
            workers=options.workers,
            device=options.device,
        )
    except KeyboardInterrupt:
        again = "the same command" + ("" if options.resume else " with --resume")
        print(f"\nharmaug: {again} goes on from here.", file=sys.stderr)
        raise
    _tell(report, options)
    return 1 if report.skipped else 0


def _settings(options: argparse.Namespace) -> Settings:
    from harmaug.generation import Settings

    if options.domains and options.checkpoint != CHECKPOINT:
        raise ValueError("give --checkpoint or --domains, not both.")
    return Settings(
        n=options.n,
        checkpoints=tuple(options.domains or [options.checkpoint]),
        strength=options.strength,
        candidates=options.candidates,
        format=options.format,
        quality=options.quality,
        seed=options.seed,
        max_megapixels=options.size_limit,
    )


def _tell(report: Report, options: argparse.Namespace) -> None:
    rate = report.photos / report.seconds if report.photos else 0.0
    print(
        f"Wrote {report.photos * options.n} composites of {report.photos} photos to "
        f"{options.output} ({rate:.1f} photos a second)."
    )
    if report.before:
        print(f"{report.before} were there already.")
    if not report.summarized:
        print("Lists and manifest follow when all shards are done.")
    if report.skipped:
        print(f"harmaug: {report.skipped} skipped, see {report.log}.", file=sys.stderr)


def _shard(text: str) -> tuple[int, int]:
    index, _, parts = text.partition("/")
    if not (index.isdecimal() and parts.isdecimal() and 1 <= int(index) <= int(parts)):
        raise argparse.ArgumentTypeError(f"expected I/N with I from 1 to N, got {text!r}")
    return int(index), int(parts)
