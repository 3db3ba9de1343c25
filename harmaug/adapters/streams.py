"""Random streams of the adapters: torch's global one, or an own one from a seed.

Without a seed everything is drawn from torch's global generator, which DataLoader seeds for each
worker and epoch. With a seed, rank, worker and epoch are folded into it: each worker of each rank
has its own stream in each epoch, the same in every run, and the global generator is not touched.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import get_worker_info

_WORKERS = 1024  # slots of the epoch counter; ids beyond share them


def rank(told: int | None = None) -> int:
    """Return this process's rank in distributed training; ``told`` where nothing says it.

    Raises:
        ValueError: the environment variable RANK is no whole number.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    text = os.environ.get("RANK", "").strip()
    if not text or text == "-1":  # as schedulers and compose files leave it
        return told or 0
    if not text.isdecimal():
        raise ValueError(
            f"the environment variable RANK must be a whole number, got {text!r}; correct it "
            "or unset it."
        )
    return int(text)


def fold(seed: int, *parts: int) -> torch.Generator:
    """Return a generator on the CPU whose stream depends on these numbers alone."""
    state = np.random.SeedSequence([seed, *parts]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & (2**63 - 1))


class WorkerStream:
    """The stream of code that runs in DataLoader workers, which are started again every epoch.

    A new worker is a copy of the object in the main process and knows no earlier epoch. So epochs
    are counted in memory that all copies share, one counter for each worker id. A persistent
    worker keeps its generator.

    Args:
        seed: the seed; None for torch's global generator.
    """

    def __init__(self, seed: int | None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise ValueError(f"seed must be None or an integer >= 0, got {seed!r}.")
        self.seed = seed
        self._rank: int | None = None
        self._epochs: Tensor | None = None
        if seed is not None:
            self._epochs = torch.zeros(_WORKERS, dtype=torch.int64).share_memory_()
        self._process: int | None = None
        self._generator: torch.Generator | None = None

    def generator(self) -> torch.Generator | None:
        """Return this process's generator; None for torch's global one."""
        if self.seed is None or self._epochs is None:
            return None
        if self._process != os.getpid():
            worker = get_worker_info()
            slot = 0 if worker is None else (worker.id + 1) % _WORKERS
            epoch = int(self._epochs[slot])
            self._epochs[slot] += 1
            self._generator = fold(self.seed, rank(self._rank), slot, epoch)
            self._process = os.getpid()
        return self._generator

    def __getstate__(self) -> dict[str, Any]:
        # A spawned worker has not joined the process group, so it is told the rank; and with the
        # generator in it every copy would draw the same.
        return {**self.__dict__, "_rank": rank(self._rank), "_process": None, "_generator": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._epochs is not None and not self._epochs.is_shared():  # pickled or deep-copied
            self._epochs = self._epochs.clone().share_memory_()
