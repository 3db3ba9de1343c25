"""albumentations: geometry on composite, real and mask, then a synthetic composite.

``pip install 'harmaug[albumentations]'``. NO_ALBUMENTATIONS_UPDATE=1 turns its version check off,
which needs the network.
"""

import os
import tempfile

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
from photos import eight_bit, small_photos

import harmaug
from harmaug.adapters.albumentations import SyntheticComposite


def run(checkpoint: str) -> None:
    pipeline = A.Compose(
        [
            A.RandomResizedCrop((64, 64), scale=(0.5, 1.0), mask_interpolation=cv2.INTER_LINEAR),
            A.HorizontalFlip(),
            SyntheticComposite(checkpoint, real="target_image", mask="mask", p=0.25),
        ],
        additional_targets={"target_image": "image"},
        seed=0,
    )
    for real, mask in small_photos():
        composite = eight_bit(real * (1 - 0.4 * mask))
        made = pipeline(image=composite, target_image=eight_bit(real), mask=mask[0].numpy())
        same = (made["image"] == made["target_image"])[made["mask"] == 0].all()
        print(f"{made['image'].shape}, background equals that of the photo: {same}")
    saved = A.to_dict(pipeline)["transform"]["transforms"][-1]
    print("saved by name or path:", saved["checkpoint"])


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    with tempfile.TemporaryDirectory() as folder:
        aug.save_pretrained(folder)
        run(folder)


if __name__ == "__main__":
    main()
