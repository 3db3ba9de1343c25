"""DucoNet, S2CRNet, INR-Harmonization: these derive more from the composite of each sample.

A batch would be too late, so the transform goes into the dataset, before anything is derived. Both
splits share the class of the dataset: ``p`` is 0 for the others, which keeps them as they are.

- DucoNet: in ``iharm/data/hdataset.py``, ``HDataset.get_sample`` returns ``self.augment({...})``;
  the preset computes ``comp_img_lab`` anew. Make ``self.augment`` in ``__init__`` from ``split``.
- S2CRNet: in ``scripts/datasets/HCOCO.py``, the lines of ``S2CRNET_LINES`` below those that they
  are named by. Tell the splits by ``mode``: ``self.isTrain`` says whether the name of the data set
  has "train" in it. ``cv2_img`` is read from the file a second time, so it is made anew. Tried with
  commit 0d3422d (2022-12-03), dataset and loader of both splits, 0 and 2 workers.
- INR: in ``datasets/build_dataset.py``, ``__getitem__``, below the line that divides the mask by
  255 and before the first crop. Only in the mode "Train".
"""

from typing import Any

import numpy as np
from layouts import triple
from PIL import Image

import harmaug

S2CRNET_LINES = {
    "self.base_folder = args.base_dir": (
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
        'fields = harmaug.Fields.preset("s2crnet")',
        'self.augment = harmaug.SampleTransform(aug, fields, p=0.25 * (mode == "train"))',
    ),
    "anno = Image.open(": (
        'img = self.augment({"img": img, "anno": anno, "mask": mask})["img"]',
        "cv2_img = cv2.resize(np.array(img), (256, 256))",
    ),
}
"""Line of S2CRNet's dataset -> the lines to add below it."""

DUCONET_LINES = (
    "import harmaug",
    'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
    'fields = harmaug.Fields.preset("duconet")',
    'self.augment = harmaug.SampleTransform(aug, fields, p=0.25 * (split == "train"))',
)
"""Lines to add to ``__init__`` of DucoNet's dataset."""

INR_LINES = {
    "self.kp_t = area_keep_thresh": (
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
        'fields = harmaug.Fields.preset("inr")',
        'self.augment = harmaug.SampleTransform(aug, fields, p=0.25 * (mode == "Train"))',
    ),
    "mask = mask[:, :, 0].astype(np.float32) / 255.": (
        "sample = dict(composite_image=composite_image, real_image=real_image, mask=mask)",
        'composite_image = self.augment(sample)["composite_image"]',
    ),
}
"""Line of INR's dataset -> the lines to add below it."""


class S2CRNetLike:
    """A dataset with the added lines, as in S2CRNet."""

    def __init__(self, mode: str = "train") -> None:
        self.triple = triple("unit")
        aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()  # added
        fields = harmaug.Fields.preset("s2crnet")  # added; or "duconet", "inr"
        self.augment = harmaug.SampleTransform(aug, fields, p=0.25 * (mode == "train"))  # added

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
