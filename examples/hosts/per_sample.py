"""DucoNet, S2CRNet, INR-Harmonization: datasets that compute more from the composite of a sample.

So the transform goes into the dataset, before anything is computed from the composite:

- DucoNet: in ``iharm/data/hdataset.py``, ``HDataset.get_sample`` returns ``self.augment({...})``;
  the preset computes ``comp_img_lab`` again. Only for the split "train".
- S2CRNet: in ``scripts/datasets/HCOCO.py``, ``__getitem__``, below the line that opens ``anno``.
  Its ``cv2_img`` is read from the file again: make it from the new ``img`` instead.
- INR: in ``datasets/build_dataset.py``, ``__getitem__``, below the line that divides the mask by
  255 and before the first crop. Only in the mode "Train".
"""

from typing import Any

import numpy as np
from layouts import triple
from PIL import Image

import harmaug


class S2CRNetLike:
    """A dataset with the added lines, as in S2CRNet."""

    def __init__(self) -> None:
        self.triple = triple("unit")
        aug = harmaug.SycoNetAugment.from_pretrained("unified")  # added, in __init__
        fields = harmaug.Fields.preset("s2crnet")  # or "duconet", "inr"
        self.augment = harmaug.SampleTransform(aug, fields, p=0.5)

    def __getitem__(self, item: int) -> dict[str, Any]:
        pictures = [(part[item] * 255).byte().permute(1, 2, 0).numpy() for part in self.triple]
        img, anno = (Image.fromarray(picture) for picture in pictures[:2])
        mask = Image.fromarray(pictures[2][..., 0])

        img = self.augment({"img": img, "anno": anno, "mask": mask})["img"]  # added

        return {
            "composite_images": img.resize((32, 32)),
            "fore_images": img.crop(mask.getbbox()),
            "cv2_img": np.asarray(img),
        }


def main() -> None:
    dataset = S2CRNetLike()
    for index in range(3):
        sample = dataset[index]
        print({key: getattr(value, "size", value) for key, value in sample.items()})


if __name__ == "__main__":
    main()
