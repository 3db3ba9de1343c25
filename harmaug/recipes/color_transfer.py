"""Color transfer: a foreground takes the colours of another photo's foreground.

Each transfer maps photos (B, 3, H, W) in [0, 1] with masks (B, 1, H, W) in [0, 1], after references
of the same form, to (B, 3, H, W) of any real values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harmaug.recipes.color import foreground_moments
from harmaug.recipes.paste import paste

_BINS = 256  # of histograms, over [0, 1]
_CANDIDATES = 3  # photos among which the reference is chosen


@dataclass(frozen=True)
class ColorTransfer:
    """Give each foreground the colours of another photo's foreground, as in HCOCO and HFlickr.

    Three methods take turns: mean and deviation in Lab (Reinhard et al., 2001), mean and covariance
    in RGB (Pitie and Kokaram, 2007), histograms per channel. The datasets take the reference
    from objects of the same class; here it is the photo nearest in mean colour among a few
    of the batch, so that a batch needs at least two.

    Attributes:
        amount: range of the share of the transfer that is blended in.
    """

    amount: tuple[float, float] = (0.5, 1.0)

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Make composites (B, 3, H, W) of photos (B, 3, H, W) and masks (B, 1, H, W), in [0, 1]."""
        if len(real) < 2:
            raise ValueError("ColorTransfer needs a batch of at least 2 photos, got 1.")
        chosen = self._references(real, mask, generator)
        method = torch.randint(3, (len(real),), generator=generator)
        moved = torch.empty_like(real)
        for index, transfer in enumerate((transfer_lab, transfer_covariance, match_histograms)):
            rows = (method == index).nonzero().flatten().to(real.device)
            others = chosen[rows]
            moved[rows] = transfer(real[rows], mask[rows], real[others], mask[others])
        low, high = self.amount
        share = torch.rand(len(real), 1, 1, 1, generator=generator).to(real) * (high - low) + low
        # A reference without a foreground has no colours to take.
        share = share * mask[chosen].amax((1, 2, 3), keepdim=True).gt(0)
        return paste(real, mask, torch.lerp(real, moved.nan_to_num(), share))

    def _references(self, real: Tensor, mask: Tensor, generator: Generator | None) -> Tensor:
        """Return rows (B,) of the batch to take colours from, never a photo's own."""
        batch = len(real)
        steps = torch.randint(1, batch, (batch, _CANDIDATES), generator=generator)
        rows = ((torch.arange(batch).unsqueeze(1) + steps) % batch).to(real.device)
        mean, _ = foreground_moments(real, mask)
        distance = (mean[rows] - mean.unsqueeze(1)).square().sum(2)
        distance[mask.flatten(1).amax(1)[rows] == 0] = torch.inf  # without foreground: last choice
        return rows.gather(1, distance.argmin(1, keepdim=True)).squeeze(1)


def transfer_lab(image: Tensor, mask: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
    """Match means and deviations in Lab: the transfer of Reinhard et al. (2001)."""
    from kornia.color import lab_to_rgb, rgb_to_lab  # not at import: kornia loads slowly

    lab, other_lab = rgb_to_lab(image), rgb_to_lab(other)
    return lab_to_rgb(transfer_statistics(lab, mask, other_lab, other_mask), False)


def transfer_statistics(image: Tensor, mask: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
    """Match each channel's foreground mean and standard deviation to a reference's.

    The ratio of deviations is kept within [0.4, 2.5], outside which noise is amplified or texture
    lost.
    """
    mean, covariance = foreground_moments(image, mask)
    mean_to, covariance_to = foreground_moments(other, other_mask)
    deviation = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(1e-8).sqrt()
    deviation_to = covariance_to.diagonal(dim1=-2, dim2=-1).clamp_min(1e-8).sqrt()
    ratio = (deviation_to / deviation).clamp(0.4, 2.5)
    return (image - _column(mean)) * _column(ratio) + _column(mean_to)


def transfer_covariance(image: Tensor, mask: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
    """Match the foreground's mean and covariance to a reference's by the nearest linear map.

    The map is the Monge-Kantorovich solution between two normal distributions (Pitie and
    Kokaram, 2007), ``A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`` for covariances S -> T.
    """
    mean, source = foreground_moments(image, mask)
    mean_to, target = foreground_moments(other, other_mask)
    noise = 1e-4 * torch.eye(image.shape[1], dtype=image.dtype, device=image.device)
    root, inverse = _matrix_power(source + noise, 0.5), _matrix_power(source + noise, -0.5)
    linear = inverse @ _matrix_power(root @ (target + noise) @ root, 0.5) @ inverse
    moved = linear @ (image.flatten(2) - mean.unsqueeze(-1)) + mean_to.unsqueeze(-1)
    return moved.view_as(image)


def match_histograms(image: Tensor, mask: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
    """Match each channel's foreground histogram to a reference's.

    The two distribution functions are tabulated over 256 levels of [0, 1] and interpolated
    linearly, so that smooth gradients stay smooth.
    """
    source, target = _distribution(image, mask), _distribution(other, other_mask)
    upper = torch.searchsorted(target, source).clamp(1, _BINS)
    low, high = target.gather(2, upper - 1), target.gather(2, upper)
    table = (upper - 1 + (source - low) / (high - low).clamp_min(1e-9)) / _BINS
    position = image.clamp(0, 1).flatten(2) * _BINS
    cell = position.floor().clamp(0, _BINS - 1)
    start, end = table.gather(2, cell.long()), table.gather(2, cell.long() + 1)
    return torch.lerp(start, end, position - cell).view_as(image)


def _distribution(image: Tensor, mask: Tensor) -> Tensor:
    """Return distribution functions (B, C, bins + 1) of the foreground, 0 to 1, always rising."""
    index = (image.clamp(0, 1) * _BINS).long().clamp(max=_BINS - 1).flatten(2)
    weight = mask.flatten(2).expand(index.shape)
    histogram = image.new_zeros(*index.shape[:2], _BINS).scatter_add_(2, index, weight)
    histogram = histogram / histogram.sum(-1, keepdim=True).clamp_min(1e-6) + 1e-6
    cumulative = torch.nn.functional.pad(histogram.cumsum(-1), (1, 0))
    return cumulative / cumulative[..., -1:]


def _matrix_power(matrix: Tensor, power: float) -> Tensor:
    """Return real powers of symmetric positive definite matrices (..., C, C)."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(1e-10).pow(power).unsqueeze(-2)) @ vectors.mT


def _column(values: Tensor) -> Tensor:
    return values[..., None, None]
