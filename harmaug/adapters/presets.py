"""Batch layouts of published harmonization codebases, as keyword arguments of `Fields`.

Each describes the batches that the codebase's own dataset and collate function yield for training.
The pages of docs/hosts say where to put the adapter in each, and name its traps.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from torch import Tensor


def _second_stream(batch: Any) -> Tensor:
    """Harmonizer's samples with a composite; those of its first stream hold ``-image`` instead.

    The first stream's inputs are made in the training step, from random filter settings.
    """
    adjusted = batch[0][0]
    return (adjusted >= 0).flatten(1).all(1)


def _lab8(sample: Any) -> np.ndarray:
    """Return the 8-bit Lab that DucoNet takes beside its composite, by the call that it makes."""
    cv2 = importlib.import_module("cv2")  # DucoNet itself needs it
    return np.asarray(cv2.cvtColor(sample["image"], cv2.COLOR_RGB2Lab))


def _codes(batch: Any) -> Tensor:
    """Return the 8-bit composites that Region_to_Region has beside the scaled ones."""
    codes: Tensor = ((batch["ref"] + 1) * 127.5).round().byte()
    return codes


_PIX2PIX: dict[str, Any] = {"composite": "comp", "real": "real", "mask": "mask", "space": "pm1"}

_IIH: dict[str, Any] = {
    **_PIX2PIX,
    "space": "unit",
    "copies": ("inputs[:3]",),
    "bound": True,  # positions are repeated by the configured batch size
}

_REGIONS: dict[str, Any] = {**_PIX2PIX, "space": "imagenet"}

_ISSAM: dict[str, Any] = {
    "composite": "images",
    "real": "target_images",
    "mask": "masks",
    "space": "imagenet",
}

_FULLRES: dict[str, Any] = {
    **_ISSAM,
    "views": (("images_fullres", "target_images_fullres", "masks_fullres"),),
}

# The contrastive loss takes the other items of the batch as negatives.
_PCTNET: dict[str, Any] = {**_FULLRES, "bound": True}

_SAMPLE: dict[str, Any] = {
    "composite": "image",
    "real": "target_image",
    "mask": "object_mask",
    "space": "unit",
    "per_sample": True,
}

PRESETS: dict[str, dict[str, Any]] = {
    "dovenet": {**_PIX2PIX, "mask": "inputs[3:4]", "copies": ("inputs[:3]",)},
    "rainnet": _PIX2PIX,
    "hdnet": _PIX2PIX,
    "bargainnet": {**_PIX2PIX, "bound": True},
    "bargainnet-xmba15": {"composite": 0, "real": 1, "mask": 2, "space": "unit"},
    "dirl": _REGIONS,
    "madisnet": _REGIONS,
    "iih": _IIH,
    "ht": _IIH,
    "dht+": _IIH,
    "phnet": {**_PIX2PIX, "space": "unit", "copies": ("inputs[:3]",)},
    "issam": _ISSAM,
    "is2am": _ISSAM,
    "idih": _ISSAM,
    "cdtnet": {**_ISSAM, "space": "unit"},
    "duconet": {**_SAMPLE, "derive": {"comp_img_lab": _lab8}},
    "dccf": _FULLRES,
    "dccf-lr": {**_ISSAM, "copies": ("images_fullres",)},
    "pctnet-cnn": _PCTNET,
    "pctnet-vit": {**_PCTNET, "space": "unit"},
    "aict": {**_PCTNET, "space": "unit"},
    "harmonizer": {
        "composite": (0, 0),
        "real": (1, 0),
        "mask": (0, 1),
        "space": "unit",
        "where": _second_stream,
        "bound": True,
    },
    "pih": {"composite": 5, "real": 3, "mask": 4, "space": "unit"},
    "s2am": {"composite": (0, slice(3)), "real": 1, "mask": (0, slice(3, 4)), "space": "unit"},
    "s2crnet": {**_SAMPLE, "composite": "img", "real": "anno", "mask": "mask"},
    "inr": {**_SAMPLE, "composite": "composite_image", "real": "real_image", "mask": "mask"},
    "diffharmony": {
        "composite": (512, "comp"),
        "real": (512, "real"),
        "mask": (512, "mask"),
        "space": "pm1",
        "views": (((256, "comp"), (256, "real"), (256, "mask")),),
        "bound": True,  # the refinement stage has a prompt for each configured sample
    },
    "hcdm": {"composite": "cond_image", "real": "gt_image", "mask": "mask", "space": "pm1"},
    # The names are those of its configuration; a mask read as a picture has three channels.
    "lbm": {
        "composite": "source_image",
        "real": "target_image",
        "mask": "mask[:1]",
        "space": "pm1",
    },
    "region-to-region": {**_SAMPLE, "composite": "comp", "real": "real", "mask": "mask"},
    "region-to-region-vae": {
        "composite": "ref",
        "real": "tar",
        "mask": "mask[:1]",
        "space": "pm1",
        "layout": "hwc",
        "derive": {"ori": _codes},
    },
    "videotriplettransformer": {**_PIX2PIX, "space": "unit"},
    # No space: it differs between the scripts, so whoever loads this preset declares it.
    "co2net": {
        "composite": "images",
        "real": "target_images",
        "mask": "masks",
        "views": (("pre_images", "pre_target_images", "pre_masks"),),
    },
}
