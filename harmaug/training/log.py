"""A training's log: a line of JSON a round, and TensorBoard events if asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harmaug.io.atomic import atomic_write


class Log:
    """Appends figures to ``log.jsonl``; lines of rounds that are trained again are dropped.

    Args:
        folder: where ``log.jsonl`` and ``tensorboard/`` lie.
        done: rounds that count as done; later lines were written after the last saved state.
        tensorboard: write events too.
    """

    def __init__(self, folder: Path, done: int, tensorboard: bool = False) -> None:
        self._path = folder / "log.jsonl"
        kept = [line for line in _lines(self._path) if json.loads(line)["round"] <= done]
        with atomic_write(self._path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept))
        self._board = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(folder / "tensorboard", purge_step=done + 1)

    def write(self, figures: dict[str, Any]) -> None:
        """Add a round's figures; ``figures["round"]`` says which."""
        with self._path.open("a") as file:
            file.write(json.dumps(figures) + "\n")
        if self._board is not None:
            for name, value in _scalars(figures):
                self._board.add_scalar(name, value, figures["round"])

    def close(self) -> None:
        """Flush the events."""
        if self._board is not None:
            self._board.close()


def _lines(path: Path) -> list[str]:
    """The lines that were written whole: a killed process may leave a part of one."""
    text = path.read_text() if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def _scalars(figures: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _scalars(value, f"{above}{name}/")
        elif isinstance(value, (int, float)):
            yield f"{above}{name}", value
