"""Progress of a training, its state in a file, and its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from harmaug.io.atomic import atomic_write


@dataclass
class Progress:
    """Progress of a training."""

    round: int = 0  # rounds that are done
    seconds: float = 0.0  # time spent on them, without figures
    best: float | None = None  # the best score so far
    waited: int = 0  # figures since the best


def save_state(
    path: Path, net: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write net, optimizer (Adam, whose state is tensors) and progress, whole or not at all."""
    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with atomic_write(path) as temporary:
        metadata = {"progress": json.dumps(asdict(progress))}
        safetensors.torch.save_file(tensors, temporary, metadata)


def load_state(path: Path, net: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put a saved state back into net and optimizer, and return the progress.

    Raises:
        ValueError: the file holds no state of this training.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            progress = Progress(**json.loads((file.metadata() or {})["progress"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                states.setdefault(int(index), {})[key] = value
        net.load_state_dict({name[4:]: v for name, v in tensors.items() if name[:4] == "net."})
        optimizer.load_state_dict(optimizer.state_dict() | {"state": states})
    except (LookupError, OSError, RuntimeError, TypeError, ValueError, SafetensorError) as error:
        raise ValueError(f"{path} is no state of this training: {error}.") from None
    return progress


class Log:
    """Log of a training: a line of JSON a round in ``log.jsonl``, and TensorBoard events.

    Args:
        folder: folder of ``log.jsonl`` and ``tensorboard/``.
        done: rounds that are done; lines of later rounds are dropped, as they are trained again.
        tensorboard: write events too.
    """

    def __init__(self, folder: Path, done: int, tensorboard: bool = False) -> None:
        self._path = folder / "log.jsonl"
        text = self._path.read_text() if self._path.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()  # a killed process leaves parts of a line
        try:
            kept = [line for line in whole if json.loads(line)["round"] <= done]
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{self._path} is no log of a training: {error}.") from None
        with atomic_write(self._path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept))
        self._board = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(folder / "tensorboard", purge_step=done + 1)

    def write(self, figures: Mapping[str, object]) -> None:
        """Add the figures of the round ``figures["round"]``."""
        with self._path.open("a") as file:
            file.write(json.dumps(figures) + "\n")
        if self._board is not None:
            for name, value in _scalars(figures):
                self._board.add_scalar(name, value, figures["round"])

    def close(self) -> None:
        """Write out the events."""
        if self._board is not None:
            self._board.close()


def _scalars(figures: Mapping[str, object], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, f"{above}{name}/")
        elif isinstance(value, (int, float)):
            yield f"{above}{name}", value
