"""Train the harmonizers of own photos alone whose results are not stored yet, and print tables.

    python benchmarks/own_photos/compare.py DATA [--arms unified filters] [--seeds 0 1]

DATA holds ``photos/``, ``pairs/`` and ``transforms/`` (see README.md). It can be interrupted at any
time; the same command continues, and one with more arms or seeds adds to the results. Processes
with different seeds may run beside each other.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "downstream"))
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import figures
import store
import torch
from composites import ARMS, make_with, taught
from sets import Data, TestSet
from training import STEPS, THUMBNAILS, Training, run
from trial import digest_tests, untouched
from true_pairs import read_photos, read_tests

from harmaug import SycoNetAugment, list_checkpoints

SET = "own-photos"  # names the file that results are appended to


def settled(arm: str) -> dict[str, Any]:
    """Return what decides an arm's composites beside its name: checkpoint and recipes."""
    checkpoint = ARMS[arm].checkpoint
    known: dict[str, Any] = {"checkpoint": checkpoint, "sha256": None}
    if checkpoint is not None:
        known["sha256"] = list_checkpoints()[checkpoint]["sha256"]
    if ARMS[arm].source == "recipes":
        known["recipes"] = taught(checkpoint)
    return known


def compare(options: argparse.Namespace) -> None:
    """Run all trainings that the options name, except stored ones."""
    data = Data(options.data, options.store)
    photos, no_photos = read_photos(options.data, options.store)
    tests, no_pairs = read_tests(options.data, options.store)
    for path in (*no_photos, *no_pairs):
        print(f"left out: {path} is not there")
    if options.smoke:
        photos = photos.take(range(0, len(photos), 40))
        tests = {
            name: TestSet(test.photos.take(range(min(len(test.scenes), 6))), test.scenes[:6])
            for name, test in tests.items()
        }
    tested = digest_tests(tests)
    pictures = {"photos": photos.digest(), "tested": tested}
    if f"untouched {tested}" not in _keys(options.results):
        store.append(options.results, untouched(SET, tests) | {"tested": tested})
    trainings = [
        Training(harmonizer, arm, seed, options.steps)
        for seed, harmonizer, arm in itertools.product(
            options.seeds, options.harmonizers, options.arms
        )
    ]
    for number, training in enumerate(trainings, 1):
        name = f"{number}/{len(trainings)} {training.harmonizer}, {training.arm}, {training.seed}"
        known = pictures | settled(training.arm)
        key = training.key(known)
        if key in _keys(options.results):  # read again: another process may have added it
            print(f"{name}: stored before")
            continue
        arm, aug = ARMS[training.arm], None
        if arm.checkpoint is not None:
            aug = SycoNetAugment.from_pretrained(arm.checkpoint, options.device)
        try:
            make = make_with(arm, data, photos, aug)
        except (ValueError, FileNotFoundError) as error:
            print(f"{name}: left out: {error}")
            continue
        result = run(training, photos, tests, make, torch.device(options.device))
        record = {"key": key, "set": SET, **training.settings(), **known, **result}
        store.append(options.results, record)
        print(f"{name}: {result['seconds']:.0f} s, loss {result['loss']:.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of photos, pairs and transforms")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), help="default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)), help="default: 0-4")
    parser.add_argument(
        "--harmonizers",
        nargs="+",
        choices=THUMBNAILS,
        default=list(THUMBNAILS),
        help="default: both",
    )
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    parser.add_argument("--threads", type=int, default=1, help="default: 1")
    parser.add_argument("--device", default="cpu", help="default: cpu")
    help_text = "8 steps, few photos and pairs, one seed; results go to a temporary folder"
    parser.add_argument("--smoke", action="store_true", help=help_text)
    parser.add_argument("--results", type=Path, help="folder to append to (default: results here)")
    cache = Path.home() / ".cache" / "harmaug" / "downstream"
    parser.add_argument("--store", type=Path, default=cache, help=f"of photos (default: {cache})")
    options = parser.parse_args()
    if not (options.data / "photos").is_dir():
        print(f"skipped: {options.data / 'photos'} is not there; README.md says what DATA holds.")
        return
    torch.set_num_threads(options.threads)
    if options.smoke:
        options.steps, options.seeds = 8, options.seeds[:1]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        options.results = options.results or (Path(temporary) if options.smoke else figures.RESULTS)
        compare(options)
        print(f"{(time.perf_counter() - start) / 60:.1f} minutes")
        figures.show(store.load(options.results), options.steps)


def _keys(results: Path) -> set[str]:
    return {record["key"] for record in store.load(results)}


if __name__ == "__main__":
    main()
