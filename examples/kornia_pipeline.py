"""kornia: geometry on composite, real and mask of a batch, then synthetic composites."""

import kornia.augmentation as K
import torch
from photos import small_photos

import harmaug
from harmaug.adapters.kornia import KorniaAugment


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    geometry = K.RandomHorizontalFlip(), K.RandomResizedCrop((64, 64), scale=(0.5, 1.0))
    pipeline = KorniaAugment(aug, *geometry, space="unit", p=0.25, seed=0)

    real, mask = (torch.stack(part) for part in zip(*small_photos(), strict=True))
    composite, real, mask = pipeline(real * (1 - 0.4 * mask), real, mask)
    change = (composite - real).abs().mean((1, 2, 3))
    print(tuple(composite.shape), "mean changes", [round(value, 3) for value in change.tolist()])


if __name__ == "__main__":
    main()
