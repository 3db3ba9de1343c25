"""Train the harmonizers of an experiment, as far as their results are not there yet.

    python benchmarks/downstream/run.py main --data DATA

DATA holds ``photos/``, ``pairs/`` and ``transforms/`` (see README.md). Interrupt it whenever you
like: the same command goes on. ``table.py`` and ``charts.py`` show what there is.
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
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parents[1] / "examples" / "harmonizer"))

import store  # noqa: E402
import torch  # noqa: E402
from arms import ARMS, maker  # noqa: E402
from generators import checkpoint_name, digest_photos, find, fingerprint  # noqa: E402
from plan import group, read_plan  # noqa: E402
from sets import Data, TestSet  # noqa: E402
from trial import Trial, errors_of, run  # noqa: E402

from harmaug import SycoNetAugment  # noqa: E402

RESULTS = HERE / "results"


def run_group(trials: list[Trial], options: argparse.Namespace) -> Counter[str]:
    """Trials that share a training set, one after the other, in this process."""
    torch.set_num_threads(options.threads)
    data = Data(options.data, options.store)
    first = trials[0]
    training = data.training_set(first.set, first.size, first.seed)
    tests = data.tests(first.set)
    known: dict[str, str | None] = {
        "pairs": digest_photos(training.pairs),
        "tested": digest_tests(tests),
    }
    _note_untouched(options.results, first.set, tests, known["tested"])
    count: Counter[str] = Counter()
    for trial in trials:
        arm = ARMS[trial.arm]
        name = checkpoint_name(arm.checkpoint, training.domain)
        known["checkpoint"] = fingerprint(name, training.pairs)
        key = trial.key(known)
        if key in store.done(options.results, trial.set):
            count["there already"] += 1
            continue
        augment = None
        if name is not None:
            path = find(name, training.pairs, options.store)
            augment = SycoNetAugment.from_pretrained(path, options.device)
        make = arm.source and maker(arm, data, training, augment, trial.strength)
        result = run(trial, training, tests, make or None, torch.device(options.device))
        store.append(options.results, {"key": key, **vars(trial), **known, **result})
        count["trained"] += 1
    return count


def digest_tests(tests: dict[str, TestSet]) -> str:
    """What is tested on, in a few digits."""
    return "".join(digest_photos(test.photos)[:4] for test in tests.values())


def _note_untouched(folder: Path, name: str, tests: dict[str, TestSet], digest: str | None) -> None:
    """Errors of the composites themselves, and the scenes that intervals are taken over."""
    key = f"untouched {digest}"
    if key in store.done(folder, name):
        return
    found: dict[str, Any] = {
        label: errors_of(None, test.photos, torch.device("cpu")) | {"scenes": test.scenes}
        for label, test in tests.items()
    }
    store.append(folder, {"key": key, "set": name, "arm": "untouched", "tests": found})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", help="a file of experiments/, such as smoke, main or all")
    parser.add_argument("--data", type=Path, required=True, help="folder of photos and pairs")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to append to")
    cache = Path.home() / ".cache" / "harmaug" / "downstream"
    parser.add_argument("--store", type=Path, default=cache, help=f"scratch (default: {cache})")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="at once (default: cores)")
    parser.add_argument("--threads", type=int, default=1, help="of each job (default: 1)")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    parser.add_argument("--arms", nargs="+", help="only these")
    parser.add_argument("--sets", nargs="+", help="only these")
    options = parser.parse_args()
    trials = [
        trial
        for trial in read_plan(options.experiment)
        if trial.arm in (options.arms or ARMS) and trial.set in (options.sets or [trial.set])
    ]
    groups, start = group(trials), time.perf_counter()
    print(f"{len(trials)} trials on {len(groups)} training sets, {options.jobs} at once")
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        futures = {pool.submit(run_group, some, options): some[0] for some in groups}
        for number, future in enumerate(as_completed(futures), 1):
            first, minutes = futures[future], (time.perf_counter() - start) / 60
            what = ", ".join(f"{count} {name}" for name, count in future.result().items())
            print(f"{number}/{len(groups)} {minutes:.1f} min: {first.set} {first.seed}: {what}")


if __name__ == "__main__":
    main()
