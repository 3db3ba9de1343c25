"""Trainings of S2CRNet, s2am, xmba15's BargainNet, DIRL and MadisNet."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

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
    sys.argv += [
        "--machine",
        "ssppv2",
        "--arch",
        "fusionv3s",
        "--withLabel",
        "True",
        "--data",
        "HCOCO",
    ]
    sys.argv += ["--train-batch", "2", "--test-batch", "1", "-j", "0"]
    torch.utils.model_zoo.load_url = lambda *args, **options: None  # random weights, no download
    load = torch.nn.Module.load_state_dict
    torch.nn.Module.load_state_dict = lambda self, state, **options: (
        None if state is None else load(self, state, **options)
    )
    patched("main.py", {}, name="__main__")


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


def s2am(folder: Path) -> None:
    """Its dataset's third value, which its trainers do not unpack, is taken out."""
    without_gpu()
    module("scipy.misc")  # imported, not used
    root = pictures.s2am(folder / "s2am")
    from scripts import datasets

    two = {"return (inputs,target,img_path)": "return (inputs,target)"}
    datasets.COCO = patched("scripts/datasets/COCO.py", {}, two, name="two").COCO
    sys.argv = ["main.py", "--base-dir", str(root), "-c", str(folder / "checkpoint")]
    sys.argv += ["--arch", "rascv2", "--machine", "basic", "--input-size", "256", "--data", "set"]
    sys.argv += ["--train-batch", "2", "--test-batch", "1", "-j", "0"]
    before = "data_loaders = (train_loader,val_loader)"
    lines = "\n    ".join([*loader_lines("train_loader", "s2am"), before])
    patched("main.py", {}, {before: lines}, name="__main__")


def dirl(folder: Path) -> None:
    untrained("resnet34")
    _localization(folder, "dirl_train.py", "dirl", "opt.phase = 'val'")


def madisnet(folder: Path) -> None:
    untrained("resnet34", "vgg16")
    _localization(folder, "train.py", "madisnet", "# Validation Set")


def _localization(folder: Path, script: str, preset: str, below: str) -> None:
    import albumentations

    # its place in older versions
    albumentations.augmentations.transforms.Resize = albumentations.Resize
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    (root / "le50_test.txt").rename(root / "le50_val.txt")
    sys.argv = [script, "--dataset_root", f"{root}/", "--checkpoints_dir", str(folder / "out")]
    sys.argv += ["--gpu_ids", "-1", "--batch_size", "2", "--num_threads", "0", "--mda_mode", "mask"]
    sys.argv += ["--load_size", "128", "--crop_size", "128"]
    lines = loader_lines("self.inharm_dataloader", preset)
    before = "".join(f"{line}\n        " for line in lines)
    patched(script, {}, {below: before + below}, "__main__")
