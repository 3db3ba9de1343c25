"""``harmaug info``: versions, kernels and checkpoints."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata

from harmaug.cli.arguments import Commands, add_command
from harmaug.io.tables import text_table


def register(commands: Commands) -> None:
    parser = add_command(
        commands, "info", "show versions, LUT kernels and checkpoints", "  harmaug info"
    )
    parser.set_defaults(run=_run)


def version() -> str:
    """The installed version of this package."""
    try:
        return metadata.version("harmaug")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _run(options: argparse.Namespace) -> None:
    import torch

    from harmaug.checkpoints import find_checkpoint, list_checkpoints
    from harmaug.checkpoints.files import read_card
    from harmaug.lut import backends

    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    print(f"harmaug {version()}, Python {platform.python_version()}")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads, {cuda}")
    print("\nLUT kernels")
    print(text_table([[device, kernel] for device, kernel in backends().items()]))
    print("\ncheckpoints")
    table = [["name", "net", "size", "latent", "LUTs", "licence", "trained on"]]
    for name, listed in list_checkpoints().items():
        config = read_card(find_checkpoint(name))["config"]
        table.append(
            [
                name,
                listed["architecture"],
                f"{listed['size'] / 1e6:.1f} MB",
                str(config["latent_dim"]),
                f"{config['basis_size']} of {config['lut_size']}^3",
                listed["licence"] or "unstated",
                ", ".join(listed["trained_on"] or ["unstated"]),
            ]
        )
    print(text_table(table))
