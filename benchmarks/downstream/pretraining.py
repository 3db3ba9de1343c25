"""Weights of harmonizers that were trained on synthetic composites of all photos first."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import torch
from arms import Make
from cache import Photos
from fit import fit
from harmonizers import RATES
from sets import TrainingSet
from torch import Tensor
from trial import THUMBNAILS, VERSION, Trial, draw_batches, new_net

from harmaug.io.atomic import atomic_write


def pretrained(
    trial: Trial,
    photos: Photos,
    make: Make,
    checkpoint: str | None,
    store: Path,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return the weights of a net after the steps of pre-training, from the store if there.

    Sets and sizes share them: they depend on seed, harmonizer, arm and photos alone.

    Args:
        trial: with steps before.
        photos: all there are; composites of theirs are not used.
        make: one composite a photo.
        checkpoint: fingerprint of what draws the composites.
        store: folder that keeps the weights.
        device: that trains, where ``make`` works.
    """
    settings = [VERSION, trial.harmonizer, trial.arm, trial.seed, trial.before]
    about = json.dumps([*settings, THUMBNAILS[trial.harmonizer], photos.digest(), checkpoint])
    path = store / f"pretrained-{hashlib.sha256(about.encode()).hexdigest()[:16]}.pt"
    if not path.exists():
        weights = _train(trial, photos, make, device)
        with atomic_write(path) as temporary:
            torch.save(weights, temporary)
    kept: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return kept


def _train(trial: Trial, photos: Photos, make: Make, device: torch.device) -> dict[str, Tensor]:
    torch.manual_seed(trial.seed)
    net = new_net(trial).to(device)
    torch.manual_seed(2000 + trial.seed)
    alone = replace(photos, composite=photos.real)  # never drawn: every composite is synthetic
    training = TrainingSet(alone, alone, None, "")
    batches = draw_batches(replace(trial, extra=False, p=1.0), training, make, device)
    for _ in fit(net, batches, trial.before, learning_rate=RATES[trial.harmonizer]):
        pass
    return net.state_dict()
