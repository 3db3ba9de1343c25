"""
From a composite to its latent and back
=======================================

``encode`` finds the latent of a composite that you have. Here the composite is made by hand-made
filters, and the checkpoint has never seen it.
"""

import torch

import harmaug
from harmaug import metrics
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail
from harmaug.recipes import RandomFilters

aug = harmaug.SycoNetAugment.from_pretrained("unified")
rows = []
for name, photo, mask in demo_photos():
    if name not in ("astronaut", "coffee", "raccoon"):
        continue
    real, alpha = photo.tensor()[None], mask[None, None]
    composite = RandomFilters()(real, alpha, torch.Generator().manual_seed(len(name)))
    latent = aug.encode(real, alpha, composite)  # (1, Z)
    again = aug.augment(real, alpha, latent=latent[:, None])[:, 0]
    error = metrics.fmse(again, composite, alpha).item()
    rows.append(
        [
            (name, thumbnail(photo.pixels)),
            ("composite", thumbnail(photo.recoloured(composite[0]).pixels)),
            (f"rebuilt, fMSE {error:.0f}", thumbnail(photo.recoloured(again[0]).pixels)),
        ]
    )
sheet = contact_sheet(rows)
sheet
