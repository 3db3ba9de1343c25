"""The command line: ``harmaug COMMAND``; one module a command.

A command's module has ``register(commands)``, which declares its arguments and sets ``run``.
Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from harmaug.cli import augment, convert, demo, evaluate, fit_luts, generate, info, luts, train
from harmaug.cli.arguments import typed_command

_COMMANDS = (demo, augment, generate, luts, info, fit_luts, train, evaluate, convert)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument as every other error is reported: in one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"harmaug: error: {message} (see {self.prog} --help).", file=sys.stderr)
        raise SystemExit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: what follows the program's name; None takes them from the command line.

    Returns:
        The exit code: 0 done, 1 done but for some of the input, 2 wrong arguments or input, 130
        interrupted. Errors of the program itself are not caught.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(arguments)
    options.typed = typed_command(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _note
            return options.run(options) or 0
    except KeyboardInterrupt:
        print("harmaug: interrupted.", file=sys.stderr)
        return 130
    except (ImportError, OSError, ValueError) as error:
        print(f"harmaug: error: {_sentence(error)}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="harmaug",
        description="Learnable augmentation for image harmonization: from a real photo and its\n"
        "foreground mask to plausible composites.",
        epilog="examples:\n"
        "  harmaug demo\n"
        "  harmaug augment photo.jpg mask.png -n 8 -o composites --sheet\n"
        "  harmaug COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"harmaug {info.version()}")
        parser.exit()


def _note(message: Warning | str, *_: object, **__: object) -> None:
    print(f"harmaug: note: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split())
