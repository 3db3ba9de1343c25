"""Per sample: in a dataset that derives more from its composite before batching.

Arrays, PIL images and tensors come back as what they were.
"""

import numpy as np
from photos import small_photos

import harmaug


class Dataset:
    """Loads 8-bit arrays and stores a luminance beside each composite."""

    def __init__(self, transform: harmaug.SampleTransform) -> None:
        self.transform = transform
        self.photos = small_photos()

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        real, mask = self.photos[index]
        real8, composite8 = (
            (image * 255).byte().permute(1, 2, 0).contiguous().numpy()
            for image in (real, real * (1 - 0.4 * mask))
        )
        sample = {"image": composite8, "target_image": real8, "object_mask": mask[0].numpy()}
        sample = self.transform(sample)  # added, before anything is derived
        sample["luminance"] = sample["image"] @ np.float32([0.299, 0.587, 0.114])
        return sample


def main() -> None:
    augment = harmaug.SycoNetAugment.from_pretrained("unified")
    transform = harmaug.SampleTransform(
        augment, composite="image", real="target_image", mask="object_mask", p=0.5, seed=0
    )
    dataset = Dataset(transform)
    for sample in (dataset[index] for index in range(len(dataset))):
        image, real = sample["image"], sample["target_image"]
        change = np.abs(image.astype(float) - real).mean()
        print(f"{image.dtype} {image.shape}, mean change {change:.1f} of 255")


if __name__ == "__main__":
    main()
