"""Checkpoints of the arms: packaged ones, and nets trained on the pairs of a set alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from cache import Photos, picture
from torch import Tensor
from torch.nn import functional as F

from harmaug import SycoNetAugment, composite_lut, list_checkpoints, mix_luts
from harmaug.lut.fitting import fit_pair
from harmaug.training import TrainConfig, train

BASE = "unified"  # "own" starts with its LUTs, "own-finetuned" with its weights
# These are part of fingerprints: a change makes all results of the two arms anew.
_SETTINGS: dict[str, Any] = {
    "size": 64,
    "round_pairs": 1024,
    "passes": 5,
    "batch": 32,
    "pixels": 64,
}
_TRANSPLANTS = 4
_RATES: dict[str, dict[str, Any]] = {
    # 160 steps a round: half a minute on one core, and a quarter of a minute.
    "own": {"rounds": 8, "learning_rate": 1.5e-3, "basis_learning_rate": 1e-4},
    "own-finetuned": {"rounds": 4, "learning_rate": 5e-4, "basis_learning_rate": 2.5e-5},
}


def fingerprint(name: str | None, pairs: Photos) -> str | None:
    """Return digits of all that decides a checkpoint: its sha256, or settings and pairs.

    Args:
        name: a packaged name, "own" or "own-finetuned"; None for an arm without a checkpoint.
        pairs: of the training set.
    """
    if name is None:
        return None
    if name not in _RATES:
        packaged = list_checkpoints()
        if name not in packaged:
            raise ValueError(f"{name!r} is no packaged checkpoint: {', '.join(packaged)}.")
        return str(packaged[name]["sha256"])[:16]
    settings = [name, _SETTINGS, _TRANSPLANTS, _RATES[name]]
    about = [*settings, fingerprint(BASE, pairs), pairs.digest()]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def find(name: str, pairs: Photos, store: Path) -> str:
    """Return the name or path of a checkpoint; a net of the pairs is trained first if need be."""
    if name not in _RATES:
        return name
    folder = store / f"{name}-{fingerprint(name, pairs)}"
    if not (folder / "done").exists():
        _train(name, pairs, folder)
        (folder / "done").touch()
    return str(folder / "run")


def _train(name: str, pairs: Photos, folder: Path) -> None:
    _write(pairs, folder / "pairs")
    finetuned = name == "own-finetuned"
    settings = {("image_size" if key == "size" else key): _SETTINGS[key] for key in _SETTINGS}
    config = TrainConfig(
        data=(str(folder / "pairs"),),
        init=BASE if finetuned else None,
        basis=None if finetuned else BASE,
        validate_every=_RATES[name]["rounds"],
        kl_weight=5e-4,
        warmup=0.1,
        patience=0,
        **settings,
        **_RATES[name],
    )
    output = folder / "run"
    with torch.random.fork_rng(devices=[]):
        train(config, output, resume=(output / "state.safetensors").exists(), accelerator="cpu")


def _write(pairs: Photos, folder: Path) -> None:
    """Write the pairs in the iHarmony4 layout, as users of ``harmaug train`` have theirs."""
    composites = _transplanted(pairs)
    for kind in ("real_images", "masks", "composite_images"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for row in range(len(pairs)):
        picture(pairs.real[row]).save(folder / "real_images" / f"{row:05d}.png")
        picture(pairs.mask[row].byte() * 255).save(folder / "masks" / f"{row:05d}_1.png")
        for number, composite in enumerate(composites[row], 1):
            name = f"{row:05d}_1_{number}.png"
            picture(composite).save(folder / "composite_images" / name)


def _transplanted(pairs: Photos) -> Tensor:
    """Return composites (N, 1 + k, 3, S, S) uint8: a photo's own, and k with changes of others.

    A net that saw each photo under one change alone would learn that the photo causes it.
    `recipes.Transplant` does the same for ``harmaug train``, but also amplifies the changes and
    draws them with replacement; the results of this benchmark are without.
    """
    assert pairs.composite is not None
    basis = SycoNetAugment.from_pretrained(BASE).basis
    real, mask, composite = pairs.real.float() / 255, pairs.mask.float(), pairs.composite
    small = [F.avg_pool2d(values, 4) for values in (real, mask, composite.float() / 255)]
    changes = mix_luts(fit_pair(basis, *small).unsqueeze(1), basis)
    generator = torch.Generator().manual_seed(0)
    columns = [composite]
    for _ in range(_TRANSPLANTS):
        step = torch.randint(1, len(real), (), generator=generator).item()
        made = composite_lut(real, mask, changes.roll(int(step), 0))[:, 0]
        columns.append((made * 255).round().byte())
    return torch.stack(columns, 1)
