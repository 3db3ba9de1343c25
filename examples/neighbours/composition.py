"""
Composition with other light
============================

A composer such as `ControlCom <https://github.com/bcmi/ControlCom-Image-Composition>`_ learns to
put an object into a scene. It sees the object as it was elsewhere, under other light, and the scene
with a hole. Its target is the photo itself, untouched. The object's colours come from
``ColorJitter`` there.
"""

import torch

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail

photos = {name: (photo.tensor(), mask) for name, photo, mask in demo_photos()}
aug = harmaug.SycoNetAugment.from_pretrained("unified")


# %%
# The crop of the object is the reference, and its colours change; the photo stays the target.
def composition_pair(
    real: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return reference, scene with a hole and target, of a photo (3, H, W) and its mask (H, W)."""
    rows, columns = (mask > 0.5).nonzero().unbind(1)
    box = (
        slice(None),
        slice(int(rows.min()), int(rows.max()) + 1),
        slice(int(columns.min()), int(columns.max()) + 1),
    )
    recoloured = aug(real, mask)
    reference = torch.where(mask > 0.5, recoloured, torch.ones_like(real))[box]
    scene = real.clone()
    scene[box] = 0.5
    return reference, scene, real


# %%
# Two draws for each of three photos:
torch.manual_seed(0)
rows = []
for name in ("cat", "coffee", "raccoon"):
    row = []
    for _ in range(2):
        reference, scene, target = composition_pair(*photos[name])
        for caption, picture in ("reference", reference), ("scene", scene), ("target", target):
            pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
            row.append((caption, thumbnail(pixels, 150)))
        assert target is photos[name][0]
    rows.append(row)
sheet = contact_sheet(rows)
print("references:", tuple(reference.shape), "targets are the photos themselves")

# %%
# Read in ``ldm/data/open_images_control.py`` at 5575dc2 (2026-02-24); its training was not run.
#
# Known: ControlCom's mode "harmonization" is the task that harmaug is made for. Not known: no
# composer was trained with it here. The shape of the object does not change; view and pose need
# their geometric transforms as before.
