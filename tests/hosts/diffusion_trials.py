"""Trials of diffusion and bridge models, each with a data module of its own."""

from __future__ import annotations

import logging
import os
import sys
import types
from argparse import Namespace
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pictures
import torch
from checks import Recorder, Trial, check_samples
from own_lines import example, keys, patched
from torch.utils.data import ConcatDataset, DataLoader


def diffharmony(folder: Path, workers: int) -> Iterator[Trial]:
    import accelerate
    from src.dataset import ihd_dataset

    pictures.iharmony4(folder / f"iharmony4-{workers}")
    os.chdir(folder)  # its paths are relative
    opt = Namespace(dataset_root=f"iharmony4-{workers}", train_file="train.jsonl", mask_dilate=0)
    opt.test_file, opt.random_flip, opt.random_crop = "test.jsonl", True, True
    line = example("diffharmony").add_harmaug
    prepare = accelerate.Accelerator(cpu=True).prepare

    def recorded(own: Any) -> Recorder:
        return Recorder(prepare(DataLoader(own, shuffle=True, batch_size=4, num_workers=workers)))

    recorder = recorded(ihd_dataset.IhdDatasetMultiRes("train", None, [256, 512], opt))
    views = [((size, "comp"), (size, "real"), (size, "mask")) for size in (512, 256)]
    yield Trial("refinement_stage", line(recorder), recorder, views)
    opt.random_crop = False
    single = {
        "diffharmony": ihd_dataset.IhdDatasetSingleRes("train", None, 256, opt),
        "cvae": ihd_dataset.IhdDatasetWithSDXLMetadata("train", 256, opt),
    }
    for name, own in single.items():
        recorder = recorded(own)
        wrapped = line(recorder, composite="comp", real="real", mask="mask", views=())
        yield Trial(name, wrapped, recorder, [keys("comp", "real", "mask")])


def hcdm(folder: Path, workers: int) -> Iterator[Trial]:
    import shutil

    import torchvision.transforms.functional as functional
    from data import dataset as own
    from data import define_dataloader

    own.tf = functional  # the published file calls it by a name that it never imports
    root = pictures.iharmony4(folder / f"iharmony4-{workers}") / "HCOCO"
    shutil.copytree(root / "composite_images", root / "composite_images_train")
    args = {"data_root": str(root / "composite_images_train"), "image_size": [64, 64]}
    which = {"name": ["data.dataset", "HarmonizationTrainDataset"], "args": args}
    loader = {"batch_size": 2, "num_workers": workers, "shuffle": True, "drop_last": True}
    part = {"which_dataset": which, "dataloader": {"validation_split": 2, "args": loader}}
    opt = {"phase": "train", "datasets": {"train": part}, "seed": 0, "distributed": False}
    opt |= {"global_rank": 0, "name": "trial"}
    phase_loader, validation = define_dataloader(logging.getLogger("hcdm"), opt)
    recorder = Recorder(phase_loader)
    wrapped = example("diffusion").add_harmaug(recorder)
    assert type(validation) is DataLoader
    yield Trial("train", wrapped, recorder, [keys("cond_image", "gt_image", "mask")])


def lbm(folder: Path, workers: int) -> Iterator[Trial]:
    lbm = types.ModuleType("lbm")  # its package imports its models
    lbm.__path__ = ["lbm"]
    sys.modules["lbm"] = lbm
    from lbm.data.datasets import DataModule, DataModuleConfig

    config = DataModuleConfig(
        shards_path_or_urls=pictures.shards(folder / f"shards{workers}"),
        decoder="pil",
        per_worker_batch_size=4,
        num_workers=workers,
    )
    module = DataModule(train_config=config, train_filters_mappers=lbm_mappers())
    module.setup()
    recorder = Recorder(module.train_dataloader())
    module.train_dataloader = lambda: recorder
    example("diffusion").add_to_module(module)
    view = ("source_image",), ("target_image",), ("mask", slice(1))
    yield Trial("train", module.train_dataloader(), recorder, [view], sized=False)


def lbm_mappers() -> list[Any]:
    """Return what makes LBM's samples of the parts in a shard."""
    from lbm.data.filters import KeyFilter, KeyFilterConfig
    from lbm.data.mappers import (
        KeyRenameMapper,
        KeyRenameMapperConfig,
        MapperWrapper,
        RescaleMapper,
        RescaleMapperConfig,
        TorchvisionMapper,
        TorchvisionMapperConfig,
    )

    names = {"source.jpg": "source_image", "target.jpg": "target_image", "mask.png": "mask"}
    tensors = [
        TorchvisionMapper(
            TorchvisionMapperConfig(key=key, transforms=["ToTensor"], transforms_kwargs=[{}])
        )
        for key in names.values()
    ]
    scaled = [
        RescaleMapper(RescaleMapperConfig(key=key)) for key in ("source_image", "target_image")
    ]
    renamed = KeyRenameMapper(KeyRenameMapperConfig(key_map=names))
    return [
        KeyFilter(KeyFilterConfig(keys=list(names))),
        MapperWrapper([renamed, *tensors, *scaled]),
    ]


def region_to_region(folder: Path, workers: int) -> Iterator[Trial]:
    import harmaug

    root = pictures.iharmony4(folder / f"iharmony4-{workers}", train=8)
    here, lines = os.getcwd(), example("region_to_region")
    own = patched("ihd_dataset.py", {}, name="bare")
    parts = [str(root / name / "composite_images") for name in pictures.SUBSETS]
    dataset: Any = ConcatDataset([own.DatasetClearVAE(part, "train") for part in parts])
    made = partial(DataLoader, batch_size=4, num_workers=workers)
    recorder = Recorder(made(dataset, shuffle=True))
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("region-to-region-vae", derive={})
    wrapped = harmaug.AugmentedLoader(recorder, aug, fields, p=0.5)
    view = ("ref",), ("tar",), ("mask",)
    yield Trial("autoencoder", wrapped, recorder, [view], last=True)
    for split in "train", "test":
        part = ConcatDataset([own.DatasetClearVAE(path, split) for path in parts])
        options = {"collate_fn": lines.add_harmaug()} if split == "train" else {}
        batches = [
            {key: _first(batch[key]) for key in ("ref", "tar", "mask")}
            for batch in made(part, **options)
        ]
        check_samples(f"autoencoder, {split}", batches, split == "train", "ref", "tar", "mask")

    os.chdir(folder)
    control = patched(f"{here}/ihd_dataset.py", lines.CONTROL_LINES, name="with_lines")
    opt = Namespace(dataset_root=root.name, train_file="train.jsonl", mask_dilate=0)
    opt.test_file, opt.random_flip, opt.random_crop = "test.jsonl", True, True
    for split in "train", "test":
        part = control.IhdDatasetMultiRes(split, opt, resolution=64)
        batches = [
            {
                "comp": _first(batch["jpg"])[:, 3:6],
                "real": _first(batch["jpg"])[:, :3],
                "mask": _first(batch["jpg"])[:, 6:],
            }
            for batch in made(part)
        ]
        check_samples(f"control, {split}", batches, split == "train", "comp", "real", "mask")
    os.chdir(here)


def _first(pictures: torch.Tensor) -> torch.Tensor:
    """Return pictures (B, H, W, C) channels first."""
    return pictures.movedim(-1, 1)
