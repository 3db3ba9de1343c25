"""``harmaug train``: a new generator, or one finetuned on a user's own folders."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmaug.cli.arguments import CHECKPOINT, Commands, add_command, count, number, seed, whole

if TYPE_CHECKING:
    from harmaug.training.config import TrainConfig

# Where the composites differ most between datasets, so does the mixture of ways to make them.
_RECIPES = {"color-transfer": 0.3, "retouch": 0.45, "filters": 0.15}
_ILLUMINANT = 0.1
_BASIS_RATE = 0.05  # learning rate of the LUTs, of the net's

# A finetune starts near its goal: shorter, gentler, and stopped when it no longer improves.
_FINETUNE = {
    "rounds": 24,
    "learning_rate": 5e-4,
    "warmup": 0.02,
    "validate_every": 2,
    "patience": 4,
}


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "train",
        "train a generator, or finetune one on your own photos",
        "  harmaug train --data my_photos --init unified -o mine\n"
        "  harmaug train --data HAdobe5k HFlickr -o both --rounds 40\n"
        "  harmaug train --data webcam photos --recipes transplant=1 --init unified -o daylight\n"
        "  harmaug train --data photos --recipes retouch=1 --transforms looks/ -o retouched\n"
        "  harmaug augment photo.jpg mask.png --checkpoint mine -o composites",
        "Data are folders in the iHarmony4 layout: real_images, masks, and composite_images where "
        "there are composites; recipes make composites of photos without. Of few scenes, or few "
        "pairs, --recipes transplant=1 puts the change of each pair on the other photos too. An "
        "interrupted training goes on when the same command is given once more with --resume.",
    )
    _add_data(parser.add_argument_group("data"))
    _add_settings(parser.add_argument_group("net and training"))
    _add_run(parser.add_argument_group("run"))
    parser.set_defaults(run=_run)


def _add_data(group: Any) -> None:
    group.add_argument(
        "--data",
        metavar="ROOT",
        nargs="+",
        required=True,
        help="subset folders, or folders of subset folders; what their lists <set>_val.txt and "
        "<set>_test.txt name is held out, a tenth of the photos where there are none",
    )
    group.add_argument(
        "--transforms",
        metavar="PATH",
        nargs="+",
        default=[],
        help="looks, white balance and illuminants for the recipes: .cube files, Hald images, "
        ".npz archives, or folders of them",
    )
    group.add_argument(
        "--recipes",
        metavar="NAME=SHARE",
        type=_recipe,
        nargs="+",
        help="how often each recipe makes a composite: color-transfer, retouch, illuminant, "
        "filters, or transplant, which puts the changes of the true pairs on other photos "
        "(default: the first four, as the transforms allow)",
    )
    group.add_argument(
        "--pair-share",
        type=number,
        metavar="SHARE",
        help="share of true pairs where recipes make composites too (default: 0.1)",
    )
    group.add_argument(
        "--size", type=count, help="pixels a side of the photos (default: 96; syconet 256)"
    )
    group.add_argument(
        "--skip-missing", action="store_true", help="go on without samples whose files are absent"
    )


def _add_settings(group: Any) -> None:
    group.add_argument(
        "--init",
        metavar="NAME",
        help="finetune this checkpoint: its name, or the path of one; fewer rounds, a lower "
        "learning rate, and patience are the defaults then",
    )
    group.add_argument(
        "--basis",
        metavar="NAME",
        help="LUTs that a new net starts from: a file of harmaug fit-luts, or a checkpoint "
        f"(default: {CHECKPOINT})",
    )
    group.add_argument(
        "--net", choices=("lite", "syconet"), help="architecture of a new net (default: lite)"
    )
    group.add_argument(
        "--precision",
        choices=("32-true", "bf16-mixed"),
        help="of the nets' arithmetic (default: 32-true); bf16-mixed is for syconet on a GPU",
    )
    group.add_argument("--latent-dim", type=count, metavar="Z", help="of a new net")
    for name, kind, text in (
        ("--rounds", count, "rounds of pairs (default: 80; finetuning 24)"),
        ("--round-pairs", count, "pairs made a round (default: 2048)"),
        ("--passes", count, "passes over the pairs of a round (default: 20)"),
        ("--batch", count, "pairs a step, over all devices (default: 64)"),
        ("--learning-rate", number, "of Adam at its peak (default: 1.5e-3; finetuning 5e-4)"),
        (
            "--kl-weight",
            number,
            "weight of the divergence from the prior (default: 5e-4; finetuning as before)",
        ),
        ("--validate-every", count, "rounds between figures (default: 5; finetuning 2)"),
    ):
        group.add_argument(name, type=kind, help=text, metavar="N" if kind is count else "X")
    group.add_argument(
        "--patience",
        type=whole,
        metavar="N",
        help="stop after N figures without better reconstruction and coverage of held-out pairs, "
        "and keep the best; 0 never stops, and keeps the last (default: 0; finetuning 4)",
    )
    group.add_argument("--seed", type=seed, help="of everything drawn (default: 0)")


def _add_run(group: Any) -> None:
    group.add_argument(
        "-o", "--output", metavar="DIR", type=Path, required=True, help="folder to write to"
    )
    group.add_argument("--resume", action="store_true", help="go on with what was interrupted")
    group.add_argument(
        "--accelerator", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="what runs it"
    )
    group.add_argument(
        "--devices", type=_devices, default=1, metavar="N", help="how many, or auto (default: 1)"
    )
    group.add_argument("--threads", type=count, metavar="N", help="CPU threads a process")
    group.add_argument("--tensorboard", action="store_true", help="write TensorBoard events too")
    group.add_argument("--name", help="what the card calls the checkpoint (default: DIR's name)")
    group.add_argument(
        "--licence", default="Apache-2.0", help="of the weights, for the card (default: Apache-2.0)"
    )
    group.add_argument(
        "--note", help="for the card: terms of the data, what the checkpoint is not for"
    )


def _run(options: argparse.Namespace) -> None:
    import torch

    from harmaug.training.loop import train

    if options.threads:
        torch.set_num_threads(options.threads)
    about = {
        "name": options.name or options.output.resolve().name,
        "licence": options.licence,
        "note": options.note,
        "command": options.typed,
    }
    try:
        train(
            _config(options),
            options.output,
            resume=options.resume,
            accelerator=options.accelerator,
            devices=options.devices,
            tensorboard=options.tensorboard,
            about={name: value for name, value in about.items() if value is not None},
        )
    except KeyboardInterrupt:
        if (options.output / "state.safetensors").exists():
            again = "the same command" + ("" if options.resume else " with --resume")
            print(f"\nharmaug: {again} goes on from the last whole round.", file=sys.stderr)
        raise
    if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
        print(f"Wrote {options.output / 'model.safetensors'}; load it by the folder.")


def _config(options: argparse.Namespace) -> TrainConfig:
    from harmaug.training.config import TrainConfig

    settings: dict[str, Any] = _finetune(options.init) if options.init else {}
    for name in (
        "init",
        "basis",
        "pair_share",
        "size",
        "precision",
        "rounds",
        "round_pairs",
        "passes",
        "batch",
        "learning_rate",
        "kl_weight",
        "validate_every",
        "patience",
        "seed",
    ):
        if (value := getattr(options, name)) is not None:
            settings[name] = value
    if "learning_rate" in settings:
        settings["basis_learning_rate"] = _BASIS_RATE * settings["learning_rate"]
    settings["patience"] = settings.get("patience") or None
    if options.init and (options.net or options.latent_dim or options.basis):
        raise ValueError("--init brings its own net; leave out --net, --latent-dim and --basis.")
    if options.net:
        settings["architecture"] = options.net
    net: dict[str, Any] = {"latent_dim": options.latent_dim} if options.latent_dim else {}
    if options.net == "syconet":
        net["size"] = settings.setdefault("size", 256)
    return TrainConfig(
        data=tuple(options.data),
        transforms=tuple(options.transforms),
        recipes=_recipes(options),
        skip_missing=options.skip_missing,
        net=net,
        **settings,
    )


def _finetune(init: str) -> dict[str, Any]:
    """Gentle settings, with the weight of the divergence that the checkpoint is used to."""
    from harmaug.checkpoints import find_checkpoint
    from harmaug.checkpoints.files import read_card

    before = read_card(find_checkpoint(init)).get("training", {}).get("config", {})
    return _FINETUNE | {name: before[name] for name in ("kl_weight",) if name in before}


def _recipes(options: argparse.Namespace) -> dict[str, float]:
    """The recipes that were named, or all that can be, if there are photos without composites."""
    from harmaug.data.folder import subset_folders
    from harmaug.recipes.transforms import read_transforms

    if options.recipes is not None:
        return dict(options.recipes)
    folders = [folder for root in options.data for folder in subset_folders(Path(root))]
    if all((folder / "composite_images").is_dir() for folder in folders):
        return {}
    if options.transforms and read_transforms(options.transforms).to_standard is not None:
        return _RECIPES | {"illuminant": _ILLUMINANT}
    return dict(_RECIPES)


def _recipe(text: str) -> tuple[str, float]:
    name, equals, share = text.partition("=")
    if not name or not equals or not number(share):
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE, as in retouch=0.5, got {text!r}")
    return name, float(share)


def _devices(text: str) -> int | str:
    return text if text == "auto" else count(text)
