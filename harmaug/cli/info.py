"""``harmaug info``: versions, kernels and checkpoints."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata

from harmaug.cli.arguments import Commands, add_command


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

    from harmaug.checkpoints import list_checkpoints
    from harmaug.lut import backends

    cuda = f"CUDA {torch.version.cuda}" if torch.cuda.is_available() else "no CUDA device"
    print(f"harmaug     {version()}")
    print(f"python      {platform.python_version()}")
    print(f"torch       {torch.__version__}, {torch.get_num_threads()} CPU threads, {cuda}")
    kernels = ", ".join(f"{device}: {kernel}" for device, kernel in backends().items())
    print(f"LUT kernels {kernels}")
    print("checkpoints")
    for name, card in list_checkpoints().items():
        print(f"  {name}: {card}")
