"""Trainings of CO2Net and VideoTripletTransformer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pictures
import torch
from own_lines import loader_lines, patched, patched_training
from PIL import Image
from stand_ins import module, seen_colours, without_gpu


class RealFrames(torch.utils.data.Dataset):
    """CO2Net's dataset of sequences with the real photos of the frames around."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.own[index]
        _, _, before, _, real, after, _ = self.own.dataset_samples[index]
        size = sample["images"].shape[:0:-1]
        files = [Path(real).with_name(Path(name).name) for name in (*before, *after)]
        photos = [self.own.input_transform(Image.open(file).resize(size)) for file in files]
        return {**sample, "pre_target_images": torch.stack(photos)}


def co2net(folder: Path) -> None:
    """Its second stage with random weights in its backbone, without stored LUT results."""
    without_gpu()
    seen_colours()
    import skimage.measure

    for name in "mse", "psnr", "ssim":  # in older versions
        setattr(skimage.measure, f"compare_{name}", None)
    sized = "torch.cuda.set_device(int((str(input.device))[-1]))"
    patched("iharm/model/modeling/lut.py", {}, {sized: ""}, "iharm.model.modeling.lut")
    from iharm.model.base import SSAMImageHarmonization

    options = {"depth": 4, "ch": 32, "attention_mid_k": 0.5, "attend_from": 2, "batchnorm_from": 2}
    backbone = folder / "backbone.pth"
    torch.save(SSAMImageHarmonization(image_fusion=True, **options).state_dict(), backbone)
    root = pictures.hyoutube(folder / "hyoutube")
    source = Path("scripts/my_train.py").read_text("utf-8")
    for text, other in {
        "torch.device(int(args.gpu))": "torch.device('cpu')",
        "with_lutoutput=True": "with_lutoutput=False",
        "augmentator=val_augmentator": "augmentator=augmentator",  # never set
        "args.trainset": "args.train_list",  # no such argument
        "num_workers=8": "num_workers=0",
        "batch_size = 32": "batch_size = 2",
        "crop_size = (256, 256)": "crop_size = (64, 64)",
        "DataLoader(\n        trainset,": "DataLoader(\n        RealFrames(trainset),",
    }.items():
        assert text in source, f"{text!r} is not in its script"
        source = source.replace(text, other)
    own = folder / "my_train.py"
    own.write_text(f"from video_training import RealFrames\n{source}")
    sys.argv = ["my_train.py", "--dataset_path", str(root), "--exp_name", "a"]
    sys.argv += ["--backbone", str(backbone), "--use_feature", "--normalize_inside"]
    for split in "train", "val":
        sys.argv += [f"--{split}_list", str(root / "train_frames.txt")]
    os.chdir(folder)  # where its checkpoints go
    below = "if not os.path.exists(args.exp_name):"
    lines = loader_lines("train_dataloader", "co2net")
    lines[2] = lines[2].replace(")", ', space="unit")')
    patched(str(own), {}, {below: "\n    ".join([*lines, below])}, "__main__")


def triplet(folder: Path) -> None:
    """Its compiled attention is replaced by the plain torch that lies beside it."""
    without_gpu()
    module("thop", profile=None)  # counts operations
    module("mmcv")
    module("mmcv.runner", load_checkpoint=None)  # imported, not used
    module("MultiScaleDeformableAttention")
    from models.deformable.ops.functions import ms_deform_attn_func as compiled

    def attention(value: Any, shapes: Any, starts: Any, places: Any, weights: Any, _: int) -> Any:
        return compiled.ms_deform_attn_core_pytorch(value, shapes, places, weights)

    compiled.MSDeformAttnFunction.apply = attention
    from models.harmony_networks_v3 import LayerNorm

    norm = LayerNorm.forward  # on the CPU its pictures may lie channels last
    LayerNorm.forward = lambda self, x: norm(self, x.contiguous())
    root = pictures.hyoutube(folder / "hyoutube")
    sys.argv = ["train.py", "--dataset_root", f"{root}/", "--checkpoints_dir", str(folder)]
    sys.argv += ["--model", "basestv2", "--netG", "vth", "--name", "a", "--loss_T"]
    sys.argv += ["--batch_size", "1", "--num_threads", "0", "--print_freq", "100"]
    for layers in "short_layers", "long_layers", "deformable_depth", "gpt_depth":
        sys.argv += [f"--{layers}", "1"]
    patched_training(folder, "videotriplettransformer")
    patched("train.py", {}, name="__main__")
