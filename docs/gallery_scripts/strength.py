"""
Strength
========

Strength moves the sampled LUT from none (0) through what was drawn (1) and beyond. Draws are
calibrated at 1.
"""

import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

aug = harmaug.SycoNetAugment.from_pretrained("unified")
photos = {name: (photo, mask) for name, photo, mask in demo_photos()}


def strengths(name: str, seed: int) -> list[list]:
    photo, mask = photos[name]
    latent = torch.randn(1, aug.latent_dim, generator=torch.Generator().manual_seed(seed))
    cells = []
    for strength in (0, 0.25, 0.5, 0.75, 1, 1.5):
        composite = aug.augment(photo.tensor(), mask, latent=latent, strength=strength)[0]
        cells.append((f"{strength:g}", thumbnail(photo.recoloured(composite).pixels)))
    return [cells[:3], cells[3:]]


sheet = contact_sheet(strengths("coffee", 2))
sheet

# %%
sheet = contact_sheet(strengths("raccoon", 5))
sheet
