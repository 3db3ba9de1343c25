"""
The LUTs of a checkpoint
========================

Every composite's LUT is a mixture of the LUTs of the basis. Here are some of them, each on the
whole photo. Alone they are drastic; mixtures are not.
"""

import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

aug = harmaug.SycoNetAugment.from_pretrained("unified")
photo = next(photo for name, photo, _ in demo_photos() if name == "astronaut")
real = photo.tensor()

cells = []
for index in range(0, len(aug.basis), 3):
    looked_up = harmaug.apply_lut(real, aug.basis[index])
    cells.append((f"LUT {index + 1}", thumbnail(photo.recoloured(looked_up).pixels)))
sheet = contact_sheet([cells[:3], cells[3:6], cells[6:9]])
sheet

# %%
# Mixtures, with weights that are positive and sum to 1:
weights = torch.rand(3, len(aug.basis), generator=torch.Generator().manual_seed(0)).pow(6)
mixed = harmaug.mix_luts(weights / weights.sum(1, keepdim=True), aug.basis)
cells = [
    ("mixed", thumbnail(photo.recoloured(harmaug.apply_lut(real, lut)).pixels)) for lut in mixed
]
sheet = contact_sheet([cells])
sheet

# %%
# ``harmaug luts unified -o basis`` writes all of them as ``.cube`` files.
