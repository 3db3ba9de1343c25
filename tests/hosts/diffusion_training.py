"""Trainings of HCDM, LBM, DiffHarmony and the autoencoder of Region_to_Region.

LBM and DiffHarmony need diffusers.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pictures
import torch
from diffusion_trials import lbm_mappers
from own_lines import example, loader_lines, patched
from stand_ins import module, untrained, without_gpu


def hcdm(folder: Path) -> None:
    without_gpu()
    module("thop", profile=None, clever_format=None)  # counts operations
    import torchvision.transforms.functional as functional
    from data import dataset

    dataset.tf = functional  # the published file calls it by a name that it never imports
    # current pandas writes neither through values nor through an attribute
    columns = {"self._data[col].values[:] = 0": "self._data[col] = 0.0"}
    for name in "total", "counts", "average":
        columns[f"self._data.{name}[key] {'=' if name == 'average' else '+='}"] = (
            f"self._data.loc[key, '{name}'] {'=' if name == 'average' else '+='}"
        )
    patched("core/logger.py", {}, columns, name="core.logger")

    root = pictures.iharmony4(folder / "iharmony4", train=8) / "HCOCO"
    shutil.copytree(root / "composite_images", root / "composite_images_train")
    published = "config/harmonization_day2night_modified_allinone_train.json"
    lines = Path(published).read_text("utf-8").splitlines()
    config = json.loads("\n".join(line.split("//")[0] for line in lines))
    config |= {"gpu_ids": [0], "seed": 0}
    config["path"] |= {"base_dir": str(folder / "experiments"), "resume_state": None}
    train = config["datasets"]["train"]
    train["which_dataset"]["args"] |= {
        "data_root": str(root / "composite_images_train"),
        "image_size": [64, 64],
    }
    train["dataloader"]["args"] |= {"batch_size": 2, "num_workers": 0}
    unet = config["model"]["which_networks"][0]["args"]["unet"]
    unet |= {"inner_channel": 32, "image_size": 64}
    own = folder / "config.json"
    own.write_text(json.dumps(config, indent=1))
    sys.argv = ["run.py", "-c", str(own), "-p", "train"]
    below = "phase_loader, val_loader = define_dataloader(phase_logger, opt)"
    patched("run.py", {below: loader_lines("phase_loader", "hcdm")}, name="__main__")


def lbm(folder: Path) -> None:
    """Its script with shards of composites and small networks in the place of those it loads."""
    import diffusers
    import pytorch_lightning

    module("fire")  # reads the command line
    module("wandb", Image=None)
    from lbm.models.embedders import ConditionerWrapper
    from lbm.models.lbm import LBMConfig, LBMModel
    from lbm.models.unets import DiffusersUNet2DCondWrapper
    from lbm.models.vae import AutoencoderKLDiffusers, AutoencoderKLDiffusersConfig

    def autoencoder(*args: Any, **options: Any) -> Any:
        return diffusers.AutoencoderKL(block_out_channels=(32,), norm_num_groups=32)

    diffusers.AutoencoderKL.from_pretrained = autoencoder
    script = patched("../examples/training/train_lbm_surface.py", {}, name="train_lbm")
    modules = script.get_data_module

    def model(source_key: str, target_key: str, mask_key: str, **options: Any) -> Any:
        denoiser = DiffusersUNet2DCondWrapper(
            in_channels=4,
            out_channels=4,
            down_block_types=["CrossAttnDownBlock2D"],
            up_block_types=["CrossAttnUpBlock2D"],
            block_out_channels=[32],
            cross_attention_dim=[32],
            transformer_layers_per_block=[1],
            attention_head_dim=[4],
        )
        vae = AutoencoderKLDiffusers(AutoencoderKLDiffusersConfig())
        vae.freeze()
        return LBMModel(
            LBMConfig(source_key=source_key, target_key=target_key, mask_key=mask_key),
            denoiser=denoiser,
            training_noise_scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
            sampling_noise_scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
            vae=vae,
            conditioner=ConditionerWrapper([]),
        )

    def data_module(**options: Any) -> Any:
        made = modules(**options)
        made.train_config.num_workers = 0
        example("diffusion").add_to_module(made)
        return made

    def trainer(**options: Any) -> Any:
        plain = {"logger": False, "enable_checkpointing": False, "limit_val_batches": 0}
        return pytorch_lightning.Trainer(accelerator="cpu", num_sanity_val_steps=0, **plain)

    script.get_model, script.get_data_module, script.Trainer = model, data_module, trainer
    script.get_filter_mappers = lbm_mappers
    script.FSDPStrategy = lambda **options: None
    script.loggers = Namespace(WandbLogger=lambda **options: None)
    for name in "JOB_ID", "PROCID", "NPROCS", "NNODES":
        os.environ[f"SLURM_{name}"] = "0" if name == "PROCID" else "1"
    shards = pictures.shards(folder / "shards")
    keys = {"source_key": "source_image", "target_key": "target_image", "mask_key": "mask"}
    script.main(shards, shards, batch_size=2, save_ckpt_path=str(folder / "out"), **keys)


class _FirstStage:
    """Stands in for DiffHarmony's trained first stage: gives composites back."""

    scheduler = Namespace(config=None)

    @classmethod
    def from_pretrained(cls, *args: Any, **options: Any) -> _FirstStage:
        return cls()

    def __call__(self, prompt: Any, image: torch.Tensor, **options: Any) -> Any:
        return Namespace(images=(image.movedim(1, -1) / 2 + 0.5).numpy())

    def set_progress_bar_config(self, **options: Any) -> None:
        pass

    def to(self, device: Any) -> None:
        pass


def diffharmony(folder: Path) -> None:
    """Its refinement stage, with a narrow network."""
    import diffusers

    module("diffusers.loaders.autoencoder", FromOriginalVAEMixin=object)  # in older versions
    first = "src.pipelines.pipeline_stable_diffusion_harmony"
    module(first, StableDiffusionHarmonyPipeline=_FirstStage)
    for name in "AutoencoderKL", "UNet2DConditionModel":
        getattr(diffusers, name).from_pretrained = lambda *args, **options: None
    diffusers.EulerAncestralDiscreteScheduler.from_config = lambda config: None
    config = json.loads(Path("configs/stage2_configs/small.json").read_text("utf-8"))
    config["block_out_channels"] = [32, 32, 32, 32]
    small = folder / "small.json"
    small.write_text(json.dumps(config))
    pictures.iharmony4(folder / "iharmony4", train=4)
    script = Path("scripts/train/refinement_stage.py").resolve()
    os.chdir(folder)  # its paths are relative
    sys.argv = [script.name, "--pipeline_path", "none", "--model_path", str(small)]
    sys.argv += ["--output_dir", "out", "--dataset_root", "iharmony4", "--in_channels", "7"]
    sys.argv += ["--train_file", "train.jsonl", "--test_file", "test.jsonl", "--random_flip"]
    sys.argv += ["--infer_resolution", "512", "--resolution", "256", "--train_batch_size", "2"]
    sys.argv += ["--dataloader_num_workers", "0", "--pretrained_vae_path", "none"]
    prepared = "model, optimizer, train_dataloader, lr_scheduler\n    )\n"
    lines = "".join(f"    {line}\n" for line in loader_lines("train_dataloader", "diffharmony"))
    patched(str(script), {}, {prepared: prepared + lines}, "__main__")


def region_to_region(folder: Path) -> None:
    """Its autoencoder, from random weights, on pictures of 64 pixels."""
    without_gpu()
    untrained("vgg16")
    here = Path.cwd()
    small = {"self.resolution = (256, 256)": "self.resolution = (64, 64)"}
    patched("ihd_dataset.py", {}, small, "ihd_dataset")
    name = "ldm.modules.diffusionmodules.filters"  # in 16 bits, which is for a GPU
    filters = folder / "filters.py"
    source = Path(name.replace(".", "/") + ".py").read_text("utf-8")
    filters.write_text(source.replace("torch.float16", "torch.float32"))
    patched(str(filters), {}, name=name)
    (folder / "data").mkdir()
    pictures.iharmony4(folder / "data/iharmony4", train=4).rename(folder / "data/iHarmony4")
    os.chdir(folder)  # its paths are relative
    lines = [
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
        'fields = harmaug.Fields.preset("region-to-region-vae")',
    ]
    start, loader = "def train_dataloader(self):", "self.train_ds, batch_size=self.batch_size, "
    own = {
        start: "".join((start, *(f"\n        {line}" for line in lines))),
        f"{loader}shuffle=True, num_workers=8": (
            f"{loader}shuffle=True, collate_fn=harmaug.AugmentCollate(aug, fields, p=0.25)"
        ),
        "./configs/vae.yaml": f"{here}/configs/vae.yaml",
        "./configs/datasets.yaml": f"{here}/configs/datasets.yaml",
        "torch.load(args.sd_vae_path)": "None",
        # names that Lightning no longer has, and GPUs
        "def validation_epoch_end": "def validation_ended",
        'precision=16,\n        strategy="ddp_sharded",\n        gpus=[4, 5]': 'accelerator="cpu"',
    }
    own["accumulate_grad_batches=16 // args.batch_size"] = "accumulate_grad_batches=1"
    sys.argv = ["train_VAE.py", "--batch_size", "2", "--output_dir", "out"]
    patched(str(here / "train_VAE.py"), {}, own, "__main__")
