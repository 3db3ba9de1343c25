"""Shapes, dtypes and devices of photos and masks, checked without a look at their values."""

from __future__ import annotations

import torch
from torch import Tensor

PHOTO_DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.uint8)
WIDE = (torch.uint16, torch.uint32, torch.uint64)  # torch cannot compare these
_SIGNED = (torch.int8, torch.int16, torch.int32, torch.int64)
_MASK_DTYPES = (*PHOTO_DTYPES, *WIDE, *_SIGNED, torch.bool)


def as_photos(image: Tensor, name: str = "image") -> Tensor:
    """Return photos as (B, 3, H, W), of any values.

    Raises:
        TypeError: no dense tensor, or neither floating point nor uint8.
        ValueError: a shape other than (B, 3, H, W) or (3, H, W).
    """
    _check_dense(image, name)
    if image.ndim not in (3, 4) or image.shape[-3] != 3:
        raise ValueError(f"{name} must be (B, 3, H, W) or (3, H, W), got {tuple(image.shape)}.")
    if image.dtype not in PHOTO_DTYPES:
        raise TypeError(f"{name} must be floating point or uint8, got {image.dtype}.")
    return image if image.ndim == 4 else image.unsqueeze(0)


def as_masks(mask: Tensor, image: Tensor, names: tuple[str, str] = ("image", "mask")) -> Tensor:
    """Return masks as (B, 1, H, W) beside photos (B, 3, H, W), of any values.

    Raises:
        TypeError: no dense tensor, or of a dtype without a reading.
        ValueError: a shape that does not match, or another device.
    """
    batch, height, width = image.shape[0], *image.shape[2:]
    shapes = [(batch, 1, height, width), (batch, height, width)]
    if batch == 1:
        shapes += [(1, height, width), (height, width)]
    _check_dense(mask, names[1])
    if tuple(mask.shape) not in shapes:
        raise ValueError(
            f"{names[1]} must be {shapes[0]} or {shapes[1]} to match {names[0]}, "
            f"got {tuple(mask.shape)}."
        )
    if mask.dtype not in _MASK_DTYPES:
        raise TypeError(f"{names[1]} must be bool, floating point or integers, got {mask.dtype}.")
    if mask.device != image.device:
        raise ValueError(
            f"{names[1]} is on {mask.device} but {names[0]} is on {image.device}; move both to one "
            "device."
        )
    return mask.reshape(batch, 1, height, width)


def _check_dense(value: Tensor, name: str) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}.")
    if value.layout != torch.strided or value.is_nested:
        kind = "nested" if value.is_nested else str(value.layout)
        raise TypeError(f"{name} must be a dense tensor, got a {kind} one.")
