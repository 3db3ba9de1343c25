"""Checkpoints for the arms: packaged ones, and generators learnt from a set's pairs alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from cache import Photos
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from harmaug import SycoNetAugment, composite_lut, list_checkpoints, mix_luts
from harmaug.lut.fitting import fit_pair
from harmaug.training.config import TrainConfig
from harmaug.training.loop import train

BASE = "unified"  # its LUTs are what "own" starts on, its weights what "own-finetuned" does
_SETTINGS = {"size": 64, "round_pairs": 1024, "passes": 5, "batch": 32, "pixels": 64}
_TRANSPLANTS = 4
_RATES = {
    # 160 steps a round: half a minute on one core, and a quarter.
    "own": {"rounds": 8, "learning_rate": 1.5e-3, "basis_learning_rate": 1e-4},
    "own-finetuned": {"rounds": 4, "learning_rate": 5e-4, "basis_learning_rate": 2.5e-5},
}


def checkpoint_name(wanted: str | None, domain: str) -> str | None:
    """Which checkpoint an arm means in a domain: a packaged name, or a key of `learn`."""
    return domain if wanted == "domain" else wanted


def fingerprint(name: str | None, pairs: Photos) -> str | None:
    """What decides a checkpoint: the sha256 of a packaged one, or all that `learn` goes by."""
    if name is None:
        return None
    if name not in _RATES:
        packaged = list_checkpoints()
        if name not in packaged:
            raise ValueError(f"{name!r} is no packaged checkpoint: {', '.join(packaged)}.")
        return str(packaged[name]["sha256"])[:16]
    about = [
        name,
        _SETTINGS,
        _TRANSPLANTS,
        _RATES[name],
        fingerprint(BASE, pairs),
        digest_photos(pairs),
    ]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def find(name: str, pairs: Photos, store: Path) -> str:
    """A packaged name as it is; a generator learnt from the pairs is trained if it is not there."""
    if name not in _RATES:
        return name
    folder = store / f"{name}-{fingerprint(name, pairs)}"
    if not (folder / "done").exists():
        _learn(name, pairs, folder)
        (folder / "done").touch()
    return str(folder / "run")


def digest_photos(photos: Photos) -> str:
    """Sixteen hexadecimal digits of the pictures."""
    found = hashlib.sha256()
    for values in (photos.real, photos.mask, photos.composite):
        if values is not None:
            found.update(values.numpy().tobytes())
    return found.hexdigest()[:16]


def _learn(name: str, pairs: Photos, folder: Path) -> None:
    _write(pairs, folder / "pairs")
    start = {"init": BASE} if name == "own-finetuned" else {"basis": BASE}
    config = TrainConfig(
        data=(str(folder / "pairs"),),
        validate_every=_RATES[name]["rounds"],
        **start,
        **_SETTINGS,
        **_RATES[name],
    )  # type: ignore[arg-type]
    output = folder / "run"
    with torch.random.fork_rng(devices=[]):
        train(config, output, resume=(output / "state.safetensors").exists(), accelerator="cpu")


def _write(pairs: Photos, folder: Path) -> None:
    """The pairs as a folder in the iHarmony4 layout, as a user of ``harmaug train`` has them."""
    composites = _transplanted(pairs)
    for kind in ("real_images", "masks", "composite_images"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for row in range(len(pairs)):
        _picture(pairs.real[row]).save(folder / "real_images" / f"{row:05d}.png")
        _picture(pairs.mask[row].byte() * 255).save(folder / "masks" / f"{row:05d}_1.png")
        for number, composite in enumerate(composites[row], 1):
            name = f"{row:05d}_1_{number}.png"
            _picture(composite).save(folder / "composite_images" / name)


def _transplanted(pairs: Photos) -> Tensor:
    """Composites (N, 1 + k, 3, S, S) uint8: a photo's own, and k made as those of others were.

    A generator that saw each photo under one change alone would take the photo for its cause.
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


def _picture(image: Tensor) -> Image.Image:
    values = image[0].numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()
    return Image.fromarray(np.ascontiguousarray(values))
