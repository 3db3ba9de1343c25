"""One image or mask as a tensor and back: NumPy arrays, PIL images, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.adapters.recolour import check_dtypes


def image_tensor(image: Any, name: str) -> Tensor:
    """Return an image as (1, 3, H, W), in the values it has.

    Args:
        image: array (H, W, 3), PIL image in mode RGB or tensor (3, H, W).
        name: what messages call it.
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
        return _shared(image, name).permute(2, 0, 1).unsqueeze(0)
    if not isinstance(image, Tensor):
        raise TypeError(
            f"{name} must be an array, a PIL image or a tensor, got {type(image).__name__}."
        )
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"{name} must be a tensor (3, H, W), got {tuple(image.shape)}.")
    return image.as_subclass(Tensor).unsqueeze(0)


def mask_tensor(mask: Any, name: str) -> Tensor:
    """Return a mask as (1, 1, H, W), in the values it has.

    Args:
        mask: array (H, W) or (H, W, 1), PIL image in mode L or 1, or tensor (H, W) or (1, H, W).
        name: what messages call it.
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
        mask = _shared(mask, name)
    if not isinstance(mask, Tensor):
        raise TypeError(
            f"{name} must be an array, a PIL image or a tensor, got {type(mask).__name__}."
        )
    mask = mask.as_subclass(Tensor)
    if mask.ndim == 3 and mask.shape[0] == 1:
        mask = mask[0]
    if mask.ndim != 2:
        raise ValueError(f"{name} must have one channel, got shape {tuple(mask.shape)}.")
    return mask[None, None]


def image_like(image: Tensor, old: Any) -> Any:
    """Return a tensor (1, 3, H, W) as an image of the type of ``old``, of its dtype and device."""
    image = image[0]
    if isinstance(old, Tensor):
        check_dtypes(old.dtype, image.dtype)
        # as_subclass keeps tv_tensors what they are
        return image.to(old.device, old.dtype).as_subclass(type(old))
    array = image.permute(1, 2, 0).contiguous().cpu().numpy()
    if isinstance(old, Image.Image):
        check_dtypes("uint8", image.dtype)
        return Image.fromarray(array)
    check_dtypes(old.dtype.name, image.dtype)
    return array.astype(old.dtype, copy=False)


def _shared(array: np.ndarray, name: str) -> Tensor:
    """Return an array as a tensor, copied where torch cannot share its memory."""
    native = array.dtype.newbyteorder("=")
    strange = any(stride < 0 or stride % array.itemsize for stride in array.strides)
    if strange or array.dtype != native or not array.flags.writeable:
        array = array.astype(native)
    try:
        return torch.from_numpy(array)
    except TypeError:
        raise TypeError(
            f"{name} is an array of {array.dtype}, expected uint8, bool, integers or floating "
            "point of at most 64 bits."
        ) from None
