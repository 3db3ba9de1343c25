"""
One photo, many sizes
=====================

A composite is the photo with another colour and light on its foreground. Decide once, and the
same colours go to any size of the photo.
"""

import torch
from PIL import Image
from torch.nn import functional as F

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail, to_8_bits

aug = harmaug.SycoNetAugment.from_pretrained("unified")
photo, mask = next((photo, mask) for name, photo, mask in demo_photos() if name == "cat")
real = photo.tensor()


def picture(image: torch.Tensor, side: int = 240) -> Image.Image:
    """Return (C, H, W) in [0, 1] as a picture."""
    pixels = (image * 255).round().byte().permute(1, 2, 0).squeeze(-1).numpy()
    return thumbnail(to_8_bits(pixels), side)


# %%
# ``sample`` decides, ``apply`` recolours.
luts = aug.sample(real, mask, generator=torch.Generator().manual_seed(11))
composite = aug.apply(luts, real, mask)[0]
pictures = {"real": real, "mask": mask[None], "composite": composite}
sheet = contact_sheet([[(name, picture(image)) for name, image in pictures.items()]])
sheet

# %%
# Other sizes: the same LUTs, so the same colours.
stacked = torch.cat((real, mask[None]))[None]
cells = []
for side in (300, 150, 75):
    smaller = F.interpolate(stacked, (side, side * 3 // 2), mode="bilinear", antialias=True)
    view = smaller[0].clamp(0, 1)
    again = aug.apply(luts, view[:3], view[3:])[0]
    cells.append((f"{side} pixels high", picture(again, side * 3 // 2)))
sheet = contact_sheet([cells])
sheet

# %%
# The background keeps its exact values.
assert torch.equal(composite[:, mask == 0], real[:, mask == 0])
