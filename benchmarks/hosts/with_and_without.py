"""Train codebases with and without harmaug where results are not stored yet, and print the table.

    python benchmarks/hosts/with_and_without.py DATA CHECKOUTS [--codebases issam] [--seeds 0 1]

DATA holds ``photos/`` and ``transforms/``, CHECKOUTS the codebases, each named as its repository
(see README.md). It can be interrupted at any time; the same command continues.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "downstream"))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import gains
import store
import subsets
from codebases import CODEBASES
from sets import Data

from harmaug import evaluate_harmonizer, list_checkpoints

VERSION = 1  # part of the keys; raise it with a change that changes results
ARMS = ("none", "domain", "unified")
SETS = ("retouch", "color-transfer")
SIZE = 200  # photos of a training set
METRICS = ("fMSE", "PSNR")


@dataclass(frozen=True)
class Training:
    """Settings that decide a result, together with pictures and checkpoint.

    Attributes:
        codebase: a name of `CODEBASES`.
        set: name of the training set.
        arm: "none", "domain" for the checkpoint of the set's domain, or "unified".
        seed: of the set, the net and all random numbers.
        epochs: of training.
    """

    codebase: str
    set: str
    arm: str
    seed: int
    epochs: int

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint that makes synthetic composites, if any."""
        return {"none": None, "domain": self.set}.get(self.arm, self.arm)

    def key(self, known: dict[str, Any]) -> str:
        """Return sixteen hexadecimal digits that only trainings with the same result share."""
        about = {"version": VERSION, **dataclasses.asdict(self), **known}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def trained(training: Training, folder: Path, checkouts: Path) -> dict[str, Any]:
    """Train in a process of its own; return the loss, the seconds and the scores of predictions.

    Raises:
        RuntimeError: the process failed; the message ends with what it printed last.
    """
    codebase, start = CODEBASES[training.codebase], time.perf_counter()
    with tempfile.TemporaryDirectory() as output:
        command = [
            sys.executable,
            "-B",
            str(Path(__file__).with_name("own_trainer.py")),
            training.codebase,
        ]
        command += [str(checkouts / codebase.checkout), str(folder), output]
        command += ["--seed", str(training.seed), "--epochs", str(training.epochs)]
        if training.checkpoint:
            command += ["--checkpoint", training.checkpoint]
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
        done = subprocess.run(
            command,
            env=os.environ | threads,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        losses = re.findall(r"^loss (\S+) of", done.stdout, re.MULTILINE)
        if done.returncode or not losses:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")
        seconds = round(time.perf_counter() - start, 1)
        scores = scored(Path(output, "predictions"), folder, codebase.size, Path(output))
    return {"loss": float(losses[-1]), "seconds": seconds, **scores}


def scored(predictions: Path, folder: Path, size: int, output: Path) -> dict[str, Any]:
    """Return fMSE and PSNR of each prediction and each untouched composite, in the list's order."""
    pairs = folder / subsets.SUBSET
    evaluate_harmonizer(predictions, pairs, output / "scores", split="test", image_size=size)
    with (output / "scores" / "images.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    listed = [rows[name] for name in subsets.scenes(folder)]

    def column(name: str) -> list[float]:
        return [round(min(float(row[name]), 9999.0), 2) for row in listed]

    untouched = {metric: column(f"composite {metric}") for metric in METRICS}
    return {metric: column(metric) for metric in METRICS} | {"untouched": untouched}


def compare(options: argparse.Namespace) -> None:
    """Run all trainings that the options name, except stored ones."""
    data = Data(options.data, options.store)
    trainings = [
        Training(codebase, name, arm, seed, options.epochs or CODEBASES[codebase].epochs)
        for seed, name, codebase, arm in itertools.product(
            options.seeds, options.sets, options.codebases, options.arms
        )
    ]
    for number, training in enumerate(trainings, 1):
        title = " ".join(map(str, dataclasses.astuple(training)[:4]))
        title = f"{number}/{len(trainings)} {title}"
        checkout = options.checkouts / CODEBASES[training.codebase].checkout
        if not checkout.is_dir():
            print(f"{title}: left out: {checkout} is not there")
            continue
        size, tests = (16, 8) if options.smoke else (SIZE, None)
        folder = subsets.written(
            data, training.set, size, training.seed, options.store / "hosts", tests
        )
        pairs, tested = subsets.digests(folder)
        known: dict[str, Any] = {"pairs": pairs, "tested": tested, "sha256": None}
        if training.checkpoint:
            known["sha256"] = list_checkpoints()[training.checkpoint]["sha256"]
        key = training.key(known)
        if key in {record["key"] for record in store.load(options.results)}:
            print(f"{title}: stored before")
            continue
        result = trained(training, folder, options.checkouts)
        bare: dict[str, Any] = {"codebase": training.codebase, "set": training.set}
        bare |= {"arm": "untouched", "tested": tested, **result.pop("untouched")}
        bare["scenes"] = list(subsets.scenes(folder).values())
        bare["key"] = f"untouched {training.codebase} {training.set} {tested}"
        store.append(options.results, bare)  # the first of a key counts
        store.append(
            options.results, {"key": key, **dataclasses.asdict(training), **known, **result}
        )
        print(f"{title}: {result['seconds']:.0f} s, loss {result['loss']:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of photos and transforms")
    parser.add_argument("checkouts", type=Path, help="folder of the codebases")
    for name, choices in (("codebases", tuple(CODEBASES)), ("sets", SETS), ("arms", ARMS)):
        parser.add_argument(
            f"--{name}", nargs="+", choices=choices, default=choices, help="default: all"
        )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="default: 0 1 2")
    parser.add_argument("--epochs", type=int, help="default: those of the protocol")
    help_text = "one epoch, few photos and pairs, one seed; results go to a temporary folder"
    parser.add_argument("--smoke", action="store_true", help=help_text)
    parser.add_argument("--results", type=Path, help="folder to append to (default: results here)")
    cache = Path.home() / ".cache" / "harmaug" / "downstream"
    parser.add_argument("--store", type=Path, default=cache, help=f"of photos (default: {cache})")
    options = parser.parse_args()
    if not (options.data / "photos").is_dir():
        print(f"skipped: {options.data / 'photos'} is not there; README.md says what DATA holds.")
        return
    if options.smoke:
        options.epochs, options.seeds = 1, options.seeds[:1]
    with tempfile.TemporaryDirectory() as temporary:
        options.results = options.results or (Path(temporary) if options.smoke else gains.RESULTS)
        compare(options)
        gains.show(store.load(options.results), options.epochs)


if __name__ == "__main__":
    main()
