"""
Matting
=======

A matting net learns alpha from composites of a foreground and a background. Its foregrounds take
other colours, so that it does not learn their palette; alpha stays the target.
"""

from typing import Any

import numpy as np
import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

photos = {name: (photo.tensor(), mask) for name, photo, mask in demo_photos()}


# %%
# A drop-in for ``RandomJitter`` of GCA-Matting and ViTMatte. ``fg`` is the pure foreground, BGR in
# 0..255. The LUT is drawn for what alpha shows and goes over all of it: a half transparent pixel
# holds the full colour of the foreground, and alpha blends it later.
class LearntJitter:
    """Gives the foreground of a sample other colours, drawn for what its alpha shows."""

    def __init__(self, aug: harmaug.SycoNetAugment) -> None:
        self.aug = aug

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        alpha = torch.from_numpy(np.ascontiguousarray(sample["alpha"], np.float32))
        if not alpha.any():
            return sample
        rgb = np.ascontiguousarray(sample["fg"][..., ::-1], np.float32) / 255
        fg = torch.from_numpy(rgb).permute(2, 0, 1).clamp(0, 1)
        lut = self.aug.sample(fg, alpha)[0]
        changed = self.aug.apply(lut, fg, torch.ones_like(alpha)) * 255
        return {**sample, "fg": changed.permute(1, 2, 0).numpy()[..., ::-1]}


# %%
# The cat, cut out and set before another photo, as its training does it: before and after the
# jitter.
torch.manual_seed(1)
jitter = LearntJitter(harmaug.SycoNetAugment.from_pretrained("unified"))
fg, alpha = photos["cat"]
scene = torch.nn.functional.interpolate(photos["coffee"][0][None], alpha.shape)[0]
before = {"fg": (fg * 255).permute(1, 2, 0).numpy()[..., ::-1], "alpha": alpha.numpy()}


def composed(sample: dict[str, Any]) -> np.ndarray:
    """Return foreground over background, RGB in 8 bits."""
    cover = sample["alpha"][..., None]
    mixed = sample["fg"][..., ::-1] * cover + scene.permute(1, 2, 0).numpy() * 255 * (1 - cover)
    return mixed.round().astype(np.uint8)


row = [("alpha", thumbnail((alpha * 255).byte().numpy(), 190)), ("as it was", composed(before))]
row += [("jittered", composed(jitter(before))) for _ in range(3)]
sheet = contact_sheet([[(text, thumbnail(np.asarray(picture), 190)) for text, picture in row]])
print("alpha is the target still:", bool((before["alpha"] == alpha.numpy()).all()))

# %%
# Where there is a photo and its alpha, and no pure foreground: ``aug(real, alpha)``. Soft edges
# blend there.
#
# Tried beside the ``RandomJitter`` of GCA-Matting at 5a999be (2020-08-18) and of ViTMatte at
# 8cd7ef0 (2025-08-13), on 2026-11-28: the same sample in, the same keys, shapes and range out.
#
# Known: both families change hue by up to 40 degrees and a little saturation and value.
# Not known: no matting net was trained with this here.
