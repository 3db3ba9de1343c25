"""Run a host's own training with the lines of its page, on the CPU, for a few steps.

``python trainer_trials.py HOST FOLDER``, as `trials`. Only of hosts whose trainer runs on a CPU;
what was put in the place of a missing piece stands here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import uuid
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pictures
import torch
from own_lines import patched

from harmaug.adapters.batch import AugmentBatch

STEPS = 3
_WHOLE = "--preprocess none"
_LOADED = "train_dataloader = train_dataset.load_data()"


class EnoughError(Exception):
    """Ends a training that would go on."""


def _lines(loader: str, host: str) -> list[str]:
    return [
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified")',
        f'fields = harmaug.Fields.preset("{host}")',
        f"{loader} = harmaug.AugmentedLoader({loader}, aug, fields, p=0.5)",
    ]


def _without_cuda() -> None:
    """Let the penalty of gradients, which asks for a GPU by name, stay on the CPU."""
    rand = torch.rand
    torch.Tensor.cuda = lambda self, *args, **options: self  # type: ignore[method-assign]

    def on_cpu(*args: Any, device: Any = None, **options: Any) -> torch.Tensor:
        return rand(*args, **options)

    torch.rand = on_cpu
    to = torch.Tensor.to

    def moved(self: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        return self if args and str(args[0]).startswith("cuda") else to(self, *args, **options)

    torch.Tensor.to = moved  # type: ignore[method-assign, assignment]


def dovenet(folder: Path) -> None:
    _without_cuda()
    _pix2pix(
        folder,
        "dovenet",
        "--model dovenet --netG s2ad --gan_mode wgangp --no_flip --preprocess none",
    )


def bargainnet(folder: Path) -> None:
    _pix2pix(
        folder,
        "bargainnet",
        "--model bargainnet --batch_size 1 --input_nc 20 --netG s2ad --norm batch",
    )


def _pix2pix(folder: Path, host: str, more: str) -> None:
    _arguments("train.py", folder, f"--display_id 0 {more}")
    patched("train.py", {"dataset = create_dataset(opt)": _lines("dataset", host)}, name="__main__")


def _arguments(file: str, folder: Path, more: str) -> None:
    root = pictures.iharmony4(folder / "iharmony4", train=2)
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
    _without_cuda()
    _arguments("train.py", folder, f"--model rainnet --netG rainnet --normG RAIN {_WHOLE}")
    number = {"opt.load_iter+1": "int(opt.load_iter)+1"}
    patched("train.py", {_LOADED: _lines("train_dataloader", "rainnet")}, number, "__main__")


def hdnet(folder: Path) -> None:
    file = "train_evaluate.py"
    _arguments(file, folder, f"--batch_size 2 {_WHOLE}")
    lines = {_LOADED: _lines("train_dataloader", "hdnet")}
    patched(file, lines, {"keep=False": "leave=False"}, "__main__")


def issam(folder: Path) -> None:
    root = pictures.iharmony4(folder / "iharmony4", train=2, test=2)
    cfg = Namespace(batch_size=2, workers=0, multi_gpu=False, start_epoch=0, weights=None)
    cfg.device, cfg.resume_exp, cfg.LOGS_PATH = torch.device("cpu"), None, folder / "logs"
    cfg.HFLICKR_PATH, cfg.HDAY2NIGHT_PATH = root / "HFlickr", root / "Hday2night"
    cfg.HCOCO_PATH, cfg.HADOBE5K_PATH = root / "HCOCO", root / "HAdobe5k"
    cfg.VIS_PATH, cfg.CHECKPOINTS_PATH = folder / "vis", folder / "checkpoints"
    lines = _lines("trainer.train_data", "issam")
    below = {"logger.info(f'Starting Epoch: {start_epoch}')": lines}
    module = patched("models/fixed256/improved_ssam.py", below, name="improved_ssam")
    module.main(cfg)


TRAINERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "Image-Harmonization-Dataset-iHarmony4": ("DoveNet", dovenet),
    "BargainNet": ("", bargainnet),
    "RainNet": ("", rainnet),
    "HDNet": ("", hdnet),
    "image_harmonization": ("", issam),
}
"""Name of the checkout -> folder in it from which its training is started, and how."""


def main() -> None:
    name, checkouts = sys.argv[1:]
    start, train = TRAINERS[name]
    here = Path(checkouts).resolve() / name / start
    sys.path.insert(0, str(here))
    os.chdir(here)
    torch.manual_seed(0)
    seen: list[Any] = []
    draw = AugmentBatch.draw

    def counted(self: AugmentBatch, *args: Any, **options: Any) -> Any:
        if len(seen) == STEPS:
            raise EnoughError
        seen.append(args)
        return draw(self, *args, **options)

    AugmentBatch.draw = counted  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer, uuid.uuid4().hex)
        folder.mkdir()
        with contextlib.suppress(EnoughError):
            train(folder)
    assert len(seen) == STEPS, f"{len(seen)} batches"
    print(f"{name}: {STEPS} steps of its own training on batches of the wrapped loader")
    sys.stdout.flush()
    os._exit(0)  # some writers of logs never end


if __name__ == "__main__":
    main()
