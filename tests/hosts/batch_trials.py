"""Trials of hosts whose batches are dicts or tuples of photos of one size."""

from __future__ import annotations

import sys
import types
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pictures
from checks import Recorder, Trial
from own_lines import example, keys
from torch.utils.data import DataLoader, DistributedSampler

INPUTS = (("inputs", slice(3)),)


def _iharmony4(folder: Path, workers: int) -> str:
    return f"{pictures.iharmony4(folder / f'iharmony4-{workers}')}/"


def dovenet(folder: Path, workers: int) -> Iterator[Trial]:
    from data import create_dataset

    root = _iharmony4(folder, workers)
    opt = Namespace(dataset_root=root, dataset_mode="iharmony4", isTrain=True, batch_size=4)
    opt.preprocess, opt.no_flip, opt.serial_batches = "none", True, False
    opt.num_threads, opt.max_dataset_size = workers, float("inf")
    dataset = create_dataset(opt)
    recorder = Recorder(dataset)
    wrapped = example("pix2pix").add_harmaug(recorder)
    assert len(wrapped) == len(dataset), "len counts pictures, as the host's does"
    view = ("comp",), ("real",), ("inputs", slice(3, 4))
    yield Trial("train", wrapped, recorder, [view], INPUTS, sized=False)


def bargainnet(folder: Path, workers: int) -> Iterator[Trial]:
    from data import create_dataset

    root = _iharmony4(folder, workers)
    opt = Namespace(dataset_root=root, dataset_mode="iharmony4", isTrain=True, batch_size=1)
    opt.preprocess, opt.no_flip, opt.serial_batches = "resize_and_crop", False, False
    opt.num_threads, opt.max_dataset_size = workers, float("inf")
    recorder = Recorder(create_dataset(opt))
    wrapped = example("pix2pix").add_harmaug(recorder, "bargainnet")
    yield Trial("train", wrapped, recorder, [keys("comp", "real", "mask")], sized=False)


def rainnet(folder: Path, workers: int) -> Iterator[Trial]:
    from data import CustomDataset

    opt = Namespace(dataset_root=_iharmony4(folder, workers), dataset_mode="iharmony4")
    opt.batch_size, opt.num_threads, opt.preprocess = 4, workers, "none"
    recorder = Recorder(CustomDataset(opt, is_for_train=True).load_data())
    wrapped = example("pix2pix").add_harmaug(recorder, "rainnet")  # HDNet's preset is the same
    yield Trial("train", wrapped, recorder, [keys("comp", "real", "mask")])


def iih(folder: Path, workers: int) -> Iterator[Trial]:
    sys.modules["util"] = types.ModuleType("util")  # its package imports what training needs
    sys.modules["util.util"] = sys.modules["util"].util = types.ModuleType("util.util")  # type: ignore[attr-defined]
    from data import create_dataset, shuffle_dataset

    root = pictures.iharmony4(folder / f"iharmony4-{workers}") / "HCOCO"
    cfg = Namespace(dataset_root=f"{root}/", dataset_mode="ihd", dataset_name="HCOCO")
    cfg.isTrain, cfg.crop_size, cfg.batch_size = True, 64, 2
    cfg.NUM_GPUS, cfg.num_threads = 0, workers
    loader = create_dataset(cfg)
    recorder = Recorder(loader)
    wrapped = example("iih").add_harmaug(recorder)
    shuffle_dataset(example("iih").add_harmaug(loader), 1)  # it looks at the type of the sampler
    yield Trial("train", wrapped, recorder, [keys("comp", "real", "mask")], INPUTS)


def phnet(folder: Path, workers: int) -> Iterator[Trial]:
    sys.modules["imutils"] = types.ModuleType("imutils")  # of another of its datasets
    tools = types.ModuleType("tools")  # its package imports the trainer, and that a GPU's tools
    tools.__path__ = ["tools"]
    sys.modules["tools"] = tools
    from tools.dataset import IhdDataset

    opt = Namespace(iharmony=_iharmony4(folder, workers), crop_size=64)
    IhdDataset.isTrain = True  # it reads this and never sets it
    own = IhdDataset(opt, stage="train", apply_augs=True)
    sampler = DistributedSampler(own, num_replicas=2, rank=1)
    recorder = Recorder(DataLoader(own, 4, sampler=sampler, num_workers=workers))
    trainer = Namespace(train_dataloader=recorder)
    example("phnet").add_harmaug(trainer)
    view = keys("comp", "real", "mask")
    yield Trial("second of two ranks", trainer.train_dataloader, recorder, [view], INPUTS)


def xmba15(folder: Path, workers: int) -> Iterator[Trial]:
    sys.path.insert(0, "scripts")
    data = types.ModuleType("src")  # its package imports the model
    data.__path__ = ["src"]
    sys.modules["src"] = data
    from src.data import HarmonyDataset
    from train_utils import get_transforms

    transforms = get_transforms({"load_sizes": [72, 80], "crop_size": 64})["train"]
    root = _iharmony4(folder, workers)
    own = HarmonyDataset(root, set_type="train", transforms=transforms, opt_train_size=0.75)
    recorder = Recorder(DataLoader(own, 4, True, num_workers=workers, drop_last=True))
    wrapped = example("tuples").add_harmaug(recorder, "bargainnet-xmba15")
    yield Trial("train", wrapped, recorder, [keys(0, 1, 2)])


def pih(folder: Path, workers: int) -> Iterator[Trial]:
    from dataset import DataCompositeGAN, DataCompositeGAN_iharmony

    data = pictures.pih(folder / f"pih{workers}")
    for dataset in DataCompositeGAN, DataCompositeGAN_iharmony:
        for raw in False, True:
            own = dataset(str(data), augment=True, colorjitter=True, return_raw=raw)
            recorder = Recorder(DataLoader(own, 4, True, num_workers=workers, drop_last=True))
            wrapped = example("tuples").add_harmaug(recorder, "pih")
            yield Trial(f"{dataset.__name__} raw={raw}", wrapped, recorder, [keys(5, 3, 4)])


def s2am(folder: Path, workers: int) -> Iterator[Trial]:
    sys.modules["scipy.misc"] = types.ModuleType("misc")  # imported, not used
    from scripts.datasets.COCO import COCO

    root = pictures.s2am(folder / f"s2am{workers}")
    args = Namespace(input_size=64, base_dir=str(root), data="set", limited_dataset=0)
    recorder = Recorder(DataLoader(COCO("train", args), 4, True, num_workers=workers))
    wrapped = example("tuples").add_harmaug(recorder, "s2am")
    view = (0, slice(3)), (1,), (0, slice(3, 4))
    yield Trial("train", wrapped, recorder, [view])


def harmonizer(folder: Path, workers: int) -> Iterator[Trial]:
    import proxy

    root = pictures.harmonizer(folder / f"harmonizer{workers}")
    host = object.__new__(proxy.HarmonizerProxy)
    host.data, host.train_loader, host.val_loader = proxy.data, None, None
    host.args = Namespace(
        **dict.fromkeys(("ignore_additional", "validation", "short_ep", "sublabeled_path")),
        **{"labeled_batch_size": 2, "additional_batch_size": 3, "batch_size": 5, "im_size": 64},
        num_workers=workers,
        trainset={"harmonizer_iharmony4": [str(root / "train")]},
        additionalset={"original_iharmony4": [str(root / "train")]},
        valset={"original_iharmony4": [str(root / "test")]},
    )
    host._create_dataloader()
    recorder = Recorder(host.train_loader)
    wrapped = example("harmonizer").add_harmaug(recorder)
    yield Trial("two streams", wrapped, recorder, [((0, 0), (1, 0), (0, 1))], (), 2)


def dirl(folder: Path, workers: int, package: str = "data") -> Iterator[Trial]:
    from importlib import import_module

    own = import_module(f"{package}.ihd_dataset").IhdDataset
    root = _iharmony4(folder, workers)
    opt: Any = Namespace(dataset_root=root, phase="train", is_train=True, is_val=False)
    opt.preprocess, opt.no_flip, opt.crop_size = "resize_and_crop", False, 64
    loader = DataLoader(own(opt), 4, shuffle=True, drop_last=True, num_workers=workers)
    recorder = Recorder(loader)
    trainer = Namespace(inharm_dataloader=recorder)
    example("regions").add_harmaug(trainer)  # MadisNet's preset is the same
    view = keys("comp", "real", "mask")
    yield Trial("train", trainer.inharm_dataloader, recorder, [view])


def madisnet(folder: Path, workers: int) -> Iterator[Trial]:
    return dirl(folder, workers, "dataset")
