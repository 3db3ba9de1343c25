"""Whether ``strength`` and ``candidates`` do what they say: what they change in the draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from harmaug.augment import SycoNetAugment
from harmaug.evaluation.pairs import Pair
from harmaug.evaluation.samplers import foreground_error
from harmaug.evaluation.shift import mean_lab
from harmaug.lut import composite_lut

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CANDIDATES = (1, 2, 4, 8, 16, 32)
_PIXELS = 2048  # of a foreground
_DRAWS = 8


@torch.no_grad()
def responses(augmenter: SycoNetAugment, pairs: Sequence[Pair], seed: int = 0) -> dict[str, Any]:
    """Quartiles over photos and draws, for every setting.

    Args:
        augmenter: what is set.
        pairs: some of a domain's.
        seed: draws the same latents at every strength.

    Returns:
        for "strength" and "candidates": ``settings``, ``mismatch`` (Lab distance between the mean
        colours of foreground and background) and ``fMSE`` to the photo, three quartiles a setting;
        and the median ``photo_mismatch`` and ``composite_mismatch`` of the pairs themselves.
    """
    by_strength = [_draws(augmenter, pairs, seed, strength=value) for value in STRENGTHS]
    by_candidates = [_draws(augmenter, pairs, seed, n=1, candidates=value) for value in CANDIDATES]
    return {
        "strength": _quartiles(STRENGTHS, by_strength),
        "candidates": _quartiles(CANDIDATES, by_candidates),
        "photo_mismatch": _median([_distance(pair, pair.real) for pair in pairs]),
        "composite_mismatch": _median([_distance(pair, pair.composite) for pair in pairs]),
    }


def _draws(
    augmenter: SycoNetAugment, pairs: Sequence[Pair], seed: int, n: int = _DRAWS, **setting: Any
) -> np.ndarray:
    """Mismatch and fMSE to the photo, (2, draws), under a setting."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for pair in pairs:
        luts = torch.cat(
            [
                augmenter.sample(pair.real, pair.mask, n, generator=generator, **setting)
                for _ in range(_DRAWS // n)
            ],
            1,
        )
        view = pair.foreground(_PIXELS)
        composites = composite_lut(view.real, view.mask, luts)[0]
        background = mean_lab(pair.real, 1 - pair.mask)
        away = mean_lab(composites, view.mask) - background
        mismatch = torch.linalg.vector_norm(away, dim=1)
        found.append(torch.stack((mismatch, foreground_error(composites, view.real, view.mask))))
    return torch.cat(found, 1).double().numpy()


def _distance(pair: Pair, image: torch.Tensor) -> float:
    away = mean_lab(image, pair.mask) - mean_lab(pair.real, 1 - pair.mask)
    return torch.linalg.vector_norm(away).item()


def _quartiles(settings: Sequence[float], found: Sequence[np.ndarray]) -> dict[str, Any]:
    quartiles = np.nanpercentile(np.stack(found), (25, 50, 75), axis=2)  # (3, settings, 2)
    return {
        "settings": list(settings),
        "mismatch": quartiles[:, :, 0].T.tolist(),
        "fMSE": quartiles[:, :, 1].T.tolist(),
    }


def _median(values: Sequence[float]) -> float:
    return float(np.nanmedian(values))
