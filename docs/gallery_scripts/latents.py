"""
A walk from one latent to another
=================================

A latent is a point in a normal distribution, and near points give similar composites. Here is the
way from one latent to another, on a circle, so that all points are as likely.
"""

import math

import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

aug = harmaug.SycoNetAugment.from_pretrained("unified")
photos = {name: (photo, mask) for name, photo, mask in demo_photos()}
start, end = torch.randn(2, aug.latent_dim, generator=torch.Generator().manual_seed(10))

# %%
# ``latent`` takes the place of drawing.
angles = [step / 5 * math.pi / 2 for step in range(6)]
walk = torch.stack([math.cos(angle) * start + math.sin(angle) * end for angle in angles])


def along(name: str) -> list[list]:
    photo, mask = photos[name]
    composites = aug.augment(photo.tensor(), mask, latent=walk)
    tiles = [thumbnail(photo.recoloured(one).pixels) for one in composites]
    captions = ["start", "", "", "", "", "end"]
    cells = list(zip(captions, tiles, strict=True))
    return [cells[:3], cells[3:]]


sheet = contact_sheet(along("coffee"))
sheet

# %%
# The same latents change every photo, each in its own way: the prior knows the photo.
sheet = contact_sheet(along("astronaut"))
sheet
