"""``harmaug convert``: the released SycoNet weights as a checkpoint of this package."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from harmaug.cli.arguments import Commands, add_command, add_output, check_outputs


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "convert",
        "turn the released SycoNet weights into a checkpoint",
        "  harmaug convert pretrained_net_Er.pth pretrained_net_LUTs.pth -o syconet\n"
        "  harmaug augment photo.jpg mask.png --checkpoint syconet -o composites",
        "The numbers stay as they are, only their names change. Code in the files is never run. "
        "The reconstruction branch was not released, so the checkpoint draws composites but cannot "
        "encode known ones.",
    )
    parser.add_argument("encoder", metavar="ER", type=Path, help="pretrained_net_Er.pth")
    parser.add_argument("luts", metavar="LUTS", type=Path, help="pretrained_net_LUTs.pth")
    add_output(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from harmaug.checkpoints import save_checkpoint
    from harmaug.checkpoints.convert import convert

    weights, sources = options.output / "model.safetensors", [options.encoder, options.luts]
    check_outputs([weights, weights.with_suffix(".json")], options.force, sources)
    # A pipe, which can be read only once, is refused by `convert`, as nothing is left in it.
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    net = convert(*sources)
    card = {
        "name": options.output.name,
        "trained_on": None,
        "licence": None,
        "figures": {},
        "note": "Converted; data and terms are those of the files it was made from.",
        "converted_from": digests,
        "command": options.typed,
    }
    save_checkpoint(weights, net, card)
    parameters = sum(value.numel() for value in net.parameters())
    print(f"Wrote a SycoNet of {parameters:,} parameters to {weights}.")
