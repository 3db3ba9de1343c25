"""Run a host's own dataset and loader with the lines of examples/hosts.

``python trials.py HOST FOLDER`` with FOLDER/PIH, FOLDER/RainNet, ...: one process for each host,
because modules of several hosts share names. It needs torchvision, and what the host imports; those
of iSSAM's family need albumentations 1.3. Nothing of a host is kept here: only how its dataset is
imported, and what must hold.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

import torch
from checks import check


class Host(NamedTuple):
    """A checkout, and the generator of trials that serves it.

    Attributes:
        trial: module and function of this folder.
        start: folder in the checkout from which the host is started.
    """

    trial: str
    start: str = ""


HOSTS = {
    "Image-Harmonization-Dataset-iHarmony4": Host("batch_trials.dovenet", "DoveNet"),
    "RainNet": Host("batch_trials.rainnet"),
    "HDNet": Host("batch_trials.rainnet"),
    "BargainNet": Host("batch_trials.bargainnet"),
    "image_harmonization_copy_and_paste": Host("batch_trials.xmba15"),
    "IntrinsicHarmony": Host("batch_trials.iih"),
    "HarmonyTransformer": Host("batch_trials.iih"),
    "PHNet": Host("batch_trials.phnet"),
    "PIH": Host("batch_trials.pih"),
    "s2am": Host("batch_trials.s2am"),
    "Harmonizer": Host("batch_trials.harmonizer", "src/train/harmonizer"),
    "DIRL-Inharmonious-Region-Localization": Host("batch_trials.dirl"),
    "MadisNet-Inharmonious-Region-Localization": Host("batch_trials.madisnet"),
    "image_harmonization": Host("issam_trials.issam"),
    "CDTNet-High-Resolution-Image-Harmonization": Host("issam_trials.cdtnet"),
    "DCCF": Host("issam_trials.dccf"),
    "PCT-Net-Image-Harmonization": Host("issam_trials.pctnet"),
    "AICT": Host("issam_trials.aict"),
    "Video-Harmonization-Dataset-HYouTube": Host("video_trials.co2net", "CO2Net"),
    "VideoTripletTransformer": Host("video_trials.triplet", "video_harmonization"),
    "DiffHarmony": Host("diffusion_trials.diffharmony"),
    "HCDM": Host("diffusion_trials.hcdm"),
    "LBM": Host("diffusion_trials.lbm", "src"),
    "Region_to_Region": Host("diffusion_trials.region_to_region"),
    "S2CRNet": Host("sample_trials.s2crnet"),
    "DucoNet-Image-Harmonization": Host("sample_trials.duconet"),
    "INR-Harmonization": Host("sample_trials.inr"),
}
"""Name of the checkout, as its repository is called -> its trial."""


def main() -> None:
    name, checkouts = sys.argv[1:]
    host = HOSTS[name]
    module, function = host.trial.split(".")
    trials = getattr(importlib.import_module(module), function)
    here = Path(checkouts).resolve() / name / host.start
    sys.path[:0] = [str(here), str(here.parent)]
    os.chdir(here)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer, uuid.uuid4().hex)  # some hosts split whole paths at underscores
        folder.mkdir()
        for workers in 0, 2:
            print(f"{workers} workers")
            for trial in trials(folder, workers) or ():
                check(trial)


if __name__ == "__main__":
    main()
