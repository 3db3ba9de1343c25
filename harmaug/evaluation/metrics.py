"""Metrics of image harmonization: MSE, PSNR, SSIM and their foreground forms, one figure an image.

Formulas are on values 0..255, as the field reports them; papers compare at 256x256 and average
over images. A foreground metric is NaN where the mask is empty, and a PSNR is infinite where
nothing differs. Wrong dtypes raise TypeError; wrong shapes, devices and ranges raise ValueError.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harmaug.inputs import as_photos, check_inputs
from harmaug.inputs.opacity import OVERSHOOT

_DATA_RANGE = 255.0

_SSIM_WINDOW = 11  # with a Gaussian of sigma 1.5 (Wang et al., 2004)


def mse(prediction: Tensor, real: Tensor) -> Tensor:
    """Return the mean squared error (B,) over the whole frame.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
    """
    return _squared_error(*_read(prediction, real)).mean((1, 2, 3))


def fmse(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error (B,) over the foreground: sum(mask * d^2) / (3 * sum(mask)).

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
        mask: (B, 1, H, W), (B, H, W), (1, H, W) or (H, W); 1 is foreground. Bool, floating point
            in [0, 1], labels 0 and 1, or uint8 in 0..255.
    """
    return _foreground_mean(_squared_error(*_read(prediction, real)), _weights(mask, real.shape))


def psnr(prediction: Tensor, real: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (B,) of `mse` in dB.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
    """
    return _decibel(mse(prediction, real))


def fpsnr(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio (B,) of `fmse` in dB.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
        mask: (B, 1, H, W) in [0, 1], or any mask that `fmse` takes.
    """
    return _decibel(fmse(prediction, real, mask))


def ssim(prediction: Tensor, real: Tensor) -> Tensor:
    """Return the structural similarity (B,), averaged over the frame and the channels.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.

    Raises:
        ImportError: torchmetrics is missing (extra ``eval``).
    """
    return _ssim_map(*_read(prediction, real)).mean((1, 2, 3))


def fssim(prediction: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Return the structural similarity (B,), its map averaged over foreground and channels.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
        mask: (B, 1, H, W) in [0, 1], or any mask that `fmse` takes.
    """
    return _foreground_mean(_ssim_map(*_read(prediction, real)), _weights(mask, real.shape))


def all_metrics(prediction: Tensor, real: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return every metric (B,) by its published name, from one pass over the images.

    Args:
        prediction: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
        real: (B, 3, H, W) or (3, H, W), the ground truth, of the shape of ``prediction``.
        mask: (B, 1, H, W) in [0, 1], or any mask that `fmse` takes.
    """
    pair, weights = _read(prediction, real), _weights(mask, real.shape)
    error, similarity = _squared_error(*pair), _ssim_map(*pair)
    whole, foreground = error.mean((1, 2, 3)), _foreground_mean(error, weights)
    return {
        "MSE": whole,
        "fMSE": foreground,
        "PSNR": _decibel(whole),
        "fPSNR": _decibel(foreground),
        "SSIM": similarity.mean((1, 2, 3)),
        "fSSIM": _foreground_mean(similarity, weights),
    }


def foreground_ratio(mask: Tensor) -> Tensor:
    """Return the share (B,) of the frame that is foreground.

    Args:
        mask: (B, 1, H, W) in [0, 1], or of another dtype that `fmse` takes.
    """
    return _weights(mask, mask.shape).flatten(1).mean(1)


def foreground_error(images: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return `fmse` (n,) of checked images, which nothing here asks a GPU about.

    Args:
        images: (n, 3, H, W), floating point in [0, 1].
        wanted: (n, 3, H, W) or (1, 3, H, W), likewise.
        mask: (n, 1, H, W) or (1, 1, H, W) in [0, 1], floating point.
    """
    error = _squared_error(images * _DATA_RANGE, wanted * _DATA_RANGE)
    return _foreground_mean(error, mask.expand(len(images), -1, -1, -1))


def _squared_error(prediction: Tensor, real: Tensor) -> Tensor:
    return (prediction - real).square()


def _foreground_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return means (B,) of (B, 3, H, W) under (B, 1, H, W); 0 / 0 = NaN for an empty mask."""
    return (weights * values).sum((1, 2, 3)) / (values.shape[1] * weights.sum((1, 2, 3)))


def _decibel(error: Tensor) -> Tensor:
    return 10 * torch.log10(_DATA_RANGE**2 / error)


def _ssim_map(prediction: Tensor, real: Tensor) -> Tensor:
    """Return the local similarity (B, 3, H, W) of values 0..255; borders are reflected."""
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure
    except ImportError as error:
        raise ImportError("SSIM needs torchmetrics: pip install 'harmaug[eval]'.") from error
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


def _read(prediction: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Check two images and return them as (B, 3, H, W), float32 with values 0..255."""
    images = {"prediction": as_photos(prediction, "prediction"), "real": as_photos(real, "real")}
    first, second = images.values()
    if first.shape != second.shape:
        raise ValueError(
            f"prediction must have the shape of real, {tuple(real.shape)}, "
            f"got {tuple(prediction.shape)}."
        )
    if first.device != second.device:
        raise ValueError(f"prediction is on {first.device} but real is on {second.device}.")
    floats = {name: image for name, image in images.items() if image.is_floating_point()}
    if floats and first.numel():
        # One read of all ends, for each would wait for a GPU.
        ends = [end.float() for image in floats.values() for end in image.detach().aminmax()]
        found = torch.stack(ends).tolist()
        for name, low, high in zip(floats, found[::2], found[1::2], strict=True):
            if not (low >= -OVERSHOOT and high <= 1 + OVERSHOOT):
                raise ValueError(
                    f"{name} must be uint8 or lie in [0, 1] without NaN, got values from "
                    f"{low:.3g} to {high:.3g}."
                )
    return _in_bytes(first), _in_bytes(second)


def _in_bytes(image: Tensor) -> Tensor:
    return image.float() if image.dtype == torch.uint8 else image.float() * _DATA_RANGE


def _weights(mask: Tensor, size: torch.Size) -> Tensor:
    """Return a mask beside images (..., H, W) of that size as the door reads it, float32."""
    batch = 1 if len(size) < 4 else size[0]
    blank = torch.zeros((), dtype=torch.uint8, device=mask.device)  # costs the door nothing
    return check_inputs(blank.expand(batch, 3, *size[-2:]), mask).mask
