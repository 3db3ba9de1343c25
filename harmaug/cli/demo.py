"""``harmaug demo``: composites of the packaged photos, and a contact sheet of them."""

from __future__ import annotations

import argparse

from harmaug.cli.arguments import Commands, add_command, add_output, add_sampling
from harmaug.cli.composites import Source, write_composites


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "demo",
        "make composites of the packaged photos and a contact sheet",
        "  harmaug demo\n  harmaug demo -n 10 --seed 7 -o more",
    )
    add_output(parser, default="harmaug-demo")
    add_sampling(parser, n=6)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from harmaug.data.demo import demo_photos

    sources = [Source(name, photo, mask) for name, photo, mask in demo_photos()]
    write_composites(sources, options, options.output / "sheet.png", columns=2 + options.n)
