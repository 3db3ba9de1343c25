"""Trainings of S2CRNet, s2am, xmba15's BargainNet, PHNet, DIRL, MadisNet and HCDM."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pictures
import yaml
from own_lines import example, loader_lines, patched
from stand_ins import module, untrained, without_gpu


def _after(text: str, lines: list[str], indent: int) -> dict[str, str]:
    """Return what to replace so that lines follow a text of more than one line."""
    return {text: text + "".join(f"\n{' ' * indent}{line}" for line in lines)}


def s2crnet(folder: Path) -> None:
    without_gpu()
    module("scipy.misc")  # imported, not used
    module("trilinear")  # of another of its networks
    module("scripts.models.patchNCE", PatchNCELoss=None)  # not published
    module("thop", profile=None, clever_format=None)  # counts operations
    untrained("vgg16", "vgg19")
    import skimage.measure
    import torch.utils.model_zoo

    skimage.measure.compare_psnr = skimage.measure.compare_ssim = None  # in older versions

    root = pictures.iharmony4(folder / "iharmony4", train=8)
    patched(
        "scripts/datasets/HCOCO.py",
        example("per_sample").S2CRNET_LINES,
        name="scripts.datasets.HCOCO",
    )
    sys.argv = ["main.py", "--base-dir", str(root), "-c", str(folder / "checkpoint")]
    sys.argv += "--machine ssppv2 --arch fusionv3s --withLabel True --data HCOCO".split()
    sys.argv += "--train-batch 2 --test-batch 1 -j 0".split()
    torch.utils.model_zoo.load_url = lambda *args, **options: None  # random weights, no download
    load = torch.nn.Module.load_state_dict
    torch.nn.Module.load_state_dict = lambda self, state, **options: (
        None if state is None else load(self, state, **options)
    )
    patched("main.py", {}, name="__main__")


def s2am(folder: Path) -> None:
    without_gpu()
    module("scipy.misc")  # imported, not used
    untrained("vgg16", "vgg19")
    root = pictures.s2am(folder / "s2am")
    sys.argv = ["main.py", "--base-dir", str(root), "-c", str(folder / "checkpoint")]
    sys.argv += "--machine basic --arch rascv2 --data set --train-batch 2 -j 0".split()
    sys.argv += "--input-size 128".split()
    # its dataset gives the path of the picture too
    three = {"for i, (inputs, target) in enumerate(self.train_loader)": (
        "for i, (inputs, target, _) in enumerate(self.train_loader)")}
    patched("scripts/machines/BasicMachine.py", {}, three, "scripts.machines.BasicMachine")
    lines = {"lr = args.lr\n": loader_lines("train_loader", "s2am")}
    patched("main.py", lines, name="__main__")


def xmba15(folder: Path) -> None:
    import torchmetrics.image

    root = pictures.iharmony4(folder / "iharmony4", train=8)
    options = yaml.safe_load(Path("config/base.yaml").read_text("utf-8"))
    options["dataset"] |= {"root_dir": str(root), "train_size": 0.75}
    options["trainer"] |= {"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0}
    options["train_parameters"]["batch_size"] = 2
    measure = partial(torchmetrics.image.PeakSignalNoiseRatio, data_range=1.0)
    torchmetrics.image.PeakSignalNoiseRatio = measure  # older versions found the range
    options |= {"num_workers": 0, "output_root_dir": str(folder / "experiments")}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(options))
    sys.argv = ["train.py", "--config_path", str(config)]
    sys.path.insert(0, "scripts")
    lines = loader_lines("train_loader", "bargainnet-xmba15")
    patched("scripts/train.py", {}, _after("pin_memory=True,\n    )", lines, 4), "__main__")


def phnet(folder: Path) -> None:
    without_gpu()
    untrained("vgg16")
    from omegaconf import OmegaConf
    from tools.dataset import IhdDataset

    IhdDataset.isTrain = True  # it reads this and never sets it
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    args: Any = OmegaConf.load("config/train.yaml")
    args.datasets.iharmony = f"{root}/"
    args.datasets_to_use_val, args.dataset_to_use_train = [], "IhdDataset"
    args.batch_size, args.num_workers, args.world_size = 2, 1, 1
    args.log_dir, args.checkpoint_dir = str(folder / "log"), str(folder / "checkpoints")
    args.disable_mixed_precision = True
    source = Path("tools/trainer.py").read_text("utf-8")
    source = source.replace("device_ids=[self.rank],", "").replace(".to(self.rank)", '.to("cpu")')
    copy = folder / "trainer.py"
    copy.write_text(source)
    lines = loader_lines("self.train_dataloader", "phnet")
    text = "persistent_workers=True,\n        )\n\n        self.val"
    wrapped = "".join(f"\n        {line}" for line in lines)
    made = {text: text.replace("\n\n", f"{wrapped}\n\n")}
    patched(str(copy), {}, made, "tools.trainer").Trainer(0, 1, args=args)


def _regions(folder: Path, script: str, below: str, more: str) -> None:
    untrained("resnet34")
    import albumentations

    # its place in older versions
    albumentations.augmentations.transforms.Resize = albumentations.Resize
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    (root / "le50_test.txt").rename(root / "le50_val.txt")
    sys.argv = [script, "--dataset_root", f"{root}/", "--checkpoints_dir", str(folder / "out")]
    sys.argv += f"--gpu_ids -1 --batch_size 2 --num_threads 0 {more}".split()
    lines = loader_lines("self.inharm_dataloader", "dirl")
    before = "".join(f"{line}\n        " for line in lines)
    patched(script, {}, {below: before + below}, "__main__")


def dirl(folder: Path) -> None:
    _regions(folder, "dirl_train.py", "opt.phase = 'val'", "--mda_mode mask --crop_size 224")


def madisnet(folder: Path) -> None:
    _regions(folder, "train.py", "# Validation Set", "--batch_norm --lambda_ssim 0")


def hcdm(folder: Path) -> None:
    import shutil

    import torchvision.transforms.functional as functional
    from data import dataset

    dataset.tf = functional  # the published file calls it by a name that it never imports
    root = pictures.iharmony4(folder / "iharmony4", train=8) / "HCOCO"
    shutil.copytree(root / "composite_images", root / "composite_images_train")
    (published,) = Path("config").glob("*allinone*.json") or [None]
    text = "".join(
        line.split("//")[0] + "\n" for line in published.read_text("utf-8").splitlines()
    )
    options = json.loads(text)
    train = options["datasets"]["train"]
    train["which_dataset"]["args"]["data_root"] = str(root / "composite_images_train")
    train["dataloader"]["args"] |= {"batch_size": 2, "num_workers": 0, "pin_memory": False}
    train["dataloader"]["val_args"] |= {"num_workers": 0, "pin_memory": False}
    options["path"] |= {"base_dir": str(folder / "experiments"), "resume_state": None}
    for network in options["model"]["which_networks"]:
        network["args"]["unet"]["inner_channel"] = 32
    config = folder / "config.json"
    config.write_text(json.dumps(options))
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    sys.argv = ["run.py", "-c", str(config), "-p", "train"]
    lines = {"phase_loader, val_loader = define_dataloader": loader_lines("phase_loader", "hcdm")}
    patched("run.py", lines, name="__main__")
