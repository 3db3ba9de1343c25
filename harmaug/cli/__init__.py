"""The command line ``harmaug COMMAND``, one module for each command.

The module of a command has ``register(commands)``, which declares its arguments and sets ``run``.
Heavy packages are imported when a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from harmaug.cli import (
    augment,
    convert,
    demo,
    evaluate,
    explore,
    fit_luts,
    generate,
    info,
    luts,
    train,
)
from harmaug.cli.arguments import typed_command

_COMMANDS = (demo, augment, explore, generate, luts, info, fit_luts, train, evaluate, convert)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong argument as every other error is reported: in one sentence."""

    def error(self, message: str) -> NoReturn:
        print(f"harmaug: error: {message} (see {self.prog} --help).", file=sys.stderr)
        raise SystemExit(2)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()  # here `main` reports that nobody reads the help
        super().exit(status, message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after the program's name; None takes them from the command line.

    Returns:
        The exit code: 0 done, 1 done except for some of the input, 2 wrong arguments or input, 130
        interrupted, 141 the reader of the output has stopped. Errors of the program itself are
        raised.
    """
    _open_streams()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = _parser().parse_args(arguments)
        options.typed = typed_command(arguments)
        with warnings.catch_warnings():
            warnings.showwarning = _note
            code = options.run(options) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("harmaug: interrupted.", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # as of ``harmaug info | head -1``
        code = 141
    except (ImportError, OSError, ValueError) as error:
        print(f"harmaug: error: {_sentence(error)}", file=sys.stderr)
        code = 2
    _drop_output()
    return code


def _open_streams() -> None:
    """Make printing safe: a stream may be absent, or have an encoding without some characters."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # pythonw, services, ``2>&-``
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Send output that cannot be written nowhere, or Python tries again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="harmaug",
        description="Learnable augmentation for image harmonization: make plausible composites\n"
        "from a real photo and its foreground mask.\n\n"
        "examples:\n"
        "  harmaug demo\n"
        "  harmaug augment photo.jpg mask.png -n 8 -o composites --sheet\n"
        "  harmaug augment --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harmaug {info.version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.register(commands)
    return parser


def _note(message: Warning | str, *_: object, **__: object) -> None:
    print(f"harmaug: note: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split())
