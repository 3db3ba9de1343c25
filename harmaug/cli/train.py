"""``harmaug train``: train a new net, or finetune a checkpoint on a user's own folders."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any, get_args

from harmaug.cli.arguments import Commands, add_command, count, number, whole
from harmaug.training.config import Architecture, Precision, TrainConfig


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "train",
        "train a net, or finetune one on your own photos",
        "  harmaug train --data my_photos --init unified -o mine\n"
        "  harmaug train --data HAdobe5k HFlickr -o both --rounds 40\n"
        "  harmaug train --data webcam photos --recipes transplant=1 --init unified -o daylight\n"
        "  harmaug train --data photos --recipes retouch=1 --transforms looks/ -o retouched\n"
        "  harmaug train --data photos --recipes retouch+relight=0.5 filters+relight=0.5 -o lit\n"
        "  harmaug train --data my_webcam --recipes timelapse=1 --init unified -o mine\n"
        "  harmaug augment photo.jpg mask.png --checkpoint mine -o composites",
        "Data are folders in the iHarmony4 layout: real_images, masks, and composite_images where "
        "there are composites. Recipes make composites of photos without. Where pairs are few, or "
        "show few scenes, --recipes transplant=1 makes the changes of the pairs on other photos "
        "too. Frames of one viewpoint under many lights, such as a webcam's, are data too: "
        "--recipes timelapse=1 puts regions of one frame into another. To continue an interrupted "
        "training, give the same command with --resume.",
    )
    _add_settings(parser.add_argument_group("settings", argument_default=argparse.SUPPRESS))
    _add_run(parser.add_argument_group("run"))
    parser.set_defaults(run=_run)


def _add_settings(group: argparse._ArgumentGroup) -> None:
    """Add an option for each setting; TrainConfig has the defaults of those that are not given."""
    special: dict[str, dict[str, Any]] = {
        "data": {"nargs": "+", "metavar": "ROOT", "required": True},
        "transforms": {"nargs": "+", "metavar": "PATH"},
        "recipes": {"nargs": "+", "metavar": "NAME=SHARE", "type": _recipe},
        "init": {"metavar": "NAME"},
        "basis": {"metavar": "NAME"},
        "architecture": {"choices": get_args(Architecture)},
        "precision": {"choices": get_args(Precision)},
        "skip_missing": {"action": "store_true"},
    }
    for field in dataclasses.fields(TrainConfig):
        option = f"--{field.name.replace('_', '-')}"
        text, span = field.metadata["help"], field.metadata["span"]
        if field.name == "net":
            group.add_argument("--latent-dim", type=count, metavar="Z", help="of a new net")
        elif span is None:
            group.add_argument(option, help=text, **special[field.name])
        else:
            kind, shown = (whole, "N") if isinstance(span[0], int) else (number, "X")
            group.add_argument(option, type=kind, metavar=shown, help=text)


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder to write to"
    )
    group.add_argument("--resume", action="store_true", help="continue an interrupted training")
    kinds = ("auto", "cpu", "cuda", "mps")
    group.add_argument("--accelerator", default="auto", choices=kinds, help="(default: auto)")
    group.add_argument(
        "--devices", type=_devices, default=1, metavar="N", help="number, or auto (default: 1)"
    )
    group.add_argument("--threads", type=count, metavar="N", help="CPU threads of a process")
    group.add_argument("--tensorboard", action="store_true", help="write TensorBoard events too")
    group.add_argument("--name", help="name on the card of the checkpoint (default: that of DIR)")
    group.add_argument(
        "--licence", default="Apache-2.0", help="of the weights, for the card (default: Apache-2.0)"
    )
    group.add_argument(
        "--note", help="for the card: terms of the data, or what the checkpoint is not for"
    )


def _run(options: argparse.Namespace) -> None:
    import torch

    from harmaug.training import train

    if options.threads:
        torch.set_num_threads(options.threads)
    names = [field.name for field in dataclasses.fields(TrainConfig) if field.name in options]
    settings = {name: getattr(options, name) for name in names}
    if "latent_dim" in options:
        settings["net"] = {"latent_dim": options.latent_dim}
    card = {name: getattr(options, name) for name in ("name", "licence", "note")}
    try:
        train(
            TrainConfig(**settings),
            options.output,
            resume=options.resume,
            accelerator=options.accelerator,
            devices=options.devices,
            tensorboard=options.tensorboard,
            card={k: v for k, v in card.items() if v is not None} | {"command": options.typed},
        )
    except KeyboardInterrupt:
        if (options.output / "state.safetensors").exists():
            again = "the same command" + ("" if options.resume else " with --resume")
            print(f"\nharmaug: {again} continues after the last whole round.", file=sys.stderr)
        raise
    if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
        print(f"Wrote {options.output / 'model.safetensors'}; load it by the folder.")


def _recipe(text: str) -> tuple[str, float]:
    name, equals, share = text.partition("=")
    if not name or not equals or not number(share):
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE, as in retouch=0.5, got {text!r}")
    return name, float(share)


def _devices(text: str) -> int | str:
    return text if text == "auto" else count(text)
