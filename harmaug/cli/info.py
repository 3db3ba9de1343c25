"""``harmaug info``: versions, kernels and checkpoints."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata

from harmaug.cli.arguments import Commands, add_command
from harmaug.io.tables import text_table


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "info",
        "show versions, LUT kernels and checkpoints",
        "  harmaug info",
        "A kernel is the program that applies LUTs on a device; torch is the slowest one. The "
        "change by a spatial checkpoint varies across a foreground; the others ignore spatial.",
    )
    parser.set_defaults(run=_run)


def version() -> str:
    """Return the installed version of this package."""
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
    print(text_table([["device", "kernel"], *map(list, backends().items())]))
    print("\ncheckpoints")
    table = [["name", "net", "size", "latent", "spatial", "LUTs", "licence", "trained on"]]
    for name, listed in list_checkpoints().items():
        config = read_card(find_checkpoint(name))["config"]
        size = f"{listed['size'] / 1e6:.1f} MB"
        luts = f"{config['basis_size']} of {config['lut_size']}^3"
        licence = listed["licence"] or "unstated"
        data = ", ".join(listed["trained_on"] or ["unstated"])
        latent, net = str(config["latent_dim"]), listed["architecture"]
        spatial = "yes" if config.get("spatial") or config.get("light") else "no"
        table.append([name, net, size, latent, spatial, luts, licence, data])
    print(text_table(table))
