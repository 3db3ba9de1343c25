"""A stand-in for ``torch.cuda`` on a CPU: graphs are recorded and replayed, streams are counted."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Operations that a GPU would have to be waited for.
READS = ("_local_scalar_dense", "nonzero", "equal")


def photos(
    count: int = 2, seed: int = 0, side: int = 48, device: str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Return photos (B, 3, H, W) and masks (B, 1, H, W) of noise."""
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(count, 3, side, side, generator=generator)
    mask = torch.rand(count, 1, side, side, generator=generator).round()
    return real.to(device), mask.to(device)


class Graph(TorchDispatchMode):
    """Records operations, and does them again on the very tensors of the recording."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, Any]] = []
        self.replays = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        # A replay would not draw anew.
        if any(name in str(function) for name in (*READS, "rand")):
            raise RuntimeError(f"{function} is not permitted while a stream is captured")
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        self.steps.append((function, args, kwargs, result))
        return result

    def replay(self) -> None:
        """Do all steps again; results go where those of the recording are."""
        self.replays += 1
        for function, args, kwargs, result in self.steps:
            again = function(*args, **kwargs)
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                # A view shows what is there.
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class Cuda(types.SimpleNamespace):
    """What harmaug takes from ``torch.cuda``."""

    def __init__(self) -> None:
        self.graphs: list[Graph] = []
        self.calls: list[str] = []
        self.capturing = False
        self.fails: Exception | None = None
        self.current = StreamDouble(self, "main")

    def CUDAGraph(self) -> Graph:
        self.graphs.append(Graph())
        return self.graphs[-1]

    @contextlib.contextmanager
    def graph(
        self, graph: Graph, pool: Any, stream: StreamDouble, **options: Any
    ) -> Iterator[None]:
        before, self.current = self.current, stream
        with graph:
            yield
        if self.fails is not None:
            raise self.fails  # as the end of a capture does, before it restores the stream
        self.current = before

    def is_current_stream_capturing(self) -> bool:
        return self.capturing

    def graph_pool_handle(self) -> tuple[int, int]:
        return 0, 1

    def device_of(self, tensor: Tensor) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def current_stream(self, device: Any = None) -> StreamDouble:
        return self.current

    def Stream(self, device: Any = None) -> StreamDouble:
        return StreamDouble(self, "side")

    def Event(self) -> EventDouble:
        return EventDouble(self)

    @contextlib.contextmanager
    def stream(self, stream: StreamDouble) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


class StreamDouble:
    """Says who waits for whom."""

    def __init__(self, cuda: Cuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_stream(self, other: StreamDouble) -> None:
        self.cuda.calls.append(f"{self.name} waits for {other.name}")

    def wait_event(self, event: EventDouble) -> None:
        self.cuda.calls.append(f"{self.name} waits for what {event.stream} did")

    def record_event(self) -> EventDouble:
        event = EventDouble(self.cuda)
        event.record()
        return event


class EventDouble:
    """Remembers the stream that it was recorded in."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda, self.stream = cuda, "nothing"

    def record(self) -> None:
        self.stream = self.cuda.current.name

    def wait(self) -> None:
        self.cuda.calls.append(f"{self.cuda.current.name} waits for what {self.stream} did")

    def synchronize(self) -> None:
        self.cuda.calls.append(f"Python waits for what {self.stream} did")
