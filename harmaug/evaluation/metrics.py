"""Metrics of image harmonization, one figure an image: MSE, PSNR, SSIM and their foreground forms.

Every function takes the same three tensors,

- prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8;
- real: likewise, the ground truth;
- mask: (B, 1, H, W), (B, H, W), (1, H, W) or (H, W), bool or floating point in [0, 1];

and returns (B,). Formulas are on values 0..255 (``data_range`` 255), as the field reports them;
papers evaluate at 256x256 and average over images. A foreground metric is NaN where the mask is
empty, and a PSNR is infinite where nothing differs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.inputs import as_masks, as_photos

_DATA_RANGE = 255.0
_SSIM_WINDOW = 11  # with a Gaussian of sigma 1.5, as in Wang et al. 2004


def mse(prediction: Tensor, real: Tensor) -> Tensor:
    """Mean squared error over the whole frame."""
    return _squared_error(prediction, real).mean((1, 2, 3))


def fmse(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the foreground: sum(mask * d^2) / (3 * sum(mask))."""
    return _foreground_mean(_squared_error(prediction, real), mask)


def psnr(prediction: Tensor, real: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of `mse`, in dB."""
    return _decibel(mse(prediction, real))


def fpsnr(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of `fmse`, in dB."""
    return _decibel(fmse(prediction, real, mask))


def ssim(prediction: Tensor, real: Tensor) -> Tensor:
    """Structural similarity, averaged over the whole frame and the channels."""
    return _ssim_map(prediction, real).mean((1, 2, 3))


def fssim(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Structural similarity, its map averaged over the foreground and the channels."""
    return _foreground_mean(_ssim_map(prediction, real), mask)


def foreground_ratio(mask: Tensor) -> Tensor:
    """Share of the frame that is foreground; mask: (B, 1, H, W), bool or in [0, 1]."""
    return mask.float().flatten(1).mean(1)


def all_metrics(prediction: Tensor, real: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Every metric of this module by its published name, from one pass over the images."""
    error = _squared_error(prediction, real)
    similarity = _ssim_map(prediction, real)
    whole, foreground = error.mean((1, 2, 3)), _foreground_mean(error, mask)
    return {
        "MSE": whole,
        "fMSE": foreground,
        "PSNR": _decibel(whole),
        "fPSNR": _decibel(foreground),
        "SSIM": similarity.mean((1, 2, 3)),
        "fSSIM": _foreground_mean(similarity, mask),
    }


def _squared_error(prediction: Tensor, real: Tensor) -> Tensor:
    prediction, real = _pair(prediction, real)
    return (prediction - real).square()


def _foreground_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of (B, 3, H, W) weighted by the mask; 0 / 0 = NaN where it is empty."""
    weight = as_masks(mask, values).to(values.dtype)
    return (weight * values).sum((1, 2, 3)) / (values.shape[1] * weight.sum((1, 2, 3)))


def _decibel(error: Tensor) -> Tensor:
    return 10 * torch.log10(_DATA_RANGE**2 / error)


def _ssim_map(prediction: Tensor, real: Tensor) -> Tensor:
    """Local structural similarity, (B, 3, H, W); borders are reflected."""
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure
    except ImportError as error:
        raise ImportError("SSIM needs torchmetrics: pip install 'harmaug[eval]'.") from error
    prediction, real = _pair(prediction, real)
    if min(real.shape[2:]) < _SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images of at least {_SSIM_WINDOW}x{_SSIM_WINDOW} pixels, "
            f"got {real.shape[2]}x{real.shape[3]}."
        )
    # Versions of torchmetrics average over different parts of the map, so only the map is taken.
    _, local = structural_similarity_index_measure(
        prediction, real, data_range=_DATA_RANGE, reduction="none", return_full_image=True
    )
    return local


def _pair(prediction: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Both images as (B, 3, H, W) float32 with values 0..255."""
    pair = _scaled(prediction, "prediction"), _scaled(real, "real")
    if pair[0].shape != pair[1].shape:
        raise ValueError(
            f"prediction must have the shape of real, {tuple(real.shape)}, "
            f"got {tuple(prediction.shape)}."
        )
    return pair


def _scaled(image: Tensor, name: str) -> Tensor:
    batch = as_photos(image, name)
    if batch.dtype == torch.uint8:
        return batch.float()
    if batch.numel():
        low, high = batch.min().item(), batch.max().item()
        if low < -0.02 or high > 1.02:
            raise ValueError(
                f"{name} must be uint8 or lie in [0, 1], got values from {low:.3g} to {high:.3g}."
            )
    return batch.float() * _DATA_RANGE
