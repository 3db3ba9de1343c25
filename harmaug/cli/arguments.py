"""Arguments and checks that several commands share."""

from __future__ import annotations

import argparse
import math
import shlex
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Commands = Any  # argparse's subparsers action, whose type has no public name

CHECKPOINT = "unified"


def add_command(
    commands: Commands, name: str, summary: str, examples: str, details: str = ""
) -> argparse.ArgumentParser:
    """Return a new command's parser; the summary is also its line in ``harmaug --help``."""
    text = f"{summary[0].upper()}{summary[1:]}. {details}"
    text = textwrap.fill(text, 79, break_on_hyphens=False)
    return commands.add_parser(
        name,
        help=summary,
        description=f"{text}\n\nexamples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_output(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=None if default is None else Path(default),
        required=default is None,
        help="folder to write to; it is made if it does not exist"
        + ("" if default is None else f" (default: {default})"),
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def add_sampling(parser: argparse.ArgumentParser, n: int, several: bool = False) -> None:
    parser.add_argument(
        "-n", type=count, default=n, metavar="N", help=f"composites for each photo (default: {n})"
    )
    parser.add_argument(
        "--checkpoint",
        nargs="+" if several else None,
        default=[CHECKPOINT] if several else CHECKPOINT,
        metavar="NAME",
        help=f"name or path of a checkpoint (default: {CHECKPOINT}; harmaug info lists them); "
        "filters stands for hand-made ones"
        + ("; composites are spread over several" if several else ""),
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="another seed gives other composites (default: 0)",
    )
    parser.add_argument(
        "--strength",
        type=number,
        default=1.0,
        metavar="X",
        help="0 keeps the colours of the photo, 1 takes the sampled ones (default: 1)",
    )
    parser.add_argument(
        "--spatial",
        type=number,
        default=1.0,
        metavar="X",
        help="how much the change varies across a foreground; 0: not at all (default: 1)",
    )


def whole_number(low: int, high: float = math.inf) -> Callable[[str], int]:
    """Return the type of an argument that is a whole number from ``low`` to ``high``."""
    limits = f"of at least {low}" if high == math.inf else f"from {low} to {high}"

    def integer(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number {limits}, got {text!r}")
        return int(text)

    return integer


count, whole, seed = whole_number(1), whole_number(0), whole_number(0, 2**63 - 1)


def number(text: str) -> float:
    """Return a finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return value


def check_outputs(paths: Sequence[Path], force: bool, inputs: Sequence[Path] = ()) -> None:
    """Raise if one of the files to write exists, unless forced, or is an input, even if forced."""
    for folder in {path.parent for path in paths}:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder} exists and is a file; name a folder to write to.")
    found = [path for path in paths if path.exists()]
    for path in found:
        if any(source.exists() and path.samefile(source) for source in inputs):
            raise FileExistsError(
                f"{path} is an input of this command and is never replaced: choose another folder."
            )
    if found and not force:
        names = ", ".join(str(path) for path in found[:3]) + (", ..." if found[3:] else "")
        exist = f"{len(found)} files exist" if found[1:] else "a file exists"
        raise FileExistsError(f"{exist} ({names}): choose another folder, or --force to replace.")


def typed_command(arguments: Sequence[str]) -> str:
    """Return the command line as a shell takes it; of absolute paths only the last two parts."""
    return shlex.join(["harmaug", *map(_without_place, arguments)])


def _without_place(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    path = Path(value)
    return option + equals + (str(Path(*path.parts[1:][-2:])) if path.is_absolute() else value)
