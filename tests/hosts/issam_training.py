"""Trainings of iSSAM and what was made of its code: CDTNet, DCCF, PCT-Net, AICT, DucoNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pictures
import sample_trials
import torch
from own_lines import example, loader_lines, patched
from stand_ins import module, trilinear, untrained, without_gpu

_STARTED = "logger.info(f'Starting Epoch: {"
_SMALL = {"low_res_size = (256, 256)": "low_res_size = (64, 64)"}


def _train(
    folder: Path,
    script: str,
    host: str | None,
    replaced: Mapping[str, str] | None = None,
    started: str = _STARTED,
    main: str = "main",
    **options: object,
) -> None:
    from easydict import EasyDict  # hosts of this family need it themselves

    root = pictures.iharmony4(folder / "iharmony4", train=4, test=2)
    cfg = EasyDict(batch_size=2, workers=0, multi_gpu=False, start_epoch=0, weights=None)
    cfg.update(device=torch.device("cpu"), gpu_ids=[0], local_rank=0, resume_exp=None)
    cfg.LOGS_PATH = folder / "logs"
    cfg.HFLICKR_PATH, cfg.HDAY2NIGHT_PATH = root / "HFlickr", root / "Hday2night"
    cfg.HCOCO_PATH, cfg.HADOBE5K_PATH = root / "HCOCO", root / "HAdobe5k"
    cfg.HADOBE5K_RS_PATH = cfg.HADOBE5K_2048_PATH = cfg.HADOBE5K_PATH
    cfg.VIS_PATH, cfg.CHECKPOINTS_PATH = folder / "vis", folder / "checkpoints"
    cfg.update(options)
    below = {started: loader_lines("trainer.train_data", host)} if host else {}
    getattr(patched(script, below, replaced, name="model_script"), main)(cfg)


def issam(folder: Path) -> None:
    _train(folder, "models/fixed256/improved_ssam.py", "issam")


def pctnet_cnn(folder: Path) -> None:
    without_gpu()
    untrained("vgg16")
    _train(folder, "models/PCTNet_CNN.py", "pctnet-cnn")


def pctnet_vit(folder: Path) -> None:
    without_gpu()
    untrained("vgg16")
    _train(folder, "models/PCTNet_ViT.py", "pctnet-vit", _SMALL)


def aict(folder: Path) -> None:
    without_gpu()
    _train(folder, "models/AICT_ViT.py", "aict", _SMALL, lr=1e-4)


def duconet(folder: Path) -> None:
    lines, returned = example("per_sample").DUCONET_LINES, sample_trials.DUCONET_RETURNED
    below = {"self._split = split": lines}
    patched("iharm/data/hdataset.py", below, returned, "iharm.data.hdataset")
    small = {"crop_size = (256, 256)": "crop_size = (64, 64)"}
    _train(folder, "models/DucoNet_256.py", None, small, lr=1e-3, control_module_start=0)


def _dccf(folder: Path, script: str, host: str, replaced: Mapping[str, str] | None = None) -> None:
    import kornia

    module("numpy.lib.arraypad", _pad_dispatcher=None, _pad_simple=None)  # imported, not used
    kornia.gaussian_blur2d = kornia.filters.gaussian_blur2d  # its place in older versions
    _train(folder, f"models/fixed256/{script}.py", host, replaced)


def dccf_low(folder: Path) -> None:
    _dccf(folder, "issam_dccf_LR_hsv_1_clamp", "dccf-lr")


def dccf_high(folder: Path) -> None:
    small = {"model_cfg.crop_size = (768, 1024)": "model_cfg.crop_size = (96, 128)"}
    _dccf(folder, "issam_dccf_HR_hsv_1_clamp", "dccf", small | _SMALL)


def cdtnet(folder: Path) -> None:
    without_gpu()
    trilinear()
    sizes = {"hr": 128, "hr_w": 128, "hr_h": 128, "lr": 64, "n_lut": 4}
    names = "HDay2Night,HFlickr,HCOCO,HAdobe5k"
    _train(
        folder,
        "models/CDTNet.py",
        "cdtnet",
        main="train",
        **sizes,
        datasets=names,
        finetune_base=True,
        is_sim=False,
    )
