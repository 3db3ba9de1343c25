"""Replaying work on a GPU as one CUDA graph, for shapes that were seen before.

Deciding on LUTs takes up to 200 small operations. A GPU is done with each sooner than Python asks
for the next. A graph asks for all of them at once.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Hashable, Mapping
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, cuda, nn

_MOST = 32  # graphs of a net, for each keeps memory
_KNOWN = 1024  # shapes that are remembered without a graph

Work = Callable[..., tuple[Tensor, ...]]


def run(
    net: nn.Module, work: Work, tensors: tuple[Tensor, ...], options: Hashable = ()
) -> tuple[Tensor, ...]:
    """Return ``work(*tensors)``; on a GPU by a CUDA graph, from the third call of a shape on.

    The second call captures the graph and compares its result with that of the usual way, bit for
    bit. Graphs are left alone where they cannot be: outside inference mode, for other devices, in a
    stream that is being captured, for tensors of other classes. If a capture fails or its result
    differs, a warning says so once and this net does without. New values of the weights count at
    once; weights at another place, as after ``net.to``, begin anew. Settings of torch, such as
    TF32, count as they were at the capture.

    Args:
        net: its weights are all that ``work`` reads besides the tensors.
        work: a function of tensors whose operations depend on no value of theirs.
        tensors: what it is called with, all on one device.
        options: all else that the operations depend on.
    """
    if not (_on_gpu(tensors) and _may_capture()):
        return work(*tensors)
    with _lock:
        graphs = _graphs.setdefault(net, _Graphs())
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

    def __init__(self, work: Work, tensors: tuple[Tensor, ...], pool: Any) -> None:
        # Other values than the first replay has: were they not read then, it would show.
        self.given = [torch.zeros_like(tensor) for tensor in tensors]
        self.graph, stream = cuda.CUDAGraph(), cuda.Stream()
        stream.wait_stream(cuda.current_stream())
        with cuda.stream(stream):
            work(*self.given)  # what a capture cannot do: compiling kernels, making constants
        cuda.current_stream().wait_stream(stream)
        # Other threads may go on with the GPU: those that load data do.
        with cuda.graph(self.graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            self.made = work(*self.given)

    def replay(self, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for buffer, tensor in zip(self.given, tensors, strict=True):
            buffer.copy_(tensor)
        self.graph.replay()
        return tuple(tensor.clone() for tensor in self.made)


class _Graphs:
    """The graphs of a net. They share their memory, so they run one after the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.off = False
        # Where the modules keep their weights: asking the modules anew would take 0.4 ms a call.
        self.holders: list[Mapping[str, Tensor | None]] = []
        self.places: list[int] = []
        self.known: set[Hashable] = set()
        self.graphs: dict[Hashable, _Graph] = {}
        self.pool: Any = None
        self.free: Any = None  # an event: the last replay is done, in whatever stream it ran

    def forget(self) -> None:
        if self.free is not None:
            self.free.synchronize()
        self.known.clear()
        self.graphs.clear()
        self.pool = self.free = None

    def run(
        self, net: nn.Module, work: Work, tensors: tuple[Tensor, ...], options: Hashable
    ) -> tuple[Tensor, ...]:
        if self.off:
            return work(*tensors)
        if not self.holders:
            modules = list(net.modules())
            self.holders = [each._parameters for each in modules]
            self.holders += [each._buffers for each in modules]
        weights = chain.from_iterable(held.values() for held in self.holders)
        places = [each.data_ptr() for each in weights if each is not None]
        if places != self.places:
            self.forget()
            self.places = places
        key = options, *((each.shape, each.stride(), each.dtype) for each in tensors)
        if key in self.graphs:
            return self.replay(self.graphs[key], tensors)
        result = work(*tensors)
        if key in self.known and len(self.graphs) < _MOST:
            self.capture(key, work, tensors, result)
        elif len(self.known) < _KNOWN:
            self.known.add(key)
        return result

    def replay(self, graph: _Graph, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        self.free.wait()
        result = graph.replay(tensors)
        self.free.record()
        return result

    def capture(
        self,
        key: Hashable,
        work: Work,
        tensors: tuple[Tensor, ...],
        expected: tuple[Tensor, ...],
    ) -> None:
        try:
            if self.free is None:
                self.free, self.pool = cuda.Event(), cuda.graph_pool_handle()
            graph = _Graph(work, tensors, self.pool)
            found = self.replay(graph, tensors)
            if not all(map(torch.equal, found, expected)):
                raise RuntimeError("its result differs from that of the usual way")
        except RuntimeError as error:  # out of memory is one
            self.off = True
            self.forget()
            warnings.warn(
                f"a CUDA graph failed, so this augmenter does without and takes longer: {error}",
                stacklevel=2,
            )
        else:
            self.graphs[key] = graph


_graphs: WeakKeyDictionary[nn.Module, _Graphs] = WeakKeyDictionary()
_lock = threading.Lock()
