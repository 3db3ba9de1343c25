"""The state of a training in one safetensors file: net, optimizer, and what round it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from harmaug.io.atomic import atomic_write


def save_state(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Write a training's state, whole or not at all.

    Args:
        path: file to write.
        net: the module that is trained.
        optimizer: its optimizer; tensors only in its state, as Adam has.
        progress: JSON-able figures to get back.
    """
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    with atomic_write(path) as temporary:
        safetensors.torch.save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            temporary,
            {"progress": json.dumps(progress)},
        )


def load_state(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a saved state back into net and optimizer; returns the progress."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            progress = json.loads((file.metadata() or {})["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except KeyError:
        raise ValueError(f"{path} is no state of a training: it does not say how far.") from None
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} is no state of a training: {error}.") from None
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            states.setdefault(int(index), {})[key] = value
    net.load_state_dict(
        {name.removeprefix("net."): v for name, v in tensors.items() if name.startswith("net.")}
    )
    optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
    return progress
