"""PCT-Net and AICT: wrap the trainer's training loader; full-size images take the same LUT.

Where: in ``models/PCTNet_CNN.py`` or ``PCTNet_ViT.py``, below ``trainer = PCT_Trainer(...)``.
The CNN's images are normalised with ImageNet's mean and std, the ViT's and AICT's are not. The
full-size images are lists of tensors of different sizes. The contrastive loss takes the other
images of a batch as negatives, so ``mode="append"`` is refused.
"""

from types import SimpleNamespace
from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(trainer: Any, host: str = "pctnet-cnn") -> None:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset(host)  # "pctnet-cnn", "pctnet-vit" or "aict"
    trainer.train_data = harmaug.AugmentedLoader(trainer.train_data, aug, fields, p="auto")


def pctnet_batch() -> dict[str, Any]:
    """Return a batch as PCT-Net's collate function makes it."""
    images, targets, masks = triple("imagenet", size=64)
    large, large_targets, large_masks = triple("imagenet", size=160)
    crops = [160 - 8 * index for index in range(len(images))]
    return {
        "images": images,
        "masks": masks,
        "target_images": targets,
        "images_fullres": [image[:, :crop] for image, crop in zip(large, crops, strict=True)],
        "masks_fullres": [mask[:, :crop] for mask, crop in zip(large_masks, crops, strict=True)],
        "target_images_fullres": [
            image[:, :crop] for image, crop in zip(large_targets, crops, strict=True)
        ],
        "image_info": list(range(len(images))),
    }


def main() -> None:
    trainer = SimpleNamespace(train_data=batches(pctnet_batch, 1))
    add_harmaug(trainer)
    for batch in trainer.train_data:
        print("low:", tuple(batch["images"].shape))
        print("full:", [tuple(image.shape) for image in batch["images_fullres"]])


if __name__ == "__main__":
    main()
