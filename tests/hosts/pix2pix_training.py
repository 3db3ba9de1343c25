"""Trainings of hosts made of pix2pix's code: DoveNet, BargainNet, RainNet, HDNet."""

from __future__ import annotations

import sys
from pathlib import Path

import pictures
from own_lines import loader_lines, patched
from stand_ins import without_gpu

_WHOLE = "--preprocess none"
_LOADED = "train_dataloader = train_dataset.load_data()"


def dovenet(folder: Path) -> None:
    without_gpu()
    more = "--model dovenet --netG s2ad --gan_mode wgangp --no_flip --preprocess none"
    _pix2pix(folder, "dovenet", more)


def bargainnet(folder: Path) -> None:
    more = "--model bargainnet --batch_size 1 --input_nc 20 --netG s2ad --norm batch"
    _pix2pix(folder, "bargainnet", more)


def _pix2pix(folder: Path, host: str, more: str) -> None:
    _arguments("train.py", folder, f"--display_id 0 {more}")
    lines = {"dataset = create_dataset(opt)": loader_lines("dataset", host)}
    patched("train.py", lines, name="__main__")


def _arguments(file: str, folder: Path, more: str) -> None:
    root = pictures.iharmony4(folder / "iharmony4", train=4)
    sys.argv = [file, "--dataset_root", f"{root}/", "--checkpoints_dir", str(folder), "--name", "a"]
    sys.argv += [
        "--gpu_ids",
        "-1",
        "--print_freq",
        "1",
        "--num_threads",
        "0",
        "--dataset_mode",
        "iharmony4",
    ]
    sys.argv += more.split()


def rainnet(folder: Path) -> None:
    without_gpu()
    _arguments("train.py", folder, f"--model rainnet --netG rainnet --normG RAIN {_WHOLE}")
    number = {"opt.load_iter+1": "int(opt.load_iter)+1"}
    patched("train.py", {_LOADED: loader_lines("train_dataloader", "rainnet")}, number, "__main__")


def hdnet(folder: Path) -> None:
    file = "train_evaluate.py"
    _arguments(file, folder, f"--batch_size 2 {_WHOLE}")
    lines = {_LOADED: loader_lines("train_dataloader", "hdnet")}
    patched(file, lines, {"keep=False": "leave=False"}, "__main__")
