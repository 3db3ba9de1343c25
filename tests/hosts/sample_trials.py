"""Trials of hosts whose datasets compute more from a composite: lines put into their source."""

from __future__ import annotations

import sys
import types
from argparse import Namespace
from functools import partial
from pathlib import Path

import numpy as np
import pictures
import torch
from checks import check_samples
from own_lines import example, patched
from PIL import Image
from torch.utils.data import DataLoader

DUCONET_RETURNED = {
    "return {\n            'image'": "return self.augment({\n            'image'",
    "'comp_img_name':composite_image_name,\n        }": (
        "'comp_img_name':composite_image_name,\n        })"
    ),
}
"""Text of DucoNet's dataset -> what its page puts there."""


def s2crnet(folder: Path, workers: int) -> None:
    """Put the two lines into the source of its dataset, as the example says, and try that."""
    import cv2

    sys.modules["scipy.misc"] = types.ModuleType("misc")  # imported, not used
    lines = example("per_sample").S2CRNET_LINES
    module = patched("scripts/datasets/HCOCO.py", lines)
    root = pictures.iharmony4(folder / f"iharmony4-{workers}", train=24)
    args = Namespace(base_dir=str(root), data="HCOCO", withLabel="True")
    args.input_size = args.hr_size = pictures.SIZE
    for split in "train", "val":
        own = module.HCOCO(split, args)
        synthetic = total = 0
        for batch in DataLoader(own, 4, shuffle=split == "train", num_workers=workers):
            for row, name in enumerate(batch["img_url"]):
                made, real = batch["composite_images"][row], batch["real_images"][row]
                file = torch.from_numpy(np.array(Image.open(name))).permute(2, 0, 1) / 255
                pixels = (made * 255).round().byte().permute(1, 2, 0).numpy()
                large = torch.from_numpy(cv2.resize(pixels, (256, 256))).permute(2, 0, 1) / 255
                assert torch.equal(batch["cv2_img"][row], large), "cv2_img does not follow"
                total += 1
                if not torch.equal(made, file):
                    synthetic += 1
                    outside = batch["mask"][row][0] == 0
                    assert torch.equal(made[:, outside], real[:, outside])
                    assert torch.equal(batch["ori_img"][row], made)
        assert 0 < synthetic < total if split == "train" else synthetic == 0
        print(f"{split}, {workers} workers: {synthetic} of {total} composites synthetic")


def duconet(folder: Path, workers: int) -> None:
    """Each added line of its page, in the class that both splits share."""
    import cv2
    from torchvision import transforms

    root = pictures.iharmony4(folder / f"iharmony4-{workers}", train=24) / "HCOCO"
    lines = {"self._split = split": example("per_sample").DUCONET_LINES}
    module = patched("iharm/data/hdataset.py", lines, DUCONET_RETURNED, "iharm.data.with_lines")
    for split in "train", "test":
        own = module.HDataset(root, split=split, input_transform=transforms.ToTensor())
        batches = list(DataLoader(own, 4, num_workers=workers))
        names = "images", "target_images", "masks"
        check_samples(f"{split}, {workers} workers", batches, split == "train", *names)
        for batch in batches:
            for picture, lab in zip(batch["images"], batch["comp_img_lab"], strict=True):
                pixels = (picture * 255).round().byte().permute(1, 2, 0).numpy()
                found = (lab * 255).round().byte().permute(1, 2, 0).numpy()
                assert np.array_equal(cv2.cvtColor(pixels, cv2.COLOR_RGB2Lab), found)


def inr(folder: Path, workers: int) -> None:
    """The lines of its page, in training at one resolution and in validation."""
    import albumentations
    from torchvision import transforms

    sys.modules["adamp"] = types.ModuleType("adamp")  # an optimizer, imported on the way
    sys.modules["adamp"].AdamP = None  # type: ignore[attr-defined]
    root = pictures.iharmony4(folder / f"iharmony4-{workers}", train=8)
    lines = example("per_sample").INR_LINES
    module = patched("datasets/build_dataset.py", lines, name="datasets.with_lines")
    opt = Namespace(dataset_path=str(root), hr_train=False, isFullRes=False, input_size=64)
    opt.base_size = opt.INR_input_size = 64
    opt.transform_mean = opt.transform_var = [0.5, 0.5, 0.5]
    opt.isMoreINRInput = True
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    resize = albumentations.Compose(
        [albumentations.Resize(64, 64)],
        additional_targets={"real_image": "image", "object_mask": "image"},
    )
    made = partial(DataLoader, batch_size=4, num_workers=workers)
    for split, mode in ("train", "Train"), ("test", "Val"):
        file = str(root / f"IHD_{split}.txt")
        own = module.dataset_generator(file, resize, to_tensor, opt, mode=mode)
        names = "composite_image", "real_image", "mask"
        check_samples(f"{mode}, {workers} workers", made(own), mode == "Train", *names)
