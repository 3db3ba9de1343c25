"""Trials of hosts whose samples are frames of a video."""

from __future__ import annotations

import sys
import types
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pictures
import torch
from checks import Recorder, Trial
from own_lines import example, keys
from torch.utils.data import DataLoader


def triplet(folder: Path, workers: int) -> Iterator[Trial]:
    sys.modules["util"] = types.ModuleType("util")  # its modules import what training needs
    sys.modules["util.util"] = sys.modules["util"].util = types.ModuleType("util.util")  # type: ignore[attr-defined]
    from data import create_dataset

    root = pictures.hyoutube(folder / f"hyoutube{workers}")
    cfg = Namespace(dataset_root=f"{root}/", dataset_mode="hytsample", isTrain=True)
    cfg.batch_size, cfg.NUM_GPUS, cfg.num_threads = 2, 0, workers
    cfg.crop_size, cfg.n_frames = 64, 5
    recorder = Recorder(create_dataset(cfg))
    wrapped = example("clips").add_harmaug(recorder)
    yield Trial("train", wrapped, recorder, [keys("comp", "real", "mask")])


def co2net(folder: Path, workers: int) -> Iterator[Trial]:
    """Its current frame alone: its dataset has no real photo of the previous frames."""
    from albumentations import Resize
    from iharm.data.compose import MyPreviousSequenceDataset
    from iharm.data.transforms import HCompose
    from torchvision import transforms

    import harmaug

    root = pictures.hyoutube(folder / f"hyoutube{workers}")
    own = MyPreviousSequenceDataset(
        str(root / "train_frames.txt"),
        str(root),
        2,
        2,
        augmentator=HCompose(
            [Resize(64, 64)],
            additional_targets={
                "target_image": "image",
                "object_mask": "mask",
                "pre_image": "image",
                "pre_object_mask": "mask",
            },
        ),
        input_transform=transforms.Compose([transforms.ToTensor()]),
        keep_background_prob=-1,
        with_previous=True,
    )
    recorder = Recorder(DataLoader(own, 4, shuffle=True, num_workers=workers))
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("co2net", space="unit", views=())
    wrapped = harmaug.AugmentedLoader(recorder, aug, fields, p=0.5)
    view = keys("images", "target_images", "masks")
    yield Trial("current frames", wrapped, recorder, [view])

    class WithReal(torch.utils.data.Dataset):
        """What its dataset is once it returns the real previous frames too."""

        def __len__(self) -> int:
            return len(own)

        def __getitem__(self, index: int) -> dict[str, object]:
            sample = own[index]
            frames = len(sample["pre_images"])
            return {**sample, "pre_target_images": torch.stack([sample["target_images"]] * frames)}

    recorder = Recorder(DataLoader(WithReal(), 4, shuffle=True, num_workers=workers))
    wrapped = example("co2net").add_harmaug(recorder)
    views = [view, keys("pre_images", "pre_target_images", "pre_masks")]
    yield Trial("with previous frames", wrapped, recorder, views)
