"""
A batch of a wrapped loader
===========================

The same loader, bare and wrapped. Half of the composites become synthetic; the rest of the batch
is what it was.
"""

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

samples = []
for _, photo, mask in demo_photos():
    stacked = torch.cat((photo.tensor(), mask[None]))[None]
    small = F.interpolate(stacked, (240, 240), mode="bilinear", antialias=True)[0].clamp(0, 1)
    real, alpha = small[:3], small[3:]
    samples.append({"comp": real * (1 - 0.4 * alpha), "real": real, "mask": alpha})
loader = DataLoader(samples, batch_size=4)

# %%
# The lines that are added:
aug = harmaug.SycoNetAugment.from_pretrained("unified")
fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
wrapped = harmaug.AugmentedLoader(loader, aug, fields, p=0.5, seed=3)


# %%
# The composites here are darkened photos. Two of four become synthetic:
def row(images: torch.Tensor, caption: str) -> list:
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).squeeze(-1).numpy()
    return [(caption, thumbnail(one, 180)) for one in pixels]


before, after = next(iter(loader)), next(iter(wrapped))
sheet = contact_sheet(
    [
        row(before["real"], "real"),
        row(before["comp"], "comp, bare"),
        row(after["comp"], "comp, wrapped"),
    ]
)
sheet
