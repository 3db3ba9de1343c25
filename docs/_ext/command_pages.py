"""The reference of the command line, made of its argparse parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from harmaug.cli import _parser

_INTRODUCTION = """# Command line

```bash
harmaug demo
harmaug augment photo.jpg mask.png -n 8 -o composites --sheet
harmaug augment --help
```

Each command says on its own what it takes; the same texts stand here. The exit code is 0 if all is
done, 1 if some of the input was left out, 2 for wrong arguments or input.
"""


def pages() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    return {"reference/cli.md": "\n".join([_INTRODUCTION, *_commands(_parser(), "harmaug", 2)])}


def _commands(parser: argparse.ArgumentParser, name: str, level: int) -> Iterator[str]:
    """Yield the sections of all commands below a parser."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        for word, command in action.choices.items():
            yield from _section(command, f"{name} {word}", level)
            yield from _commands(command, f"{name} {word}", level + 1)


def _section(parser: argparse.ArgumentParser, name: str, level: int) -> Iterator[str]:
    text, _, examples = (parser.description or "").partition("\n\nexamples:\n")
    yield f"{'#' * level} {name}\n"
    yield f"{' '.join(text.split())}\n".replace("<", "\\<")
    yield "```bash"
    yield from (line.removeprefix("  ") for line in examples.splitlines())
    yield "```\n"
    yield f"```{{program}} {name}\n```\n"
    for group in parser._action_groups:
        actions = [
            action
            for action in group._group_actions
            if not isinstance(action, (argparse._SubParsersAction, argparse._HelpAction))
        ]
        if actions and group.title not in ("options", "positional arguments"):
            yield f"**{(group.title or '').capitalize()}**\n"
        for action in actions:
            yield from _option(action)


def _option(action: argparse.Action) -> Iterator[str]:
    """Yield a definition of one argument."""
    value = "" if action.nargs == 0 else _value(action)
    names = [f"{option} {value}".strip() for option in action.option_strings] or [value]
    required = action.required and action.option_strings
    yield f":::{{option}} {', '.join(names)}"
    help_text = (action.help or "") % {"default": action.default}
    yield help_text.replace("<", "\\<") + (" (required)" if required else "")
    yield ":::\n"


def _value(action: argparse.Action) -> str:
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else None
    name = action.metavar or choices or action.dest.upper()
    return f"{name} [{name} ...]" if action.nargs == "+" else str(name)
