"""Time `augment` of this version beside another one's, on one thread of a CPU.

    python benchmarks/augment_versions.py CHECKOUT [--rounds 15] [--out FILE.json]

CHECKOUT is a checkout of another version, built by ``python setup.py build_ext --inplace``. Each
version runs in a process of its own and reports its processor time; they take turns within a round.
Photos of 256x256, a quarter of each foreground. "ratio" is this version's time over the other's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import measure
import torch

from harmaug import SycoNetAugment

SIZE, FOREGROUND = 256, 0.25
CASES = ((1, 8), (16, 1), (16, 8))  # photos, composites of each
HERE = Path(__file__).resolve()


def answer(checkpoint: str) -> None:
    """Time each case that comes as a line of input; print milliseconds."""
    torch.set_num_threads(1)
    aug = SycoNetAugment.from_pretrained(checkpoint)
    for line in sys.stdin:
        count, n = map(int, line.split())
        real = measure.photo(SIZE, SIZE, count)
        mask = measure.disc(SIZE, SIZE, FOREGROUND).repeat(count, 1, 1, 1)
        aug.augment(real, mask, n)
        begin = time.process_time()
        aug.augment(real, mask, n)
        print(1000 * (time.process_time() - begin), flush=True)


def start(checkout: Path, checkpoint: str) -> subprocess.Popen[str]:
    """Start the process of a version."""
    return subprocess.Popen(
        [sys.executable, str(HERE), str(checkout), "--checkpoint", checkpoint, "--answer"],
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def compare(checkout: Path, checkpoint: str, rounds: int) -> dict[str, object]:
    """Time every case of this version and of the other one, in turn."""
    versions = {"this": HERE.parents[1], "other": checkout}
    running = {name: start(folder, checkpoint) for name, folder in versions.items()}
    figures, rows = {}, []
    for count, n in CASES:
        series = {name: measure.Series() for name in running}
        for number in range(rounds + 1):
            for name, process in running.items():
                assert process.stdin is not None
                assert process.stdout is not None
                print(count, n, file=process.stdin, flush=True)
                milliseconds = float(process.stdout.readline())
                if number > 0:
                    series[name].milliseconds.append(milliseconds)
        this, other = series["this"], series["other"]
        ratio = this.against(other)
        summaries = {name: one.summary() for name, one in series.items()}
        figures[f"{count} x {n}"] = {**summaries, "ratio": ratio}
        rows.append((f"{count} x {n}", this.median, other.median, ratio))
    for process in running.values():
        process.communicate()
    measure.table("augment", ("photos x n", "this, ms", "other, ms", "ratio"), rows)
    return {"checkpoint": checkpoint, "figures": figures}


def main() -> None:
    measure.recycle_memory()
    parser = measure.parser(__doc__, rounds=15)
    parser.add_argument("checkout", type=Path, help="checkout of another version")
    parser.add_argument("--checkpoint", default="retouch", help="default: retouch")
    parser.add_argument("--answer", action="store_true", help="be the process of one version")
    options = parser.parse_args()
    if not (options.checkout / "harmaug").is_dir():
        raise SystemExit(f"{options.checkout} holds no harmaug.")
    if options.answer:
        answer(options.checkpoint)
    else:
        found = compare(options.checkout.resolve(), options.checkpoint, options.rounds)
        measure.record(options.out, __doc__, found)


if __name__ == "__main__":
    main()
