"""Small folders in the iHarmony4 layout, and small settings, for tests that train."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from harmaug.lut import identity_lut
from harmaug.nets import LiteSycoNet
from harmaug.training import TrainConfig, spread


def write_folder(root, photos=24, composites=0, size=32, seed=0):
    """Gradients with a disk as foreground; composites have other gains in the disk."""
    draw = np.random.default_rng(seed)
    root = Path(root)
    y, x = np.mgrid[:size, :size] / size
    disk = ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1)[..., None]
    for k in range(photos):
        start, end = draw.uniform(0.1, 0.6, (2, 3))
        real = start + (end - start) * x[..., None] + draw.normal(0, 0.02, (size, size, 3))
        _save(root / "real_images" / f"p{k}.png", real)
        _save(root / "masks" / f"p{k}_1.png", disk[..., 0])
        for c in range(1, composites + 1):
            gain = np.exp(draw.normal(0, 0.25)) * np.exp(draw.normal(0, 0.05, 3))
            composite = np.where(disk, real * gain, real)
            _save(root / "composite_images" / f"p{k}_1_{c}.png", composite)
    return root


def write_basis(path, count=6, size=5):
    """A basis of gains and gammas around the identity."""
    neutral = identity_lut(size)
    gains = torch.tensor([0.4, 2.5] * count).view(-1, 1, 1, 1, 1)[:count]
    tint = torch.rand(count, 3, 1, 1, 1, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.7
    safetensors.torch.save_file({"basis": (neutral * gains * tint).contiguous()}, path)
    return str(path)


def small(folder, basis, **changes):
    """Settings of a training that takes a second or two."""
    settings = {
        "data": (str(folder),),
        "basis": basis,
        "recipes": {},
        "net": {"latent_dim": 4, "width": 32, "thumbnail": 32},
        "image_size": 32,
        "rounds": 4,
        "round_pairs": 64,
        "passes": 2,
        "batch": 16,
        "pixels": 64,
        "heldout_pairs": 8,
        "validate_every": 2,
    }
    return TrainConfig(**(settings | changes))


@contextmanager
def brief_descents() -> Iterator[None]:
    """Refine latents in a few steps: else small trainings spend most of their time on that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiteSycoNet, "refinement_steps", 5)
        patch.setattr(spread, "_STEPS", 5)
        yield


def _save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8)).save(path)
