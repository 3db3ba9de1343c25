"""Experiments as lists of trials, in the order they run in."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arms import ARMS, WITHOUT_PHOTOS
from trial import Trial

EXPERIMENTS = Path(__file__).parent / "experiments"


def read_plan(name: str) -> list[Trial]:
    """Return the trials of an experiment, each once.

    ``experiments/<name>.json`` is a list of blocks, run one after the other. A block names fields
    of `Trial`, each with a value or a list of values, and stands for all their combinations, seeds
    outermost, then sets, so that trials to compare run together. ``{"include": name}`` stands for
    another experiment.
    """
    path = EXPERIMENTS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in EXPERIMENTS.glob("*.json")))
        raise ValueError(f"there is no experiment {name!r}; there are {known}.")
    trials: list[Trial] = []
    for block in json.loads(path.read_text()):
        trials += read_plan(block["include"]) if "include" in block else expand(block)
    return list(dict.fromkeys(trials))


def expand(block: dict[str, Any]) -> list[Trial]:
    """Return all combinations of a block."""
    columns = {name: v if isinstance(v, list) else [v] for name, v in block.items()}
    order = ["seed", "set", "size", "extra", *columns]
    names = [name for name in dict.fromkeys(order) if name in columns]
    trials = []
    for values in itertools.product(*(columns[name] for name in names)):
        trial = Trial(**dict(zip(names, values, strict=True)))
        if trial.arm not in ARMS:
            raise ValueError(f"unknown arm {trial.arm!r}, expected one of {', '.join(ARMS)}.")
        if not (trial.extra and trial.arm in WITHOUT_PHOTOS):
            trials.append(trial)
    return trials


def group(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Return jobs: neighbouring trials that share a training set."""
    return [
        list(some)
        for _, some in itertools.groupby(trials, lambda trial: (trial.set, trial.seed, trial.size))
    ]
