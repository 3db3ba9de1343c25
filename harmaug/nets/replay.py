"""Replaying work on a GPU as one CUDA graph, for shapes that were seen before.

Deciding on LUTs takes up to 200 small operations. A GPU is done with each sooner than Python asks
for the next. A graph asks for all of them at once.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, cuda, nn

from harmaug.inputs import keep_for

# Graphs of a net, and bytes of their buffers: enough for a loader's batches of 16 small photos.
_MOST, _MOST_BYTES = 32, 2**30
_KNOWN = 1024  # shapes that are remembered without a graph

Work = Callable[..., tuple[Tensor, ...]]


def run(
    net: nn.Module, work: Work, tensors: tuple[Tensor, ...], options: Hashable = ()
) -> tuple[Tensor, ...]:
    """Return ``work(*tensors)``; on a GPU by a CUDA graph, from the third call of a shape on.

    The second call captures the graph and compares its result with that of the usual way, bit for
    bit. Outside inference mode, on other devices, in a stream that is being captured and for
    tensors of other classes there are no graphs. If a capture fails or its result differs, a
    warning says so once and this net does without. New values of the weights count at once; parts
    or weights at another place, as after ``net.to``, begin anew. Settings of torch, such as TF32,
    count as they were at the capture.

    Args:
        net: its weights are all that ``work`` reads besides the tensors.
        work: a function of tensors whose operations depend on no value of theirs.
        tensors: what it is called with, all on one device.
        options: all else that the operations depend on.
    """
    if not (_on_gpu(tensors) and _may_capture()):
        return work(*tensors)
    with _lock:
        if net not in _graphs:
            _graphs[net] = _Graphs()
        graphs = _graphs[net]
    with graphs.lock, cuda.device_of(tensors[0]):
        return graphs.run(net, work, tensors, options)


def _on_gpu(tensors: tuple[Tensor, ...]) -> bool:
    return all(tensor.is_cuda and type(tensor) is Tensor for tensor in tensors)


def _may_capture() -> bool:
    compiling = torch.compiler.is_compiling()
    # Outside inference mode somebody may ask for a gradient.
    inference = not compiling and torch.is_inference_mode_enabled()
    return inference and not cuda.is_current_stream_capturing()


class _Graph:
    """One captured graph, the buffers that it reads and those that it writes."""

    def __init__(self, work: Work, tensors: tuple[Tensor, ...], stream: Any, pool: Any) -> None:
        # Zeros: the comparison fails if a replay does not read its inputs.
        self.given = [torch.zeros_like(tensor) for tensor in tensors]
        self.graph = cuda.CUDAGraph()
        stream.wait_stream(cuda.current_stream())
        # A capture that fails may not restore the stream by itself. It begins outside inference
        # mode, for torch up to 2.10 keeps tensors of the mode for captures of others. Other threads
        # may go on with the GPU: those that load data do.
        with (
            cuda.stream(cuda.current_stream()),
            torch.inference_mode(False),
            cuda.graph(self.graph, pool, stream, capture_error_mode="thread_local"),
            torch.inference_mode(),
        ):
            self.made = work(*self.given)

    @property
    def size(self) -> int:
        """Bytes of the buffers."""
        return sum(each.numel() * each.element_size() for each in (*self.given, *self.made))

    def replay(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for buffer, tensor in zip(self.given, tensors, strict=True):
            buffer.copy_(tensor)
            keep_for(cuda.current_stream(), buffer)
        self.graph.replay()
        return tuple(tensor.clone() for tensor in self.made)


class _Graphs:
    """The graphs of a net. They share their memory, so they run one after the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.off = False
        self.begin([])

    def begin(self, modules: list[nn.Module]) -> None:
        # Where the modules keep parts and weights: going through them takes 0.4 ms a call. Not the
        # modules themselves, for then the net would never be freed.
        self.parts: list[Mapping[str, Any]] = [each._modules for each in modules]
        self.weights: list[Mapping[str, Tensor | None]] = [each._parameters for each in modules]
        self.weights += [each._buffers for each in modules]
        self.places = self.found()
        self.known: set[Hashable] = set()
        self.graphs: dict[Hashable, _Graph] = {}
        self.stream: Any = None
        self.pool: Any = None
        self.free: Any = None  # an event: the last replay is done, in whatever stream it ran

    def found(self) -> list[Hashable]:
        """Return which parts and weights there are, and where."""
        parts = [id(part) for held in self.parts for part in held.values()]
        weights = [each for held in self.weights for each in held.values() if each is not None]
        return [*parts, *((each.data_ptr(), each.numel()) for each in weights)]

    def run(
        self, net: nn.Module, work: Work, tensors: tuple[Tensor, ...], options: Hashable
    ) -> tuple[Tensor, ...]:
        if self.off:
            return work(*tensors)
        if not self.parts or self.found() != self.places:
            if self.free is not None:
                self.free.synchronize()
            self.begin(list(net.modules()))
        key = options, *((each.shape, each.stride(), each.dtype) for each in tensors)
        if key in self.graphs:
            return self.replay(self.graphs[key], tensors)
        result = work(*tensors)  # also compiles kernels and makes constants, as no capture may
        if key in self.known and self.has_room():
            self.capture(key, work, tensors)
        elif len(self.known) < _KNOWN:
            self.known.add(key)
        return result

    def has_room(self) -> bool:
        size = sum(graph.size for graph in self.graphs.values())
        return len(self.graphs) < _MOST and size < _MOST_BYTES

    def replay(self, graph: _Graph, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.free.wait()
        result = graph.replay(tensors)
        self.free.record()
        return result

    def capture(self, key: Hashable, work: Work, tensors: tuple[Tensor, ...]) -> None:
        try:
            if self.free is None:
                self.stream, self.free = cuda.Stream(), cuda.Event()
                self.pool = cuda.graph_pool_handle()
            graph = _Graph(work, tensors, self.stream, self.pool)
            found = self.replay(graph, tensors)
            if not all(map(torch.equal, found, work(*graph.given))):
                raise RuntimeError("its result differs from that of the usual way")
        except RuntimeError as error:  # out of memory is one
            self.off = True
            self.begin([])
            warnings.warn(
                f"a CUDA graph failed, so this augmenter does without and takes longer: {error}; "
                "if other work on the GPU fails now, leave aug.net.graphs at False.",
                stacklevel=2,
            )
        else:
            self.graphs[key] = graph


_graphs: WeakKeyDictionary[nn.Module, _Graphs] = WeakKeyDictionary()
_lock = threading.Lock()
