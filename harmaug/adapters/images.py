"""One image or mask as a tensor and back: NumPy arrays, PIL images, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# Faint edges alone can reach only 1 of 255, but never over this share of a picture.
_LABEL_SHARE = 0.01


def image_tensor(image: Any, name: str) -> Tensor:
    """An image as (1, 3, H, W), uint8 or floating point, of the values it has.

    Args:
        image: array (H, W, 3), PIL image in mode RGB or tensor (3, H, W).
        name: what to call it in messages.
    """
    if isinstance(image, Image.Image):
        if image.mode != "RGB":
            raise ValueError(
                f"{name} must be a PIL image in mode RGB, got mode {image.mode}; "
                "use image.convert('RGB')."
            )
        image = np.array(image)
    if isinstance(image, np.ndarray):
        if image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"{name} must be an array (H, W, 3), got {image.shape}.")
        tensor = torch.from_numpy(_owned(image)).permute(2, 0, 1)
    elif isinstance(image, Tensor):
        if image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(f"{name} must be a tensor (3, H, W), got {tuple(image.shape)}.")
        tensor = image.as_subclass(Tensor)
    else:
        raise TypeError(
            f"{name} must be an array, a PIL image or a tensor, got {type(image).__name__}."
        )
    if tensor.dtype != torch.uint8 and not tensor.is_floating_point():
        raise TypeError(f"{name} must be uint8 or floating point, got {tensor.dtype}.")
    return tensor.unsqueeze(0)


def mask_tensor(mask: Any, name: str) -> Tensor:
    """A mask as (1, 1, H, W), bool or floating point; 8-bit masks are divided by 255.

    Args:
        mask: array (H, W) or (H, W, 1), PIL image in mode L or 1, or tensor (H, W) or (1, H, W).
        name: what to call it in messages.
    """
    if isinstance(mask, Image.Image):
        if mask.mode not in ("L", "1"):
            raise ValueError(
                f"{name} must be a PIL image in mode L or 1, got mode {mask.mode}; "
                "use mask.convert('L')."
            )
        mask = np.array(mask)
    if isinstance(mask, np.ndarray):
        if mask.ndim == 3 and mask.shape[2] == 1:
            mask = mask[..., 0]
        mask = torch.from_numpy(_owned(mask))
    if not isinstance(mask, Tensor):
        raise TypeError(
            f"{name} must be an array, a PIL image or a tensor, got {type(mask).__name__}."
        )
    mask = mask.as_subclass(Tensor)
    if mask.ndim == 3 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim != 2:
        raise ValueError(f"{name} must have one channel, got shape {tuple(mask.shape)}.")
    if mask.dtype == torch.uint8:
        if mask.amax() == 1 and (mask == 1).float().mean() > _LABEL_SHARE:
            raise ValueError(
                f"{name} is uint8 with values 0 and 1 only, expected 0 to 255; "
                "for a mask of labels pass mask > 0."
            )
        mask = mask.float() / 255
    return mask[None, None]


def image_like(image: Tensor, old: Any) -> Any:
    """A tensor (1, 3, H, W) as an image of the type of ``old``."""
    image = image[0]
    dtype = old.dtype if isinstance(old, Tensor) else None
    if isinstance(old, Tensor):
        if image.dtype.is_floating_point != old.dtype.is_floating_point:
            raise TypeError(f"composite is {old.dtype} but real is {image.dtype}.")
        # as_subclass keeps tv_tensors what they are
        return image.to(old.device, dtype).as_subclass(type(old))
    array = image.permute(1, 2, 0).contiguous().cpu().numpy()
    if isinstance(old, Image.Image):
        if array.dtype != np.uint8:
            raise TypeError(f"composite is a PIL image but real is {array.dtype}.")
        return Image.fromarray(array)
    if (array.dtype == np.uint8) != (old.dtype == np.uint8):
        raise TypeError(f"composite is {old.dtype} but real is {array.dtype}.")
    return array.astype(old.dtype, copy=False)


def _owned(array: np.ndarray) -> np.ndarray:
    """The array, copied where torch cannot share it: negative strides or read-only memory."""
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        return array.copy()
    return array
