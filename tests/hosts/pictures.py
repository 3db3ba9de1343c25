"""Small picture sets in the layouts that the datasets of host codebases read."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SUBSETS = ("HCOCO", "HFlickr", "HAdobe5k", "Hday2night")
SIZE = 64


def picture(seed: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Return composite, real and mask of one sample."""
    numbers = np.random.default_rng(seed)
    coarse = (numbers.random((8, 8, 3)) * 255).astype(np.uint8)
    real = np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    inside = x**2 + y**2 < (SIZE / (3 + seed % 3)) ** 2
    composite = np.where(inside[..., None], real * numbers.uniform(0.4, 0.8, 3), real)
    mask = Image.fromarray(inside.astype(np.uint8) * 255)
    return Image.fromarray(composite.astype(np.uint8)), Image.fromarray(real), mask


def iharmony4(root: Path, train: int = 4, test: int = 2) -> Path:
    """Write iHarmony4: four subsets with every kind of list file."""
    listed: dict[str, list[str]] = {"train": [], "test": []}
    for number, subset in enumerate(SUBSETS):
        for kind in ("composite_images", "real_images", "masks"):
            (root / subset / kind).mkdir(parents=True)
        names: dict[str, list[str]] = {"train": [], "test": []}
        for index in range(train + test):
            composite, real, mask = picture(100 * number + index)
            composite.save(root / subset / f"composite_images/a{index}_1_1.jpg")
            real.save(root / subset / f"real_images/a{index}.jpg")
            mask.save(root / subset / f"masks/a{index}_1.png")
            names["train" if index < train else "test"].append(f"a{index}_1_1.jpg")
        for split, those in names.items():
            _write(root / subset / f"{subset}_{split}.txt", those)
            labelled = [f"{name} 0 {index % 5}" for index, name in enumerate(those)]
            _write(root / subset / f"{subset}_{split}_slabels_04.txt", labelled)
            listed[split] += [f"{subset}/composite_images/{name}" for name in those]
    for split, paths in listed.items():
        _write(root / f"IHD_{split}.txt", paths)
        _write(root / f"{split}.txt", paths)
        _write(root / f"le50_{split}.txt", paths)
        _write(root / f"{split}.jsonl", [json.dumps({"file_name": path}) for path in paths])
    return root


def pih(root: Path, count: int = 6) -> Path:
    """Write what both training datasets of PIH read: photos before and after a retouch."""
    for kind in ("masks", "real_images", "bg", "composite"):
        (root / kind).mkdir(parents=True)
    for index in range(count):
        composite, real, mask = picture(index)
        for name, photo in (f"{index}_before", real), (f"{index}_after", composite):
            mask.save(root / f"masks/{name}_mask.png")
            photo.save(root / f"real_images/{name}.png")
            photo.save(root / f"real_images/{name}.jpg")
            composite.save(root / f"composite/{name}_composite.jpg")
            real.transpose(Image.Transpose.ROTATE_90).save(root / f"bg/{name}_mask.png")
    return root


def s2am(root: Path, count: int = 8) -> Path:
    """Write what s2am's dataset reads: image, natural and mask of one name, two splits."""
    for split in ("train", "val"):
        for kind in ("image", "natural", "mask"):
            (root / f"{split}set" / kind).mkdir(parents=True)
        for index in range(count):
            for kind, part in zip(("image", "natural", "mask"), picture(index), strict=True):
                part.save(root / f"{split}set" / kind / f"a{index}.png")
    return root


def harmonizer(root: Path, count: int = 12) -> Path:
    """Write what Harmonizer's datasets read: comp, image and mask of one name, two splits."""
    for split in ("train", "test"):
        for kind in ("comp", "image", "mask"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            for kind, part in zip(("comp", "image", "mask"), picture(index), strict=True):
                part.save(root / split / kind / f"a{index}.jpg")
    return root


def hyoutube(root: Path, videos: int = 6, frames: int = 8) -> Path:
    """Write HYouTube: composites of an object, real frames, masks, and both kinds of list."""
    listed, objects = [], []
    for video in range(videos):
        name = f"{video:09}"
        made, masks = (
            root / kind / name / "object_0"
            for kind in ("synthetic_composite_videos", "foreground_mask")
        )
        for path in (made, masks, root / "real_videos" / name):
            path.mkdir(parents=True, exist_ok=True)
        objects.append(f"synthetic_composite_videos/{name}/object_0")
        for frame in range(frames):
            composite, real, mask = picture(20 * video + frame)
            number = f"{5 * frame:05}"
            composite.save(made / f"{number}.jpg")
            real.save(root / "real_videos" / name / f"{number}.jpg")
            mask.save(masks / f"{number}.png")
            shown = f"object_0/{number}"
            listed.append(
                f"real_videos/{name}/{number}.jpg foreground_mask/{name}/{shown}.png "
                f"synthetic_composite_videos/{name}/{shown}.jpg"
            )
    for split in "train", "test":
        _write(root / f"{split}_list.txt", objects)
        _write(root / f"{split}_frames.txt", listed)
    return root


def shards(root: Path, count: int = 12) -> list[str]:
    """Write two tar files as webdataset reads them: source, target and mask of one name."""
    root.mkdir(parents=True)
    paths = []
    for shard in range(2):
        path = root / f"{shard}.tar"
        with tarfile.open(path, "w") as tar:
            for index in range(count):
                parts = zip(("source.jpg", "target.jpg", "mask.png"), picture(index), strict=True)
                for kind, part in parts:
                    file = root / "part"
                    part.save(file, "PNG" if kind.endswith("png") else "JPEG")
                    tar.add(file, f"{shard}-{index}.{kind}")
        paths.append(str(path))
    return paths


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
