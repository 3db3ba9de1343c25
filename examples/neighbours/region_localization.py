"""
Finding inharmonious regions
============================

A localizer sees a picture and says where it was forged. The mask is the label. Photos with masks
are enough to train one: ``p`` decides how many of them are forged, and the label of the others is
empty.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

samples: Any = []
for _, photo, mask in demo_photos():
    stacked = torch.cat((photo.tensor(), mask[None]))[None]
    small = F.interpolate(stacked, (200, 200), mode="bilinear", antialias=True)[0].clamp(0, 1)
    region = (small[3:] > 0.5).byte()  # labels 0 and 1 are read as they are
    samples.append({"image": small[:3], "real": small[:3], "mask": region, "label": region * 0})

# %%
# ``label`` is declared as derived: it becomes the mask where a composite becomes synthetic, and
# stays empty elsewhere.
aug = harmaug.SycoNetAugment.from_pretrained("unified")
fields = harmaug.Fields(
    composite="image",
    real="real",
    mask="mask",
    space="unit",
    derive={"label": lambda batch: batch["mask"]},
)
loader = harmaug.AugmentedLoader(DataLoader(samples, 5), aug, fields, p=0.6, seed=1)

# %%
# A batch: what the localizer sees, and its label.
batch = next(iter(loader))
pictures = (batch["image"] * 255).round().byte().permute(0, 2, 3, 1).numpy()
labels = (batch["label"][:, 0] * 255).numpy()
sheet = contact_sheet(
    [
        [("input", thumbnail(picture, 180)) for picture in pictures],
        [("label", thumbnail(np.asarray(label), 180)) for label in labels],
    ]
)
print(f"{int(batch['label'].flatten(1).any(1).sum())} of {len(labels)} are forged")

# %%
# DIRL and MadisNet train on the composites of iHarmony4 and have :doc:`lines of their own
# </hosts/dirl>`. Known: their published training changes no colours, so more colours are
# new to it. Not known: no localizer was trained with this here. The edge of a synthetic region
# has no trace of a paste (JPEG, anti-aliasing), so keep true composites among them.
