"""Run a host's own training with the lines of its page, on the CPU, for a few steps.

``python trainer_trials.py TRAINING FOLDER``, as `trials`. Only of hosts whose trainer runs on a
CPU; what was put in the place of a missing piece stands in the module of the training.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from harmaug.adapters.batch import AugmentBatch
from harmaug.adapters.sample import SampleTransform

STEPS = 3


class EnoughError(BaseException):
    """Ends a training that would go on; hosts catch exceptions."""


class Training(NamedTuple):
    """A checkout, and the function that starts its training.

    Attributes:
        checkout: its folder, as its repository is called.
        function: module and function of this folder.
        start: folder in the checkout from which the training is started.
    """

    checkout: str
    function: str
    start: str = ""


TRAININGS = {
    "dovenet": Training(
        "Image-Harmonization-Dataset-iHarmony4", "pix2pix_training.dovenet", "DoveNet"
    ),
    "bargainnet": Training("BargainNet", "pix2pix_training.bargainnet"),
    "rainnet": Training("RainNet", "pix2pix_training.rainnet"),
    "hdnet": Training("HDNet", "pix2pix_training.hdnet"),
    "issam": Training("image_harmonization", "issam_training.issam"),
    "pctnet-cnn": Training("PCT-Net-Image-Harmonization", "issam_training.pctnet_cnn"),
    "pctnet-vit": Training("PCT-Net-Image-Harmonization", "issam_training.pctnet_vit"),
    "dccf-lr": Training("DCCF", "issam_training.dccf_low"),
    "dccf": Training("DCCF", "issam_training.dccf_high"),
    "aict": Training("AICT", "issam_training.aict"),
    "duconet": Training("DucoNet-Image-Harmonization", "issam_training.duconet"),
    "cdtnet": Training("CDTNet-High-Resolution-Image-Harmonization", "issam_training.cdtnet"),
    "harmonizer": Training("Harmonizer", "further_training.harmonizer", "src/train/harmonizer"),
    "ht": Training("HarmonyTransformer", "further_training.ht"),
    "iih": Training("IntrinsicHarmony", "further_training.iih"),
    "dht+": Training("HarmonyTransformer", "further_training.dht"),
    "inr": Training("INR-Harmonization", "further_training.inr"),
    "s2crnet": Training("S2CRNet", "machine_training.s2crnet"),
    "bargainnet-xmba15": Training("image_harmonization_copy_and_paste", "machine_training.xmba15"),
    "dirl": Training("DIRL-Inharmonious-Region-Localization", "machine_training.dirl"),
    "madisnet": Training("MadisNet-Inharmonious-Region-Localization", "machine_training.madisnet"),
    "s2am": Training("s2am", "machine_training.s2am"),
    "phnet": Training("PHNet", "further_training.phnet"),
    "pih": Training("PIH", "further_training.pih"),
    "hcdm": Training("HCDM", "diffusion_training.hcdm"),
    "lbm": Training("LBM", "diffusion_training.lbm", "src"),
    "diffharmony": Training("DiffHarmony", "diffusion_training.diffharmony"),
    "region-to-region": Training("Region_to_Region", "diffusion_training.region_to_region"),
    "co2net": Training("Video-Harmonization-Dataset-HYouTube", "video_training.co2net", "CO2Net"),
    "triplet": Training("VideoTripletTransformer", "video_training.triplet", "video_harmonization"),
}
"""Name of the training -> where it is."""


def main() -> None:
    name, checkouts = sys.argv[1:]
    training = TRAININGS[name]
    module, function = training.function.split(".")
    train = getattr(importlib.import_module(module), function)
    here = Path(checkouts).resolve() / training.checkout / training.start
    sys.path.insert(0, str(here))
    os.chdir(here)
    torch.manual_seed(0)
    augmented: list[Any] = []
    steps: Counter[int] = Counter()
    _record(AugmentBatch, "draw", augmented)
    _record(SampleTransform, "__call__", augmented)

    def stepped(optimizer: Any, *_: Any) -> None:
        grads = [each.grad for group in optimizer.param_groups for each in group["params"]]
        assert any(grad is not None and bool(grad.any()) for grad in grads), "no gradient"
        steps[id(optimizer)] += 1
        if min(steps.values()) == STEPS:
            raise EnoughError

    register_optimizer_step_post_hook(stepped)
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer, uuid.uuid4().hex)
        folder.mkdir()
        with contextlib.suppress(EnoughError):
            train(folder)
    assert steps, "no optimizer stepped"
    assert min(steps.values()) == STEPS, f"{sorted(steps.values())} steps"
    assert len(augmented) >= STEPS, f"{len(augmented)} batches or samples from harmaug"
    print(f"{name}: {STEPS} steps of its own training")
    sys.stdout.flush()
    os._exit(0)  # some writers of logs never end


def _record(owner: type, name: str, calls: list[Any]) -> None:
    """Note each call of a method."""
    method = getattr(owner, name)

    def recorded(self: Any, *args: Any, **options: Any) -> Any:
        calls.append(name)
        return method(self, *args, **options)

    setattr(owner, name, recorded)


if __name__ == "__main__":
    main()
