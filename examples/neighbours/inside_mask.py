"""
Colours only inside a mask
==========================

What users ask of albumentations, kornia and torchvision: change the colours where the mask is, and
leave every other pixel alone. There is no composite and no pair; the photo itself changes. Outside
the mask no bit differs.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import torch

import harmaug
from harmaug.adapters.kornia import KorniaAugment
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail
from harmaug.recipes import RandomFilters

real, mask = next((p.tensor(), m) for name, p, m in demo_photos() if name == "coffee")
pixels = (real * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
aug = harmaug.SycoNetAugment.from_pretrained("unified")
torch.manual_seed(0)
found = {"photo": pixels}

# %%
# albumentations: ``real=None`` takes ``image`` itself.
try:
    import albumentations as A

    from harmaug.adapters.albumentations import SyntheticComposite

    pipeline = A.Compose(
        [A.HorizontalFlip(p=0), SyntheticComposite("unified", real=None, p=1)], seed=3
    )
    found["albumentations"] = pipeline(image=pixels, mask=mask.numpy())["image"]
except ImportError:
    print("albumentations is not installed: pip install 'harmaug[albumentations]'")

# %%
# torchvision: the field of the composite is that of the photo.
try:
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    from harmaug.adapters.torchvision import SyntheticComposite as Recolour

    fields = harmaug.Fields(composite="image", real="image", mask="mask", space="unit")
    transform = v2.Compose([v2.RandomHorizontalFlip(0), Recolour(aug, fields, p=1.0)])
    sample = {"image": tv_tensors.Image(real), "mask": tv_tensors.Image(mask[None])}
    found["torchvision"] = (
        (transform(sample)["image"] * 255).round().byte().permute(1, 2, 0).numpy()
    )
except (ImportError, RuntimeError):
    print("torchvision is not installed: pip install 'harmaug[torchvision]'")

# %%
# kornia: without a composite, one is made for every photo of the batch.
changed, _, _ = KorniaAugment(aug, space="unit")(None, real[None], mask[None, None])
found["kornia"] = (changed[0] * 255).round().byte().permute(1, 2, 0).numpy()

# %%
# By hand, and by a recipe without a net: filters are wider and less plausible.
found["aug(real, mask)"] = (aug(real, mask) * 255).round().byte().permute(1, 2, 0).numpy()
filtered = RandomFilters()(real[None], mask[None, None])[0]
found["RandomFilters"] = (filtered * 255).round().byte().permute(1, 2, 0).numpy()

for name, picture in found.items():
    assert (picture == pixels)[mask.numpy() == 0].all(), name
sheet = contact_sheet([[(name, thumbnail(picture, 190)) for name, picture in found.items()]])
print("outside the mask no pixel differs:", ", ".join(found))

# %%
# Known: the background is bit-identical, by test, in each of them. Not known: what it
# does for a classifier, a detector or a segmenter; none was trained with it here.
