"""
One photo, many views
=====================

A composite is the photo with another colour and light on its foreground. Decide once, and the
same colours go to any size and view of the photo.
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
luts = aug.sample(real, mask, generator=torch.Generator().manual_seed(11))  # (1, 3, D, D, D)
composite = aug.apply(luts, real, mask)[0]
sheet = contact_sheet(
    [[("real", picture(real)), ("mask", picture(mask[None])), ("composite", picture(composite))]]
)
sheet

# %%
# A smaller one, a crop and a mirrored one: the same LUT, so the same colours.
stacked = torch.cat((real, mask[None]))
small = F.interpolate(stacked[None], scale_factor=0.4, mode="bilinear", antialias=True)[0]
crop, mirrored = stacked[:, 60:260, 60:300], stacked.flip(-1)
views = {"smaller": small, "a crop": crop, "mirrored": mirrored}
cells = []
for caption, view in views.items():
    again = aug.apply(luts, view[:3].clamp(0, 1), view[3:].clamp(0, 1))[0]
    cells.append((caption, picture(again)))
sheet = contact_sheet([cells])
sheet

# %%
# The background keeps its exact values.
assert torch.equal(composite[:, mask == 0], real[:, mask == 0])
