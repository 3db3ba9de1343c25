"""torchvision.transforms.v2: geometry on composite, real and mask, then a synthetic composite.

``pip install 'harmaug[torchvision]'``
"""

from photos import small_photos
from torchvision import tv_tensors
from torchvision.transforms import v2

import harmaug
from harmaug.adapters.torchvision import SyntheticComposite


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
    pipeline = v2.Compose(
        [
            v2.RandomResizedCrop((64, 64), scale=(0.5, 1.0)),
            v2.RandomHorizontalFlip(),
            SyntheticComposite(aug, fields, p=0.25),
        ]
    )
    for real, mask in small_photos():
        # As an Image, the mask is resized by the bilinear filter and keeps its soft edges.
        sample = {"comp": real * (1 - 0.4 * mask), "real": real, "mask": mask}
        made = pipeline({key: tv_tensors.Image(value) for key, value in sample.items()})
        print({key: (type(value).__name__, tuple(value.shape)) for key, value in made.items()})


if __name__ == "__main__":
    main()
