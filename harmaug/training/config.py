"""Settings of a training, with all their defaults; saved beside its weights."""

# ruff: noqa: RUF009 - what a default calls makes a field

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from harmaug.checkpoints import find_checkpoint
from harmaug.checkpoints.files import read_card
from harmaug.data import scene_folders, subset_folders
from harmaug.recipes import read_transforms
from harmaug.recipes.mixture import split_name

Architecture = Literal["lite", "syconet"]
Precision = Literal["32-true", "bf16-mixed"]
Purpose = Literal["start", "calibration", "figures", "pairs", "steps", "heldout", "prior"]

_KL_WEIGHT = 5e-4
_BASIS_RATE = 0.05  # of the learning rate, where only that is given
# Datasets differ most in how their composites were made, so the default mixes several ways.
_RECIPES = {"color-transfer": 0.3, "retouch": 0.45, "filters": 0.15}
_ILLUMINANT = {"illuminant": 0.1}
TIMELAPSE = "timelapse"  # the recipe that makes its own photos, of aligned frames
_GENERATORS = 1 << 20  # of one training; those of the next seed follow
# The first generators of a training; round r adds 2 r to those of its pairs and steps.
_NUMBERS: dict[Purpose, int] = {"start": 0, "calibration": 0, "figures": 1, "pairs": 0, "steps": 1}
_NUMBERS |= {"heldout": 1 << 19, "prior": (1 << 19) + 1}


def _field(
    text: str, default: Any = None, finetune: Any = None, *, span: tuple[float, float] | None
) -> Any:
    """Return a field with its help text, its default, that of a finetune, and a number's limits."""
    if finetune is not None:
        text += f" (default: {default:g}; finetune {finetune:g})"
    elif span is not None and default is not None:
        text += f" (default: {default:g})"
    defaults = (default, default if finetune is None else finetune)
    metadata = {"help": text, "defaults": defaults, "span": span}
    return dataclasses.field(default=default if finetune is None else None, metadata=metadata)


_setting = functools.partial(_field, span=None)
_whole = functools.partial(_field, span=(0, (1 << 32) - 1))
_count = functools.partial(_field, span=(1, (1 << 32) - 1))
_share = functools.partial(_field, span=(0.0, 1.0))
_rate = functools.partial(_field, span=(0.0, math.inf))


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """All settings that decide the result of a training.

    A round makes ``round_pairs`` pairs, computes their features once, and trains on them for
    ``passes`` passes in batches. State, log and figures are written after rounds. A finetune is a
    training with ``init``; it starts near its goal, so it is shorter and gentler, and stops when it
    no longer improves.
    """

    data: tuple[str, ...] = _setting(
        "subset folders in the iHarmony4 layout, or folders of them; photos in their lists "
        "<set>_val.txt and <set>_test.txt are held out, or a tenth where there are no lists; and "
        "folders of aligned frames, <scene>/<frame>.jpg, or folders of them; of these a tenth of "
        "the scenes is held out",
        (),
    )
    transforms: tuple[str, ...] = _setting(
        "looks, white balance and illuminants for the recipes: .cube files, Hald images, .npz "
        "archives, or folders of them",
        (),
    )
    recipes: dict[str, float] = _setting(
        "share of the composites that each recipe makes: color-transfer, retouch, filters, "
        "illuminant, relight, transplant, which makes the changes of the true pairs on other "
        "photos, or timelapse, which puts regions of aligned frames into each other; a+b makes a, "
        "then b on top of the result, as in filters+relight=0.2 (default: none if all folders have "
        "composites, else the first three, and illuminant if the transforms hold illuminants; "
        "with aligned frames timelapse makes half of the composites, or all)"
    )
    pair_share: float = _share("share of true pairs where recipes make composites too", 0.1)
    jitter: float = _share("chance that a photo is retouched before a recipe takes it", 0.5)
    init: str | None = _setting("checkpoint to finetune: its name, file or folder")
    basis: str | None = _setting(
        "LUTs that a new net starts from: a file of harmaug fit-luts, or a checkpoint (default: "
        "unified)"
    )
    architecture: Architecture | None = _setting(
        "that of a new net: lite or syconet (default: lite)"
    )
    spatial: float | None = _rate(
        "how much the change of draws varies across a foreground, in units of the pairs' own; 0 "
        "makes a net with one LUT for all of it (default: 1; syconet 0, for its composites would "
        "take four times as long)"
    )
    light: float = _rate(
        "deviation of random log gains on top of half of the draws, for harmonizers that must bear "
        "more than the pairs show; the net then has one learnt change for all of a foreground",
        0.0,
    )
    net: dict[str, Any] = _setting("keyword arguments of the architecture, except for its basis")
    precision: Precision = _setting("bf16-mixed computes in 16 bits: syconet on a GPU", "32-true")
    image_size: int = _count("pixels a side that photos are resized to (default: 96; syconet 256)")
    rounds: int = _whole(
        "number of rounds; 0 fits the parts that are not trained, and takes figures", 80, 24
    )
    round_pairs: int = _count("pairs made in a round", 2048)
    passes: int = _count("passes over the pairs of a round", 20)
    batch: int = _count("pairs in a step, over all devices", 64)
    pixels: int = _count("foreground pixels of a pair that the loss is computed on", 256)
    learning_rate: float = _rate("peak of the rate of Adam, which then falls to 0", 1.5e-3, 5e-4)
    basis_learning_rate: float = _rate(
        f"that of the LUT basis; {_BASIS_RATE} of the learning rate if that is given", 1e-4, 2.5e-5
    )
    kl_weight: float = _rate(
        "lambda, weight of the divergence from the prior, summed over latent dimensions "
        f"(default: {_KL_WEIGHT:g}; finetune: as in the training of the checkpoint)"
    )
    warmup: float = _share("share of the training in which rate and lambda rise", 0.1, 0.02)
    heldout_pairs: int = _count("pairs of each recipe that figures are measured on", 128)
    validate_every: int = _count("rounds between figures", 5, 2)
    patience: int = _whole(
        "stop after this many figures without better reconstruction and coverage of held-out pairs "
        "and keep the best net; 0 never stops and keeps the last net",
        0,
        4,
    )
    seed: int = _whole("seed of all random numbers, below 2^32", 0)
    skip_missing: bool = _setting("leave out samples whose files are absent", False)

    def __post_init__(self) -> None:
        finetune = self.init is not None
        fields = dataclasses.fields(self)
        values = {field.name: field.metadata["defaults"][finetune] for field in fields}
        values["image_size"] = 256 if self.architecture == "syconet" else 96
        values["spatial"] = 0.0 if self.architecture == "syconet" or self.light else 1.0
        if self.learning_rate is not None:
            values["basis_learning_rate"] = _BASIS_RATE * self.learning_rate
        values |= {name: value for name, value in vars(self).items() if value is not None}
        for name in ("data", "transforms"):
            one = isinstance(values[name], (str, os.PathLike))
            values[name] = tuple(map(os.fspath, [values[name]] if one else values[name]))
        for name in ("init", "basis"):
            values[name] = values[name] and os.fspath(values[name])
        values["net"] = dict(values["net"] or {})
        values["recipes"] = values["recipes"] and dict(values["recipes"])
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if not self.data:
            raise ValueError("data must name at least one folder, got none.")
        for name, known in (("architecture", Architecture), ("precision", Precision)):
            value, names = getattr(self, name), get_args(known)
            if value not in names and (name, value) != ("architecture", None):
                raise ValueError(f"{name} must be one of {', '.join(names)}, got {value!r}.")
        for field in dataclasses.fields(self):
            value, span = getattr(self, field.name), field.metadata["span"]
            if span is None or value is None:
                continue
            whole = isinstance(span[0], int)
            if not span[0] <= value <= span[1] or (whole and not isinstance(value, int)):
                kind = f"a {'whole ' * whole}number from {span[0]} to {span[1]}"
                raise ValueError(f"{field.name} must be {kind}, got {value!r}.")
        if self.round_pairs < self.batch:
            raise ValueError(
                f"round_pairs must be at least a batch of {self.batch}, got {self.round_pairs}."
            )
        for name, share in (self.recipes or {}).items():
            if name != TIMELAPSE:
                if TIMELAPSE in name.split("+"):
                    raise ValueError(
                        f"{TIMELAPSE} makes its own photos and stands alone, got {name!r}."
                    )
                split_name(name)
            if not 0 < share < math.inf:
                raise ValueError(f"the share of recipe {name!r} must be above 0, got {share}.")
        if not self.rounds and self.init is None:
            raise ValueError("rounds must be at least 1 without init: a new net must be trained.")
        if self.spatial and self.light:
            raise ValueError(
                "spatial and light are two ways to vary across a foreground; set one of them to 0."
            )
        if self.init is not None and (self.basis is not None or self.net or self.architecture):
            raise ValueError(
                "init brings its own net and basis; leave out architecture, net and basis."
            )

    def complete(self) -> TrainConfig:
        """Return the settings with the defaults that depend on files: recipes and kl_weight."""
        recipes, kl_weight = self.recipes, self.kl_weight
        if kl_weight is None:
            card = {} if self.init is None else read_card(find_checkpoint(self.init))
            before = (card.get("training") or {}).get("config", {})
            kl_weight = before.get("kl_weight", _KL_WEIGHT)
        if recipes is None:
            aligned, others = self.roots()
            folders = [folder for root in others for folder in subset_folders(root)]
            recipes = {TIMELAPSE: 1.0} if aligned else {}
            if not all((folder / "composite_images").is_dir() for folder in folders):
                recipes |= _RECIPES
                if self.transforms and read_transforms(self.transforms).to_standard is not None:
                    recipes |= _ILLUMINANT
        return dataclasses.replace(self, recipes=recipes, kl_weight=kl_weight)

    def roots(self) -> tuple[list[Path], list[Path]]:
        """Return the folders of aligned frames in the data, and the other folders."""
        sides: tuple[list[Path], list[Path]] = [], []
        for root in map(Path, self.data):
            sides[not scene_folders(root)].append(root)
        return sides

    def generator(self, purpose: Purpose, number: int = 0) -> torch.Generator:
        """Return the seeded generator for one purpose; ``number``: the round of pairs and steps."""
        place = _NUMBERS[purpose] + 2 * number
        return torch.Generator().manual_seed(self.seed * _GENERATORS + place)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON."""
        Path(path).write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainConfig:
        """Read what `save` wrote."""
        try:
            values = json.loads(Path(path).read_text())
            if unknown := values.keys() - {field.name for field in dataclasses.fields(cls)}:
                raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}.")
            return cls(**values)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no settings of a training: {error}") from None


TrainConfig.__doc__ = f"{TrainConfig.__doc__}\n    Attributes:\n" + "".join(
    f"        {field.name}: {field.metadata['help']}.\n"
    for field in dataclasses.fields(TrainConfig)
)
