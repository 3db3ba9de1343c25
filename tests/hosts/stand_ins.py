"""What stands in for a GPU and for compiled parts of host codebases, in a run on the CPU."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class OnCpu(TorchFunctionMode):
    """Keeps on the CPU what a host puts on a GPU by name."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func is Tensor.cuda:
            return args[0]
        moved = [_on_cpu(value) for value in args]
        named = {key: _on_cpu(value) for key, value in (kwargs or {}).items()}
        if type(named.get("device")) is int:  # a GPU by its index; -1 is the CPU's
            named["device"] = "cpu"
        return func(*moved, **named)


def _on_cpu(value: Any) -> Any:
    named = isinstance(value, (str, torch.device)) and str(value).startswith("cuda")
    return torch.device("cpu") if named else value


def without_gpu(count: int = 0) -> None:
    """Let a host's calls for a GPU by name be served by the CPU.

    Args:
        count: of the GPUs that the host is told of.
    """
    OnCpu().__enter__()
    to = Tensor.to

    def moved(self: Tensor, *args: Any, **options: Any) -> Tensor:
        by_index = bool(args) and type(args[0]) is int
        return to(self, *(("cpu", *args[1:]) if by_index else args), **options)

    Tensor.to = moved  # type: ignore[method-assign, assignment]
    module_to = torch.nn.Module.to

    def module_moved(self: Any, *args: Any, **options: Any) -> Any:
        return self if type(args[0]) is int else module_to(self, *args, **options)

    torch.nn.Module.to = module_moved  # type: ignore[method-assign, assignment]
    torch.nn.Module.cuda = lambda self, *args, **options: self  # type: ignore[method-assign]
    for name in ("set_device", "synchronize", "empty_cache"):
        setattr(torch.cuda, name, lambda *args: None)
    torch.cuda.current_device = lambda: torch.device("cpu")  # type: ignore[assignment,return-value]
    torch.cuda.device_count = lambda: count


def module(name: str, **values: Any) -> types.ModuleType:
    """Put a module in the place of one that is not installed."""
    made = types.ModuleType(name)
    made.__dict__.update(values, __spec__=ModuleSpec(name, None))
    sys.modules[name] = made
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, made)
    return made


def _looked_up(lut: Tensor, image: Tensor) -> Tensor:
    """Return pictures (B, 3, H, W) through a LUT (3, N, N, N) with red as the last axis."""
    luts = lut.expand(len(image), *lut.shape[-4:])
    grid = (2 * image - 1).permute(0, 2, 3, 1)[:, None]
    found = functional.grid_sample(luts, grid, padding_mode="border", align_corners=True)
    return found[:, :, 0]


def trilinear() -> None:
    """Put plain torch in the place of the compiled lookup ``trilinear`` of LUT projects."""

    def forward(lut: Tensor, image: Tensor, output: Tensor, *sizes: Any) -> int:
        output.copy_(_looked_up(lut, image))
        return 1

    def backward(image: Tensor, image_grad: Tensor, lut_grad: Tensor, *sizes: Any) -> int:
        lut = torch.zeros_like(lut_grad, requires_grad=True)
        with torch.enable_grad():
            (found,) = torch.autograd.grad(_looked_up(lut, image), lut, image_grad)
        lut_grad.add_(found)
        return 1

    module("trilinear", forward=forward, backward=backward)


def seen_colours() -> None:
    """Put plain torch in the place of CO2Net's compiled LUTs, made of colours seen in frames."""

    def collect(
        mask: Tensor, lut: Tensor, count: Tensor, image: Tensor, output: Tensor, *sizes: Any
    ) -> int:
        inside = (mask > 0.5).flatten(1)
        for index, weight in _corners(image, lut.shape[-1]):
            weight = (weight * inside)[:, None].expand(-1, 3, -1)
            index = index[:, None].expand(-1, 3, -1)
            count.flatten(2).scatter_add_(2, index, weight)
            lut.flatten(2).scatter_add_(2, index, weight * output.flatten(2))
        return 1

    def divide(lut: Tensor, count: Tensor, *sizes: Any) -> int:
        lut.div_(count.where(count > 0, 1))
        return 1

    def look_up(count: Tensor, lut: Tensor, image: Tensor, output: Tensor, *sizes: Any) -> int:
        total, weights = torch.zeros_like(image).flatten(2), torch.zeros_like(image).flatten(2)
        for index, weight in _corners(image, lut.shape[-1]):
            index = index[:, None].expand(-1, 3, -1)
            known = weight[:, None] * (count.flatten(2).gather(2, index) > 0)
            total += known * lut.flatten(2).gather(2, index)
            weights += known
        output.copy_((total / weights.where(weights > 0, 1)).view_as(image))
        return 1

    def unseen(count: Tensor, image: Tensor, output: Tensor, *sizes: Any) -> int:
        seen = torch.zeros_like(image).flatten(2)
        for index, _ in _corners(image, count.shape[-1]):
            seen += count.flatten(2).gather(2, index[:, None].expand(-1, 3, -1))
        output.copy_((seen == 0).view_as(image))
        return 1

    module("tridistribute", forward=collect, divide=divide)
    module("trilinear", forward=look_up, map_count=unseen)


def _corners(image: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the eight nodes around each colour of pictures (B, 3, H, W), with their weights."""
    place = image.flatten(2) * (size - 1) / 1.000001
    low = place.floor()
    for corner in itertools.product((0, 1), repeat=3):
        node = (low + torch.tensor(corner)[:, None]).clamp(0, size - 1).long()
        weight = (1 - (place - low - torch.tensor(corner)[:, None]).abs()).prod(1)
        yield node[:, 0] + size * node[:, 1] + size**2 * node[:, 2], weight


def untrained(*names: str) -> None:
    """Let a host's networks of torchvision start from random weights, not from a download."""
    from torchvision import models

    for name in names:
        setattr(models, name, partial(_untrained, getattr(models, name)))


def _untrained(network: Any, *_: Any, **options: Any) -> Any:
    options.pop("pretrained", None)
    return network(**{**options, "weights": None})
