"""Train the harmonizers of an experiment whose results are not stored yet.

    python benchmarks/downstream/run.py main --data DATA

DATA holds ``photos/``, ``pairs/`` and ``transforms/`` (see README.md). It can be interrupted at any
time; the same command continues. ``table.py`` and ``charts.py`` show the results so far.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import store
import torch
from arms import ARMS, maker
from checkpoints import find, fingerprint
from plan import group, read_plan
from pretraining import pretrained
from sets import Data
from trial import Trial, digest_tests, run, untouched

from harmaug import SycoNetAugment


def run_group(trials: list[Trial], options: argparse.Namespace) -> Counter[str]:
    """Run trials that share a training set one after the other in this process."""
    torch.set_num_threads(options.threads)
    data = Data(options.data, options.store)
    first = trials[0]
    training = data.training_set(first.set, first.size, first.seed)
    tests = data.tests(first.set)
    pairs, tested = training.pairs.digest(), digest_tests(tests)
    stored = {record["key"] for record in store.load(options.results)}
    if f"untouched {tested}" not in stored:
        store.append(options.results, untouched(first.set, tests))
    count: Counter[str] = Counter()
    for trial in trials:
        arm = ARMS[trial.arm]
        name = training.domain if arm.checkpoint == "domain" else arm.checkpoint
        checkpoint = fingerprint(name, training.pairs)
        known = {"pairs": pairs, "tested": tested, "checkpoint": checkpoint}
        key = trial.key(known)
        if key in stored:
            count["stored before"] += 1
            continue
        aug = None
        if name is not None:
            path = find(name, training.pairs, options.store)
            aug = SycoNetAugment.from_pretrained(path, options.device)
        make = maker(arm, data, training, aug, trial.strength) if arm.source else None
        device, start = torch.device(options.device), None
        if trial.before:
            assert make is not None
            photos = data.photos("train")
            start = pretrained(trial, photos, make, checkpoint, options.store, device)
        result = run(trial, training, tests, make, device, start)
        store.append(options.results, {"key": key, **vars(trial), **known, **result})
        count["trained"] += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiment", help="a file of experiments/, such as smoke, main or all")
    parser.add_argument("--data", type=Path, required=True, help="folder of photos and pairs")
    parser.add_argument(
        "--results", type=Path, default=store.RESULTS, help="folder to append results to"
    )
    cache = Path.home() / ".cache" / "harmaug" / "downstream"
    parser.add_argument(
        "--store", type=Path, default=cache, help=f"folder for photos and nets (default: {cache})"
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes (default: one a core)"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of a job (default: 1)")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--arms", nargs="+", help="run only these arms")
    parser.add_argument("--sets", nargs="+", help="run only these sets")
    options = parser.parse_args()
    trials = [
        trial
        for trial in read_plan(options.experiment)
        if trial.arm in (options.arms or ARMS) and trial.set in (options.sets or [trial.set])
    ]
    groups, start = group(trials), time.perf_counter()
    print(f"{len(trials)} trials on {len(groups)} training sets, {options.jobs} processes")
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        futures = {pool.submit(run_group, some, options): some[0] for some in groups}
        for number, future in enumerate(as_completed(futures), 1):
            first, minutes = futures[future], (time.perf_counter() - start) / 60
            counts = ", ".join(f"{count} {name}" for name, count in future.result().items())
            print(f"{number}/{len(groups)} {minutes:.1f} min: {first.set} {first.seed}: {counts}")


if __name__ == "__main__":
    main()
