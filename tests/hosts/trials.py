"""Run a host's own dataset and loader with the lines of examples/hosts.

``python trials.py HOST FOLDER`` with FOLDER/PIH, FOLDER/RainNet, ...: one process for each host,
because modules of several hosts share names. It needs torchvision. Nothing of a host is kept here:
only how its dataset is imported, and what must hold.
"""

from __future__ import annotations

import os
import runpy
import sys
import tempfile
import types
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pictures
import torch
from checks import Place, Recorder, Trial, check
from PIL import Image
from torch.utils.data import DataLoader

EXAMPLES = Path(__file__).parents[2] / "examples/hosts"


def example(name: str) -> Any:
    """Return a module of examples/hosts, whose lines are tried as they stand."""
    sys.path.append(str(EXAMPLES))
    return Namespace(**runpy.run_path(str(EXAMPLES / f"{name}.py")))


def keys(*names: Any) -> tuple[Place, ...]:
    """Return the places of keys at the top of a batch."""
    return tuple((name,) for name in names)


def pih(folder: Path, workers: int) -> Iterator[Trial]:
    from dataset import DataCompositeGAN, DataCompositeGAN_iharmony

    data = pictures.pih(folder / f"pih{workers}")
    for dataset in DataCompositeGAN, DataCompositeGAN_iharmony:
        for raw in False, True:
            own = dataset(str(data), augment=True, colorjitter=True, return_raw=raw)
            recorder = Recorder(DataLoader(own, 4, True, num_workers=workers, drop_last=True))
            wrapped = example("tuples").add_harmaug(recorder, "pih")
            yield Trial(f"{dataset.__name__} raw={raw}", wrapped, recorder, [keys(5, 3, 4)])


def pix2pix(folder: Path, workers: int) -> Iterator[Trial]:
    from data import CustomDataset

    root = pictures.iharmony4(folder / f"iharmony4-{workers}")
    opt = Namespace(dataset_root=str(root), dataset_mode="iharmony4", batch_size=4)
    opt.num_threads, opt.preprocess = workers, "none"
    recorder = Recorder(CustomDataset(opt, is_for_train=True).load_data())
    wrapped = example("pix2pix").add_harmaug(recorder, "rainnet")  # HDNet's preset is the same
    yield Trial("train", wrapped, recorder, [keys("comp", "real", "mask")])


def dccf(folder: Path, workers: int) -> Iterator[Trial]:
    import albumentations
    from iharm.data.compose import ComposeDatasetUpsample
    from iharm.data.hdataset import HDatasetUpsample
    from torchvision import transforms

    root = pictures.iharmony4(folder / f"iharmony4-{workers}")
    normal = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

    def geometry(*size: int) -> Any:  # the host's own HCompose needs albumentations 1
        steps = [albumentations.Resize(*size), albumentations.HorizontalFlip()]
        targets = {"target_image": "image", "object_mask": "mask"}
        return albumentations.Compose(steps, additional_targets=targets)

    for use_hr in False, True:
        large = geometry(96, 128) if use_hr else None
        own = ComposeDatasetUpsample(
            [HDatasetUpsample(root / subset, split="train") for subset in pictures.SUBSETS],
            augmentator_1=large,
            augmentator_2=geometry(64, 64),
            input_transform=transforms.Compose([transforms.ToTensor(), normal]),
            keep_background_prob=0.05,
            use_hr=use_hr,
        )
        recorder = Recorder(DataLoader(own, 4, shuffle=True, drop_last=True, num_workers=workers))
        trainer = Namespace(train_data=recorder)
        example("issam").add_harmaug(trainer, "dccf" if use_hr else "dccf-lr")
        views = [keys("images", "target_images", "masks")]
        if use_hr:
            views.append(keys("images_fullres", "target_images_fullres", "masks_fullres"))
        copies = () if use_hr else keys("images_fullres")
        yield Trial(f"use_hr={use_hr}", trainer.train_data, recorder, views, copies)


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


def s2crnet(folder: Path, workers: int) -> None:
    """Put the two lines into the source of its dataset, as the example says, and try that."""
    import cv2

    sys.modules["scipy.misc"] = types.ModuleType("misc")  # imported, not used
    path = Path("scripts/datasets/HCOCO.py")
    source = path.read_text()
    for below, lines in example("per_sample").S2CRNET_LINES.items():
        assert source.count(below) == 1, f"{below!r} is not once in {path}"
        at = source.index("\n", source.index(below)) + 1
        source = source[:at] + "".join(f"        {line}\n" for line in lines) + source[at:]
    module: dict[str, Any] = {"__name__": "HCOCO"}
    exec(compile(source, str(path), "exec"), module)
    root = pictures.iharmony4(folder / f"iharmony4-{workers}", train=24)
    args = Namespace(base_dir=str(root), data="HCOCO", withLabel="True")
    args.input_size = args.hr_size = pictures.SIZE
    for split in "train", "val":
        own = module["HCOCO"](split, args)
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


HOSTS: dict[str, tuple[str, Callable[[Path, int], Any]]] = {
    "PIH": ("", pih),
    "S2CRNet": ("", s2crnet),
    "RainNet": ("", pix2pix),
    "HDNet": ("", pix2pix),
    "Harmonizer": ("src/train/harmonizer", harmonizer),
    "DCCF": ("", dccf),
    "DiffHarmony": ("", diffharmony),
}
"""Name of the checkout -> folder in it from which the host is started, and the trial."""


def main() -> None:
    host, checkouts = sys.argv[1:]
    inner, trials = HOSTS[host]
    here = Path(checkouts).resolve() / host / inner
    sys.path[:0] = [str(here), str(here.parent)]
    os.chdir(here)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        for workers in 0, 2:
            print(f"{workers} workers")
            for trial in trials(Path(folder), workers) or ():
                check(trial)


if __name__ == "__main__":
    main()
