"""Own photos with masks and no composites at all: pairs to train on from a folder.

The transform adds the composite that the folder does not have.
"""

import tempfile
from pathlib import Path

from photos import small_photos
from PIL import Image

import harmaug


def write_folder(folder: Path) -> None:
    """Stand-in for your own folder: NAME.jpg beside NAME_mask.png."""
    for index, (real, mask) in enumerate(small_photos()):
        pixels = (real * 255).byte().permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(folder / f"{index}.jpg", quality=95)
        Image.fromarray((mask[0] * 255).byte().numpy()).save(folder / f"{index}_mask.png")


class Folder:
    """Photos and masks of a folder as harmonization pairs."""

    def __init__(self, folder: Path, augment: harmaug.SycoNetAugment) -> None:
        self.paths = sorted(folder.glob("*.jpg"))
        self.transform = harmaug.SampleTransform(
            augment, composite="composite", real="real", mask="mask"
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Image.Image]:
        path = self.paths[index]
        real = Image.open(path).convert("RGB")
        mask = Image.open(path.with_name(f"{path.stem}_mask.png")).convert("L")
        return self.transform({"real": real, "mask": mask})


def main() -> None:
    augment = harmaug.SycoNetAugment.from_pretrained("unified")
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name))
        pairs = Folder(Path(name), augment)
        for index in range(len(pairs)):
            pair = pairs[index]
            print(", ".join(f"{key}: {image.mode} {image.size}" for key, image in pair.items()))


if __name__ == "__main__":
    main()
