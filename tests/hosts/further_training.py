"""Trainings of hosts with a trainer of their own: Harmonizer, IIH, HT, INR, PHNet, PIH."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pictures
from own_lines import example, loader_lines, patched, patched_training
from stand_ins import module, untrained, without_gpu


def harmonizer(folder: Path) -> None:
    without_gpu(1)
    root = pictures.harmonizer(folder / "harmonizer")
    sys.path.insert(0, str(Path("..").resolve()))
    import torchtask

    lines = {
        "self.args.iters_per_epoch = len(self.train_loader)": loader_lines(
            "self.train_loader", "harmonizer"
        )
    }
    template = patched("../torchtask/template/proxy.py", lines, name="torchtask.template.proxy")
    torchtask.proxy_template = template
    from module.harmonizer import EfficientBackbone

    EfficientBackbone.from_pretrained = EfficientBackbone.from_name  # random weights, no download
    script = patched("script/train.py", {}, name="script")
    options = script.config | {"out_path": str(folder / "result"), "num_workers": 0, "log_freq": 1}
    options |= {"im_size": 64, "batch_size": 5, "additional_batch_size": 3}
    train, test = [str(root / "train")], [str(root / "test")]
    options["trainset"] = {"harmonizer_iharmony4": train}
    options |= {
        "additionalset": {"original_iharmony4": train},
        "valset": {"original_iharmony4": test},
    }
    torchtask.run_script(options, script.proxy, script.proxy.HarmonizerProxy)


def _iih(folder: Path, model: str, preset: str) -> None:
    without_gpu()
    module("visdom")
    root = pictures.iharmony4(folder / "iharmony4", train=8) / "HCOCO"
    sys.argv = ["train.py", "--dataset_root", f"{root}/", "--dataset_name", "HCOCO"]
    sys.argv += ["--checkpoints_dir", str(folder), "--name", "a", "--num_threads", "0"]
    sys.argv += f"--print_freq 2 --batch_size 2 {model}".split()
    patched_training(folder, preset)
    patched("train.py", {}, name="__main__")


def iih(folder: Path) -> None:
    _iih(folder, "--model iih_base", "iih")


def ht(folder: Path) -> None:
    _iih(folder, "--model ht --tr_r_enc_head 2 --tr_r_enc_layers 2", "ht")


def dht(folder: Path) -> None:
    model = "--model dht --light_use_mask --tr_r_enc_head 2 --tr_r_enc_layers 2"
    model += " --tr_i_dec_head 2 --tr_i_dec_layers 2 --tr_l_dec_head 2 --tr_l_dec_layers 2"
    _iih(folder, model, "dht+")


def inr(folder: Path) -> None:
    without_gpu()
    vars(np)["int"] = int  # its name in older versions
    from model.hrnetv2.hrnet_ocr import HighResolutionNet

    HighResolutionNet.load_pretrained_weights = lambda *args: None  # random weights, no download
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    lines = example("per_sample").INR_LINES
    patched("datasets/build_dataset.py", lines, name="datasets.build_dataset")
    sys.argv = ["train.py", "--dataset_path", str(root), "--save_path", str(folder / "logs")]
    sys.argv += ["--device", "cpu", "--batch_size", "2", "--workers", "0", "--print_freq", "1"]
    # no workers, none that persist
    plain = {
        "num_workers=opt.workers, persistent_workers=True)\n\n    val": (
            "num_workers=opt.workers)\n\n    val"
        )
    }
    plain["num_workers=opt.workers, persistent_workers=True)\n\n    model"] = (
        "num_workers=opt.workers)\n\n    model"
    )
    patched("train.py", {}, plain, name="__main__")


def phnet(folder: Path) -> None:
    without_gpu()
    untrained("vgg16")  # of a loss whose weight is 0
    from omegaconf import OmegaConf
    from tools.dataset import IhdDataset

    IhdDataset.isTrain = True  # it reads this and never sets it
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    options = OmegaConf.load("config/train.yaml")
    options.datasets.update({"iharmony": f"{root}/", "crop_size": 64})
    options.update({"dataset_to_use_train": "IhdDataset", "datasets_to_use_val": []})
    options.update({"batch_size": 2, "num_workers": 0, "log_dir": str(folder / "log")})
    options.checkpoint_dir = str(folder / "checkpoints")
    loader = "num_workers=self.args.num_workers,\n            persistent_workers="
    start = f"batch_size=self.args.batch_size,\n            {loader}"
    own = {
        f"{start}True": f"{start}False",
        "device_ids=[self.rank],": "",  # of a GPU
        "file:///tmp/gloo{time.time()}": f"file://{folder}/gloo",
    }
    lines = {"self.val_dataloaders = dict()": loader_lines("self.train_dataloader", "phnet")}
    trainer = patched("tools/trainer.py", lines, own, name="tools.trainer")
    trainer.Trainer(0, 1, args=options)


def pih(folder: Path) -> None:
    without_gpu()
    script = str(Path("PIH_train.py").resolve())
    data = pictures.pih(folder / "pih")
    sys.argv = ["PIH_train.py", "--datadir", str(data), "-g", "0", "--bs", "2", "--workers", "0"]
    sys.argv += ["--reconratio", "1", "--reconweight", "0.92"]
    on = """onlysaveg unetd nocurve piecewiselinear pairaugment purepairaugment lowdim
        ganlossmask reconwithgan masking brush swap onlyupsample joint lessskip aggupsample
        colorjitter lowres scheduler"""
    sys.argv += [f"--{name}" for name in on.split()]
    below = "self.data_length = len(self.dataset)"
    os.chdir(folder)  # where its checkpoints go
    lines = {below: loader_lines("self.dataloader", "pih")}
    patched(script, lines, {"prefetch_factor=8,": ""}, "__main__")  # without workers
