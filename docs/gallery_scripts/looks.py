"""
Looks as .cube files
====================

A look is a LUT. Here six are made by formulas, written as ``.cube`` files, read back, and put on
a foreground.
"""

import tempfile
from pathlib import Path

import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

lut = harmaug.identity_lut(17)  # (3, 17, 17, 17), lut[c, b, g, r]
grey = (lut * torch.tensor([0.3, 0.59, 0.11]).view(3, 1, 1, 1)).sum(0, keepdim=True)


def gains(red: float, green: float, blue: float) -> torch.Tensor:
    return torch.tensor([red, green, blue]).view(3, 1, 1, 1)


looks = {
    "warm": lut * gains(1.12, 1, 0.8),
    "cold": lut * gains(0.82, 0.98, 1.15),
    "faded": 0.14 + 0.72 * (0.6 * lut + 0.4 * grey),
    "dusk": lut.pow(1.6) * gains(1.05, 0.85, 0.9),
    "bleached": lut.lerp(grey, 0.7).pow(0.8),
    "sepia": grey * gains(1.1, 0.9, 0.65),
}

# %%
photo, mask = next((photo, mask) for name, photo, mask in demo_photos() if name == "coffee")
cells = []
with tempfile.TemporaryDirectory() as folder:
    for name, look in looks.items():
        path = Path(folder) / f"{name}.cube"
        harmaug.write_cube(path, look.clamp(0, 1), title=name)
        composite = harmaug.composite_lut(photo.tensor(), mask, harmaug.read_cube(path))
        cells.append((path.name, thumbnail(photo.recoloured(composite).pixels)))
sheet = contact_sheet([cells[:3], cells[3:]])
sheet

# %%
# ``harmaug train --transforms looks/`` learns from such files.
