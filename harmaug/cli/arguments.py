"""Arguments and checks that several commands share."""

from __future__ import annotations

import argparse
import math
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harmaug.augment import SycoNetAugment

Commands = Any  # argparse's subparsers action, whose type has no public name

CHECKPOINT = "unified"


def add_command(
    commands: Commands, name: str, summary: str, examples: str, details: str = ""
) -> argparse.ArgumentParser:
    """A command's parser; the summary is also its line in ``harmaug --help``."""
    description = f"{summary[0].upper()}{summary[1:]}. {details}"
    return commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 79),
        epilog=f"examples:\n{examples}",
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
        help="folder to write to, made where it does not exist"
        + ("" if default is None else f" (default: {default})"),
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")


def add_sampling(parser: argparse.ArgumentParser, n: int) -> None:
    parser.add_argument(
        "-n", type=count, default=n, metavar="N", help=f"composites a photo (default: {n})"
    )
    parser.add_argument(
        "--checkpoint",
        default=CHECKPOINT,
        metavar="NAME",
        help=f"name of a checkpoint, or the path of one (default: {CHECKPOINT}; see harmaug info)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, help="another seed, other composites (default: 0)"
    )
    parser.add_argument(
        "--strength",
        type=strength,
        default=1.0,
        help="0 leaves the photo as it is, 1 takes the sampled colours (default: 1)",
    )


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def whole(text: str) -> int:
    """A whole number from 0 upwards."""
    return 0 if text == "0" else count(text)


def seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to 2^63 - 1, got {text!r}"
        )
    return int(text)


def strength(text: str) -> float:
    return number(text)


def megapixels(text: str) -> float:
    return number(text)


def number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return value


def check_absent(paths: Sequence[Path], force: bool) -> None:
    """Raise FileExistsError, naming the first few, if any of the paths exists; not if forced."""
    found = [path for path in paths if path.exists()]
    if found and not force:
        names = ", ".join(str(path) for path in found[:3]) + (", ..." if found[3:] else "")
        what = f"{len(found)} files exist" if found[1:] else "a file exists"
        raise FileExistsError(f"{what} ({names}): choose another folder, or --force to replace.")


def typed_command(arguments: Sequence[str]) -> str:
    """The command line for a record, as a shell takes it; of absolute paths the last two parts."""
    return shlex.join(["harmaug", *map(_without_place, arguments)])


def _without_place(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    path = Path(value)
    return option + equals + (str(Path(*path.parts[1:][-2:])) if path.is_absolute() else value)


def load_augmenter(checkpoint: str) -> SycoNetAugment:
    from harmaug.augment import SycoNetAugment

    return SycoNetAugment.from_pretrained(checkpoint)
