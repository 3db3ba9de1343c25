"""Train a codebase's own network by its own trainer, and write its predictions of the test list.

    python benchmarks/hosts/own_trainer.py issam CHECKOUT FOLDER OUTPUT --checkpoint retouch

Run in a process of its own by with_and_without.py, since modules of the codebases share names.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests" / "hosts"))

import numpy as np
import torch
from codebases import CODEBASES, Codebase
from own_lines import patched
from PIL import Image

SUBSET, EMPTY = "HCOCO", "HFlickr"  # of subsets.py


def lines(codebase: Codebase, checkpoint: str | None, seed: int) -> list[str]:
    """Return the lines of the codebase's page, as the guide advises for a small set."""
    if checkpoint is None:
        return []
    return [
        "import harmaug",
        f'aug = harmaug.SycoNetAugment.from_pretrained("{checkpoint}").without_light()',
        f'fields = harmaug.Fields.preset("{codebase.preset}")',
        "trainer.train_data = harmaug.AugmentedLoader("
        f'trainer.train_data, aug, fields, p="auto", seed={seed})',
    ]


def configuration(folder: Path, output: Path) -> Any:
    """Return the options that the codebase's own command would read from config.yml."""
    from easydict import EasyDict

    cfg = EasyDict(batch_size=8, workers=0, multi_gpu=False, start_epoch=0, weights=None)
    cfg.update(device=torch.device("cpu"), gpu_ids=[0], local_rank=0, resume_exp=None)
    cfg.HCOCO_PATH = folder / SUBSET
    cfg.HFLICKR_PATH = cfg.HDAY2NIGHT_PATH = cfg.HADOBE5K_PATH = folder / EMPTY
    cfg.LOGS_PATH, cfg.VIS_PATH = output / "logs", output / "vis"
    cfg.CHECKPOINTS_PATH = output / "checkpoints"
    return cfg


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("codebase", choices=CODEBASES)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("folder", type=Path, help="subset folders, of subsets.py")
    parser.add_argument("output", type=Path, help="folder for logs and predictions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--checkpoint", help="of harmaug; without it there is no augmentation")
    options = parser.parse_args()
    codebase = CODEBASES[options.codebase]
    folder, output = options.folder.resolve(), options.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    os.chdir(options.checkout)
    sys.path.insert(0, os.getcwd())
    stand_in()
    losses = noted()
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(options.seed)  # first weights, order and crops
    added = {codebase.below: lines(codebase, options.checkpoint, options.seed)}
    script = patched(codebase.script, added, codebase.edits(options.epochs), "model_script")
    cfg = configuration(folder, output)
    model, *rest = script.init_model(cfg)
    script.train(model.to(memory_format=torch.channels_last), cfg, *rest)  # faster on a CPU
    predict(codebase, model, folder / SUBSET, output / "predictions")
    last = losses[-max(len(losses) // 10, 1) :]
    print(f"\nloss {sum(last) / len(last):.5f} of {len(losses)} steps")
    sys.stdout.flush()
    os._exit(0)  # writers of logs may never end


def stand_in() -> None:
    """Stand in for a GPU, and for VGG16 in a loss that is given no weight."""
    from torchvision import models

    torch.Tensor.get_device = lambda self: self.device  # type: ignore
    models.vgg16 = lambda **options: SimpleNamespace(features=[])


def noted() -> list[float]:
    """Return a list that each step's own loss on pixels is added to."""
    from iharm.model.losses import MaskWeightedMSE

    found: list[float] = []
    forward = MaskWeightedMSE.forward

    def noting(self: Any, *values: Any) -> torch.Tensor:
        loss = forward(self, *values)
        found.append(loss.mean().item())
        return loss

    MaskWeightedMSE.forward = noting
    return found


def predict(codebase: Codebase, model: Any, subset: Path, output: Path) -> None:
    """Write the predictions of the test list by the codebase's own predictor."""
    from iharm.inference.predictor import Predictor

    output.mkdir(exist_ok=True)
    predictor = Predictor(model, torch.device("cpu"))
    for name in (subset / f"{SUBSET}_test.txt").read_text().split():
        composite = np.asarray(Image.open(subset / "composite_images" / name))
        mask = np.asarray(Image.open(subset / "masks" / f"{name.rpartition('_')[0]}.png"))
        predicted = codebase.predict(predictor, composite, (mask / 255).astype(np.float32))
        pixels = Image.fromarray(predicted.clip(0, 255).round().astype(np.uint8))
        pixels.save(output / f"{Path(name).stem}.png")


if __name__ == "__main__":
    main()
