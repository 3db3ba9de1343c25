"""Augment one sample, in a dataset that computes more from its composite before batching.

Arrays, PIL images and tensors keep their type.
"""

import numpy as np
from photos import eight_bit, small_photos

import harmaug


class Dataset:
    """Load 8-bit arrays and add the luminance of each composite."""

    def __init__(self, transform: harmaug.SampleTransform) -> None:
        self.transform = transform
        self.photos = small_photos()

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        real, mask = self.photos[index]
        sample = {
            "image": eight_bit(real * (1 - 0.4 * mask)),
            "target_image": eight_bit(real),
            "object_mask": mask[0].numpy(),
        }
        sample = self.transform(sample)  # added, before anything is computed from the composite
        sample["luminance"] = sample["image"] @ np.array([0.299, 0.587, 0.114], np.float32)
        return sample


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    transform = harmaug.SampleTransform(
        aug, composite="image", real="target_image", mask="object_mask", p=0.25, seed=0
    )
    dataset = Dataset(transform)
    for sample in (dataset[index] for index in range(len(dataset))):
        image, real = sample["image"], sample["target_image"]
        change = np.abs(image.astype(float) - real).mean()
        print(f"{image.dtype} {image.shape}, mean change {change:.1f} of 255")


if __name__ == "__main__":
    main()
