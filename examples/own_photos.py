"""Train on photos with masks and no composites: the transform adds the composite."""

import tempfile
from pathlib import Path

from photos import eight_bit, small_photos
from PIL import Image, ImageOps

import harmaug


def write_folder(folder: Path) -> None:
    """Write a stand-in for your own folder: NAME.jpg beside NAME_mask.png."""
    for index, (real, mask) in enumerate(small_photos()):
        Image.fromarray(eight_bit(real)).save(folder / f"{index}.jpg", quality=95)
        Image.fromarray(eight_bit(mask)[..., 0]).save(folder / f"{index}_mask.png")


class Folder:
    """Photos and masks of a folder as harmonization pairs."""

    def __init__(self, folder: Path, aug: harmaug.SycoNetAugment) -> None:
        self.paths = sorted(folder.glob("*.jpg"))
        self.transform = harmaug.SampleTransform(
            aug, composite="composite", real="real", mask="mask"
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict[str, Image.Image]:
        path = self.paths[index]
        real = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        mask = Image.open(path.with_name(f"{path.stem}_mask.png")).convert("L")
        return self.transform({"real": real, "mask": mask})


def main() -> None:
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name))
        pairs = Folder(Path(name), aug)
        for pair in (pairs[index] for index in range(len(pairs))):
            print(", ".join(f"{key}: {image.mode} {image.size}" for key, image in pair.items()))


if __name__ == "__main__":
    main()
