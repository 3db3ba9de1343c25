"""
Each checkpoint on the packaged photos
======================================

Three draws of each packaged checkpoint on five photos. The seed is the same everywhere.
"""

import torch
from PIL import Image

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail


def draws(checkpoint: str, n: int = 3) -> Image.Image:
    """Return a sheet: a photo in each row, and its composites beside it."""
    aug = harmaug.SycoNetAugment.from_pretrained(checkpoint)
    rows = []
    for name, photo, mask in demo_photos():
        generator = torch.Generator().manual_seed(1)
        composites = aug.augment(photo.tensor(), mask, n=n, generator=generator)
        row = [(name, thumbnail(photo.pixels))]
        row += [("", thumbnail(photo.recoloured(one).pixels)) for one in composites]
        rows.append(row)
    return contact_sheet(rows)


# %%
# unified
# -------
#
# Learnt from all of the makings below. Half of its draws get light besides, which may come from a
# side.
sheet = draws("unified")
sheet

# %%
# color-transfer
# --------------
#
# As if the foreground had taken the colours of another photo's object.
sheet = draws("color-transfer")
sheet

# %%
# retouch
# -------
#
# As a photographer would edit.
sheet = draws("retouch")
sheet

# %%
# illuminant
# ----------
#
# As under another light.
sheet = draws("illuminant")
sheet

# %%
# daylight
# --------
#
# As at another time of day. These draws are weaker than true ones.
sheet = draws("daylight")
sheet
