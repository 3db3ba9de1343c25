"""Views of samples: where composite, real and mask of one view are, and their channel axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from harmaug.adapters.containers import Path, describe, is_sequence, rebuild


class Computed(NamedTuple):
    """A value that no path reaches: callables read it from the batch and write it back.

    Attributes:
        read: takes the batch and returns the value.
        write: takes the batch and a new value and returns a new batch; None for what is only read.
        name: what messages call it.
    """

    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any] | None = None
    name: str = "value"

    def __str__(self) -> str:
        return f"{self.name} as its callable gives it"

    def get(self, batch: Any) -> Any:
        """Return the value."""
        return self.read(batch)

    def holds(self, batch: Any) -> bool:
        """Return True: a callable always gives something."""
        return True

    def put(self, batch: Any, value: Any) -> Any:
        """Return the batch with another value."""
        assert self.write is not None
        changed = self.write(batch, value)
        if changed is None or changed is batch:
            raise ValueError(
                f"write of {self.name} must return a new batch and leave the given one as it is, "
                f"got {'None' if changed is None else 'the same batch'}."
            )
        return changed


class View(NamedTuple):
    """One view of the samples: places of its composite, real and mask.

    Attributes:
        composite: replaced.
        real: only read.
        mask: only read.
        last: whether the channels of its tensors come last.
    """

    composite: Path | Computed
    real: Path | Computed
    mask: Path | Computed
    last: bool = False

    @classmethod
    def of(cls, composite: Any, real: Any, mask: Any, last: bool = False) -> View:
        """Return the view with these fields, paths or callables."""
        if callable(composite):
            raise TypeError(
                "composite must be a path or two callables (read, write), got one callable: "
                "nothing would say how a new composite gets into the batch."
            )
        if isinstance(composite, tuple) and len(composite) == 2 and all(map(callable, composite)):
            target: Path | Computed = Computed(*composite, name="composite")
        else:
            target = Path.of(composite, last)
        photo = Computed(real, name="real") if callable(real) else Path.of(real, last)
        alpha = Computed(mask, name=f"mask of {photo}") if callable(mask) else Path.of(mask, last)
        return cls(target, photo, alpha, last)

    @property
    def names(self) -> tuple[str, str]:
        """Names of real and mask for messages."""
        mask = f"mask {self.mask}" if isinstance(self.mask, Path) else self.mask.name
        return f"real {self.real}", mask

    def real_of(self, batch: Any) -> Any:
        """Return the real photos, channels first."""
        return self.first(self.real.get(batch), f"field {self.real}")

    def mask_of(self, batch: Any) -> Any:
        """Return the masks, channels first where they have that axis."""
        mask = self.mask.get(batch)
        return _masks_first(mask, self.real.get(batch)) if self.last else mask

    def old_composite(self, batch: Any, may_lack: bool) -> Any:
        """Return the composites, or the real photos where they may be absent and are."""
        absent = may_lack and not self.composite.holds(batch)
        place = self.real if absent else self.composite
        return self.first(place.get(batch), f"field {place}")

    def put(self, batch: Any, composite: Any) -> Any:
        """Return the batch with new composites, given channels first."""
        return self.composite.put(batch, self.back(composite))

    def back(self, value: Any) -> Any:
        """Return pictures, given channels first, in the host's layout."""
        return _moved(value, -3, -1) if self.last else value

    def first(self, value: Any, name: str) -> Any:
        """Return pictures of the host's layout channels first; ``name``: for messages."""
        if not self.last:
            return value
        for item in _tensors(value):
            if item.ndim < 3 or item.shape[-1] != 3:
                raise ValueError(
                    f"{name} must have its 3 channels last, (..., H, W, 3), as layout='hwc' "
                    f"declares, got {describe(item)}; declare layout='chw' where they come first."
                )
        return _moved(value, -1, -3)


def _tensors(value: Any) -> list[Tensor]:
    if is_sequence(value):
        return [tensor for item in value for tensor in _tensors(item)]
    return [value] if isinstance(value, Tensor) else []


def _moved(value: Any, source: int, target: int) -> Any:
    """Return pictures with their channel axis moved; arrays and PIL images as they are."""
    if is_sequence(value):
        return rebuild(value, [_moved(item, source, target) for item in value])
    return value.movedim(source, target) if isinstance(value, Tensor) else value


def _masks_first(mask: Any, real: Any) -> Any:
    """Return masks with their channel axis, if they have one beside (..., H, W, 3), moved."""
    if is_sequence(mask) and is_sequence(real) and len(mask) == len(real):
        return rebuild(mask, [_masks_first(*pair) for pair in zip(mask, real, strict=True)])
    both = isinstance(mask, Tensor) and isinstance(real, Tensor)
    return mask.movedim(-1, -3) if both and mask.ndim == real.ndim else mask
