"""Draw one LUT a sample and apply it to every view, whatever the views' layout."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from harmaug.adapters.containers import clone, describe, is_sequence, rebuild
from harmaug.augment import SycoNetAugment
from harmaug.inputs import SPACES, Space
from harmaug.lut.ops import composite_lut

_TOLERANCE = 0.02  # a mask resized with a cubic filter overshoots a little


class Decision(NamedTuple):
    """What happens to R samples: their LUTs, and which have a foreground to recolour at all."""

    augment: SycoNetAugment
    space: Space
    luts: Tensor | None  # (R, 3, D, D, D); None where no sample has a foreground
    foreground: Tensor  # (R,), bool

    def pick(self, index: Sequence[int]) -> Decision:
        """The decision for some of the samples, repeated as often as they are named."""
        luts = None if self.luts is None else self.luts[list(index)]
        return self._replace(luts=luts, foreground=self.foreground[list(index)])


def decide(
    augment: SycoNetAugment, real: Tensor, mask: Tensor, space: Space, **options: Any
) -> Decision:
    """Sample a LUT for each photo; those with an empty mask do not go through the encoder.

    Args:
        real: (R, 3, H, W) in ``space``, or uint8.
        mask: (R, 1, H, W), floating point in [0, 1].
        options: for `SycoNetAugment.sample`.
    """
    if augment.device.type == "cuda" and get_worker_info() is not None:
        raise RuntimeError(
            f"the augmenter is on {augment.device} inside a DataLoader worker, where CUDA cannot "
            "be used; keep it on the CPU there (augment.cpu()) or wrap the loader with "
            "AugmentedLoader, which runs in the main process."
        )
    foreground = mask.flatten(1).any(1).cpu()
    rows = foreground.nonzero().squeeze(1)
    if not len(rows):
        return Decision(augment, space, None, foreground)
    photos, masks = (move(rows_of(value, rows), augment.device) for value in (real, mask))
    if photos.dtype == torch.uint8:
        photos = photos.float() / 255
    drawn = augment.sample(photos, masks, 1, space=space, **options)[:, 0]
    luts = drawn
    if len(rows) < len(foreground):
        luts = drawn.new_zeros(len(foreground), *drawn.shape[1:])
        luts[rows.to(drawn.device)] = drawn
    return Decision(augment, space, luts, foreground)


def paint(decision: Decision, real: Tensor, mask: Tensor) -> Tensor:
    """Recolour photos as decided; a sample without foreground gives its photo back.

    Args:
        real: (R, 3, H, W) in the decision's space or uint8, at any size.
        mask: (R, 1, H, W), floating point in [0, 1].

    Returns:
        The shape and dtype of ``real``, on the augmenter's device.
    """
    augment, space, luts, foreground = decision
    if luts is None:
        return real.clone()  # a host may write into its composite, which must not be its real
    photos, masks = move(real, augment.device), move(mask, augment.device)
    if not foreground.all():
        masks = masks * foreground.to(masks).view(-1, 1, 1, 1)
    if photos.dtype == torch.uint8:
        return composite_lut(photos, masks, luts)
    return augment.apply(luts, photos, masks, space=space)


def recolour(
    composite: Any, real: Any, mask: Any, rows: Sequence[int], size: int, decision: Decision
) -> Any:
    """A view with the composites of some samples replaced.

    Args:
        composite: (B, 3, H, W), (B, F, 3, H, W) with F frames of each sample, a list of such
            tensors, or a list of B tensors (3, H, W) of any size.
        real, mask: laid out as ``composite``, masks with 1 channel or without that axis.
        rows: the samples that ``decision`` is about.
        size: B.
    """
    layout = composite, real, mask
    if all(isinstance(value, Tensor) for value in layout):
        masks = as_mask(mask, real)
        if composite.shape != real.shape or len(real) != size:
            raise ValueError(
                f"composite must be {(size, *real.shape[1:])} as its real, "
                f"got {tuple(composite.shape)}."
            )
        photos, masks = rows_of(real, rows), rows_of(masks, rows)
        if real.ndim == 4:
            return write(composite, rows, paint(decision, photos, masks))
        frames = real.shape[1]
        repeated = decision.pick([i for i in range(len(rows)) for _ in range(frames)])
        painted = paint(repeated, photos.flatten(0, 1), masks.flatten(0, 1))
        return write(composite, rows, painted.unflatten(0, (len(rows), frames)))
    if not all(is_sequence(value) and len(value) == len(composite) for value in layout):
        raise TypeError(
            "composite, real and mask of a view must be laid out alike (tensors, or lists of one "
            f"length), got {', '.join(map(describe, layout))}."
        )
    if not all(isinstance(value, Tensor) and value.ndim == 3 for value in composite):
        views = zip(composite, real, mask, strict=True)
        return rebuild(composite, [recolour(*view, rows, size, decision) for view in views])
    if len(composite) != size:
        raise ValueError(f"a list of samples must hold {size} tensors, got {len(composite)}.")
    items = list(composite)
    for position, row in enumerate(rows):
        one = decision.pick([position])
        items[row] = recolour(composite[row][None], real[row][None], mask[row][None], [0], 1, one)[
            0
        ]
    return rebuild(composite, items)


def write(old: Tensor, rows: Sequence[int], new: Tensor) -> Tensor:
    """A copy of ``old`` with some rows new; dtype, device, strides and pinning of ``old``."""
    changed = clone(old)
    index = torch.as_tensor(rows, dtype=torch.int64, device=old.device)
    changed[index] = new.to(old.device, old.dtype)
    return changed


def as_mask(mask: Tensor, real: Tensor) -> Tensor:
    """The mask with one channel and floating point in [0, 1]; raise unless it fits ``real``.

    Args:
        mask: (..., 1, H, W) or (..., H, W), bool or floating point in [0, 1].
        real: (..., 3, H, W).
    """
    *batch, _, height, width = real.shape
    shapes = (*batch, 1, height, width), (*batch, height, width)
    if tuple(mask.shape) not in shapes:
        raise ValueError(
            f"mask must be {shapes[0]} or {shapes[1]} to match real {tuple(real.shape)}, "
            f"got {tuple(mask.shape)}."
        )
    if mask.device != real.device:
        raise ValueError(
            f"real is on {real.device} but its mask on {mask.device}; "
            "move the whole batch to one device."
        )
    mask = mask.reshape(shapes[0])
    if mask.dtype == torch.bool:
        return mask.float()
    if not mask.is_floating_point():
        raise TypeError(
            f"mask must be bool or floating point in [0, 1], got {mask.dtype}; "
            "divide an 8-bit mask by 255."
        )
    low, high = (value.item() for value in mask.aminmax()) if mask.numel() else (0.0, 1.0)
    if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
        raise ValueError(
            f"mask spans [{low:.3g}, {high:.3g}], expected [0, 1] without NaN, 1 = foreground."
        )
    return mask if low >= 0 and high <= 1 else mask.clamp(0, 1)


def check_real(real: Tensor, space: Space, name: str) -> None:
    """Raise unless photos (B, 3, H, W) can be of their space; warn where they hardly can.

    Values that decode to a place outside [0, 1] are of another one (`Space.check`). A narrower
    space inside a wider one cannot be told by that; but several photos that reach both ends of
    the narrower one and never leave it are most likely of the narrower.
    """
    if real.dtype == torch.uint8:
        if space.name != "unit":
            raise ValueError(f"{name} is uint8, so its space is 'unit', not {space.name!r}.")
        return
    extremes = torch.stack((real.amin((0, 2, 3)), real.amax((0, 2, 3))))
    extremes = extremes.double().view(2, 3, 1, 1)
    space.check(space.decode(extremes), name)
    if len(real) < 2 or space.name == "custom":
        return
    for other in SPACES.values():
        low, high = (value.item() for value in other.decode(extremes).aminmax())
        if other != space and -1e-3 < low < _TOLERANCE and 1 - _TOLERANCE < high < 1 + 1e-3:
            warnings.warn(
                f"{name} fills the range of space {other.name!r} exactly, but space "
                f"{space.name!r} is declared; declare the space your loader really uses.",
                stacklevel=2,
            )


def rows_of(value: Tensor, rows: Sequence[int] | Tensor) -> Tensor:
    """Some rows of a tensor; the tensor itself where these are all."""
    if len(rows) == len(value):  # rows are sorted and distinct, so these are all
        return value
    return value[torch.as_tensor(rows, dtype=torch.int64, device=value.device)]


def move(value: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device."""
    # Only a copy to the GPU may run ahead: one to the CPU could be read before it has arrived.
    return value.to(device, non_blocking=device.type == "cuda")
