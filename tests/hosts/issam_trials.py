"""Trials of iSSAM and what was made of its code: CDTNet, DCCF, PCT-Net, AICT."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pictures
from checks import Recorder, Trial
from own_lines import example, inner_function, keys
from torch.utils.data import DataLoader

MAIN = keys("images", "target_images", "masks")
FULL = keys("images_fullres", "target_images_fullres", "masks_fullres")


def _to_tensor(imagenet: bool) -> Any:
    from torchvision import transforms

    normal = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return transforms.Compose([transforms.ToTensor(), *([normal] if imagenet else [])])


def _subsets(folder: Path, workers: int) -> list[Path]:
    root = pictures.iharmony4(folder / f"iharmony4-{workers}")
    return [root / subset for subset in pictures.SUBSETS]


def issam(folder: Path, workers: int, host: str = "issam") -> Iterator[Trial]:
    from albumentations import HorizontalFlip, RandomResizedCrop
    from iharm.data.compose import ComposeDataset
    from iharm.data.hdataset import HDataset
    from iharm.data.transforms import HCompose

    own = ComposeDataset(
        [HDataset(subset, split="train") for subset in _subsets(folder, workers)],
        augmentator=HCompose([RandomResizedCrop(64, 64, scale=(0.5, 1.0)), HorizontalFlip()]),
        input_transform=_to_tensor(host == "issam"),
        keep_background_prob=0.05,
    )
    recorder = Recorder(DataLoader(own, 4, shuffle=True, drop_last=True, num_workers=workers))
    trainer = Namespace(train_data=recorder)
    example("issam").add_harmaug(trainer, host)
    yield Trial("train", trainer.train_data, recorder, [MAIN])


def cdtnet(folder: Path, workers: int) -> Iterator[Trial]:
    return issam(folder, workers, "cdtnet")


def dccf(folder: Path, workers: int) -> Iterator[Trial]:
    import albumentations
    from iharm.data.compose import ComposeDatasetUpsample
    from iharm.data.hdataset import HDatasetUpsample

    def geometry(*size: int) -> Any:  # the host's own HCompose needs albumentations 1
        steps = [albumentations.Resize(*size), albumentations.HorizontalFlip()]
        targets = {"target_image": "image", "object_mask": "mask"}
        return albumentations.Compose(steps, additional_targets=targets)

    subsets = _subsets(folder, workers)
    for use_hr in False, True:
        own = ComposeDatasetUpsample(
            [HDatasetUpsample(subset, split="train") for subset in subsets],
            augmentator_1=geometry(96, 128) if use_hr else None,
            augmentator_2=geometry(64, 64),
            input_transform=_to_tensor(True),
            keep_background_prob=0.05,
            use_hr=use_hr,
        )
        recorder = Recorder(DataLoader(own, 4, shuffle=True, drop_last=True, num_workers=workers))
        trainer = Namespace(train_data=recorder)
        example("issam").add_harmaug(trainer, "dccf" if use_hr else "dccf-lr")
        copies = () if use_hr else keys("images_fullres")
        views = [MAIN, FULL] if use_hr else [MAIN]
        yield Trial(f"use_hr={use_hr}", trainer.train_data, recorder, views, copies)


def pctnet(folder: Path, workers: int) -> Iterator[Trial]:
    yield from _full_resolution(folder, workers, "pctnet-cnn", imagenet=True)
    yield from _full_resolution(folder, workers, "pctnet-vit", imagenet=False)


def aict(folder: Path, workers: int) -> Iterator[Trial]:
    return _full_resolution(folder, workers, "aict", imagenet=False)


def _full_resolution(folder: Path, workers: int, host: str, *, imagenet: bool) -> Iterator[Trial]:
    from albumentations import Resize
    from iharm.data.compose import ComposeDatasetUpsample
    from iharm.data.hdataset import HDatasetUpsample
    from iharm.data.transforms import HCompose, RandomCropNoResize

    folder = folder / host
    folder.mkdir(exist_ok=True)
    own = ComposeDatasetUpsample(
        [HDatasetUpsample(subset, split="train") for subset in _subsets(folder, workers)],
        augmentator_1=HCompose([RandomCropNoResize(ratio=0.7)]),
        augmentator_2=HCompose([Resize(32, 32)]),
        input_transform=_to_tensor(imagenet),
        keep_background_prob=0.05,
        use_hr=True,
    )
    collate = _collate(host)
    loader = DataLoader(
        own, 4, shuffle=True, drop_last=True, num_workers=workers, collate_fn=collate
    )
    recorder = Recorder(loader)
    trainer = Namespace(train_data=recorder)
    example("pctnet").add_harmaug(trainer, host)
    yield Trial(host, trainer.train_data, recorder, [MAIN, FULL])


def _collate(host: str) -> Any:
    """Return the host's collate function, which keeps full-size pictures in lists."""
    names = {"pctnet-cnn": "PCTNet_CNN", "pctnet-vit": "PCTNet_ViT", "aict": "AICT_ViT"}
    return inner_function(f"models/{names[host]}.py", "collate_fn_FR")
