"""
Hand-made recipes beside a checkpoint
=====================================

Recipes make composites without a net. Filters are wide, and do not look at the photo. A
checkpoint's draws fit the photo, and its kind of composites.
"""

import torch
from torch.nn import functional as F

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail
from harmaug.recipes import ColorTransfer, RandomFilters, Relight, Retouch

stacked = [
    F.interpolate(
        torch.cat((photo.tensor(), mask[None]))[None], (240, 240), mode="bilinear", antialias=True
    )
    for _, photo, mask in demo_photos()
]
batch = torch.cat(stacked).clamp(0, 1)  # recipes take batches of one size
real, mask = batch[:, :3], batch[:, 3:]


def row(composites: torch.Tensor, caption: str) -> list:
    pixels = (composites * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return [(caption, thumbnail(one, 180)) for one in pixels[:4]]


# %%
generator = torch.Generator().manual_seed(4)
aug = harmaug.SycoNetAugment.from_pretrained("unified")
sheet = contact_sheet(
    [
        row(real, "real"),
        row(RandomFilters()(real, mask, generator), "filters"),
        row(ColorTransfer()(real, mask, generator), "color transfer"),
        row(Retouch()(real, mask, generator), "retouch"),
        row(Relight()(real, mask, generator), "relight"),
        row(aug(real, mask, generator=generator), "unified"),
    ]
)
sheet
