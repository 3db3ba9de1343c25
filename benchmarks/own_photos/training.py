"""One training of a harmonizer on synthetic composites alone, and its errors on true pairs."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from arms import Make
from cache import SIZE, Photos
from fit import Batch
from geometry import flip_and_crop
from harmonizers import RATES, build
from sets import TestSet
from torch import Tensor
from torch.nn import functional as F
from trial import shuffled, trained

VERSION = 1  # part of the keys; raise it with a change that changes results
STEPS = 500
BATCH = 16
THUMBNAILS = {"dense": 64, "colour-map": 32}
_TOGETHER = 4  # batches made at once, which takes less time


@dataclass(frozen=True)
class Training:
    """Settings that decide a result, together with pictures and checkpoint.

    Attributes:
        harmonizer: "dense" or "colour-map".
        arm: a name of `composites.ARMS`.
        seed: of the net and all random numbers.
        steps: of training.
    """

    harmonizer: str
    arm: str
    seed: int
    steps: int = STEPS

    def settings(self) -> dict[str, Any]:
        """Return all settings by name."""
        name = self.harmonizer
        return {
            **dataclasses.asdict(self),
            "version": VERSION,
            "batch": BATCH,
            "thumbnail": THUMBNAILS[name],
            "learning_rate": RATES[name],
        }

    def key(self, known: dict[str, Any]) -> str:
        """Return sixteen hexadecimal digits that only trainings with the same result share.

        Args:
            known: digests of photos, tests and checkpoint, and what else decides.
        """
        about = json.dumps(self.settings() | known, sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()[:16]


def run(
    training: Training, photos: Photos, tests: dict[str, TestSet], make: Make, device: torch.device
) -> dict[str, Any]:
    """Train and test; return fMSE and PSNR by test set, one figure a pair."""
    torch.manual_seed(training.seed)
    size = THUMBNAILS[training.harmonizer]
    net = build(training.harmonizer, size).to(device)
    torch.manual_seed(1000 + training.seed)  # all arms start with the same net
    batches = draw_batches(photos, make, size, device)
    return trained(net, batches, training.steps, RATES[training.harmonizer], tests, device)


def draw_batches(photos: Photos, make: Make, size: int, device: torch.device) -> Iterator[Batch]:
    """Yield batches without end, each photo once before any comes again.

    Args:
        photos: to make composites of.
        make: one composite a photo.
        size: pixels a side of the batches.
        device: of the batches.
    """
    side = min(2 * size, SIZE)  # before crops
    real = _reduced(photos.real, side).round().byte().to(device)
    mask = (_reduced(photos.mask, side) >= 0.5).to(device)
    order = shuffled(len(photos))
    while True:
        rows = torch.tensor(list(itertools.islice(order, _TOGETHER * BATCH)), device=device)
        stacked = torch.cat((real[rows].float() / 255, mask[rows].float()), 1)
        image, alpha = flip_and_crop(stacked, size).split((3, 1), 1)
        image, alpha = image.clamp(0, 1), (alpha >= 0.5).to(image)
        made = make(image, alpha, 1)
        parts: tuple[Tensor, ...] = (made, image, alpha)
        yield from zip(*(part.split(BATCH) for part in parts), strict=True)


def _reduced(images: Tensor, side: int) -> Tensor:
    parts = (F.interpolate(part.float(), (side, side), mode="area") for part in images.split(256))
    return torch.cat(list(parts))
