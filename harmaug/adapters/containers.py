"""Batches as trees: values are read and replaced by path, and containers on the way are copied.

A batch is nested dicts, lists and tuples (named ones and subclasses too) with tensors, strings or
anything else as leaves. Nothing here writes to its arguments.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

_CHANNELS = 4  # at most, in pictures whose channels come last


class Path(NamedTuple):
    """Place of a value in a batch: keys and indices, and a slice of its channels or None.

    Attributes:
        keys: steps from the batch to the value.
        channels: slice of the value's channels.
        last: whether they are its last axis; else they stand before height and width.
    """

    keys: tuple[Any, ...]
    channels: slice | None = None
    last: bool = False

    @classmethod
    def of(cls, spec: PathLike, last: bool = False) -> Path:
        """Return the path of ``"comp"``, ``2``, ``("views", 0)`` or ``"inputs[:3]"``.

        A string is a dict key that may end in a channel slice; an integer is an index (or an
        integer key); a tuple goes down step by step, its parts taken as they are, and may end in
        a slice of channels.
        """
        if isinstance(spec, Path):
            return spec
        if isinstance(spec, str) and spec.endswith("]") and ":" in spec:
            key, _, bounds = spec[:-1].rpartition("[")
            try:
                start, stop = (int(bound) if bound.strip() else None for bound in bounds.split(":"))
            except ValueError:
                raise ValueError(
                    f"a channel slice is written 'key[start:stop]', got {spec!r}."
                ) from None
            return cls((key,), slice(start, stop), last)
        if isinstance(spec, (str, int)):
            return cls((spec,), last=last)
        if isinstance(spec, tuple) and spec:
            if isinstance(spec[-1], slice):
                return cls(spec[:-1], spec[-1], last)
            return cls(spec, last=last)
        raise TypeError(
            "a field must be a dict key, an index, a tuple of these, or one of them with a "
            f"channel slice ('inputs[:3]', (0, slice(3))), got {spec!r}."
        )

    def __str__(self) -> str:
        steps = "".join(f"[{key!r}]" for key in self.keys)
        if self.channels is None:
            return steps
        bounds = ("" if b is None else str(b) for b in (self.channels.start, self.channels.stop))
        return f"{steps}[..., {':'.join(bounds)}{']' if self.last else ', :, :]'}"

    def get(self, batch: Any) -> Any:
        """Return the value at this path; raise KeyError or IndexError where there is none."""
        value = batch
        for key in self.keys:
            try:
                if isinstance(value, (str, bytes, Tensor)):
                    raise TypeError
                value = value[key]
            except (KeyError, IndexError, TypeError):
                kind = IndexError if isinstance(value, Sequence) else KeyError
                raise kind(f"no field {self} here; there is {describe(batch)}") from None
        if self.channels is None:
            return value
        if not isinstance(value, Tensor) or value.ndim < 3:
            shape = "(..., H, W, C)" if self.last else "(..., C, H, W)"
            raise TypeError(
                f"field {self} slices channels, so it must be a tensor {shape}, "
                f"got {describe(value)}"
            )
        if not self.last and value.shape[-1] <= _CHANNELS < value.shape[-3]:
            raise ValueError(
                f"field {self} slices channels of (..., C, H, W), but {describe(value)} has its "
                "channels last; declare layout='hwc' if all pictures have, or permute it first."
            )
        return value[self._slices]

    @property
    def _slices(self) -> tuple[Any, ...]:
        return (..., self.channels) if self.last else (..., self.channels, slice(None), slice(None))

    def holds(self, batch: Any) -> bool:
        """Return True if there is a value at this path."""
        try:
            self.get(batch)
        except (KeyError, IndexError, TypeError):
            return False
        return True

    def put(self, batch: Any, value: Any) -> Any:
        """Return the batch with ``value`` at this path; everything else is shared, not copied."""
        return self._put(batch, self.keys, value)

    def _put(self, node: Any, keys: tuple[Any, ...], value: Any) -> Any:
        if keys:
            absent = _lacks(node, keys[0])
            below = None if absent else node[keys[0]]
            return with_item(node, keys[0], self._put(below, keys[1:], value))
        if self.channels is None:
            return value
        whole = clone(node)
        whole[self._slices] = value
        return whole


PathLike = str | int | tuple[Any, ...] | Path


def with_item(container: Any, key: Any, value: Any) -> Any:
    """Return a shallow copy of a container, of the same type, with one item set or added last."""
    if isinstance(container, Mapping):
        if not isinstance(container, MutableMapping):
            raise TypeError(
                f"field {key!r} cannot be set in a {type(container).__name__}; give a dict."
            )
        changed: Any = copy.copy(container)
        changed[key] = value
        return changed
    items = copy.copy(container) if isinstance(container, list) else list(container)
    if _lacks(container, key):
        items.append(value)
    else:
        items[key] = value
    return items if isinstance(container, list) else rebuild(container, items)


def _lacks(container: Any, key: Any) -> bool:
    """Return True if an item can be added: an absent dict key, or the index after the last."""
    if isinstance(container, Mapping):
        return key not in container
    return is_sequence(container) and key == len(container)


def rebuild(like: Any, items: Sequence[Any]) -> Any:
    """Return a list, tuple or named tuple of the type of ``like`` with other items."""
    if hasattr(like, "_fields"):  # a named tuple
        return like._make(items)
    return type(like)(items)


def is_sequence(value: Any) -> bool:
    """Return True for a list or a tuple, named or not."""
    return isinstance(value, (list, tuple))


def clone(tensor: Tensor) -> Tensor:
    """Return a copy of the same type and strides, in pinned memory where the original is."""
    if tensor.is_pinned():
        pinned = torch.empty_like(tensor, pin_memory=True).copy_(tensor)
        return pinned.as_subclass(type(tensor))
    return tensor.clone()


def map_values(mapping: Mapping[Any, Any], function: Callable[[Any], Any]) -> Any:
    """Return a copy of a mapping, of its type, with values made from its keys."""
    changed: Any = copy.copy(mapping)
    for key in mapping:
        changed[key] = function(key)
    return changed


def map_tensors(tree: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Return the tree with every tensor replaced; containers are copied, other leaves kept."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, MutableMapping):
        return map_values(tree, lambda key: map_tensors(tree[key], function))
    if is_sequence(tree):
        return rebuild(tree, [map_tensors(item, function) for item in tree])
    return tree


def describe(value: Any) -> str:
    """Return keys, types and shapes of a batch in one line."""
    if isinstance(value, Tensor):
        return "a nested tensor" if value.is_nested else f"{tuple(value.shape)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {describe(item)}" for key, item in value.items()) + "}"
    if is_sequence(value):
        shown = ", ".join(describe(item) for item in value[:4])
        return f"{type(value).__name__}({shown}{', ...' if len(value) > 4 else ''})"
    if hasattr(value, "shape"):
        return f"{type(value).__name__} {tuple(value.shape)}"
    return type(value).__name__
