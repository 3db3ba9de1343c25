"""How many photos a second `harmaug generate` takes from end to end, beside its codecs.

    python benchmarks/generate_rate.py [--photos 1500] [--workers 2] [--rounds 3] [--out FILE.json]

By the clock, in as many processes as there are workers, on the photos of `generate_throughput.py`,
n=4. The command makes a set of all photos and one of a fifth of them; the difference is what it
takes without its start and end. The codecs, Pillow's, decode a photo and encode four composites,
from memory to memory; and once more with each file written, as plainly as can be. All take turns.
PNG sets are of a sixth of the photos. Processor time is told apart into what is spent in processes
themselves and in the system, which writes files: in a virtual machine that gets its memory from the
host when it is first touched, the latter can be most of the difference.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import generate_throughput as single
import measure
import numpy as np
from PIL import Image

PARTS = 5  # a set of one part, and one of all
_KEPT = 24  # photos whose composites are encoded over and over


class Spent(NamedTuple):
    """Seconds by the clock, and of processor time in processes themselves and in the system."""

    clock: float
    own: float
    system: float

    @classmethod
    @contextmanager
    def by(cls, whose: int) -> Iterator[list[Spent]]:
        """Appends what the block takes; ``whose`` is one of `resource.getrusage`'s."""
        spent: list[Spent] = []
        before, begin = resource.getrusage(whose), time.perf_counter()
        yield spent
        clock, after = time.perf_counter() - begin, resource.getrusage(whose)
        own, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        spent.append(cls(clock, own, system))


def generate(root: Path, output: Path, form: str, workers: int, limit: int) -> Spent:
    """One run of the command."""
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "harmaug", "generate", str(root), "-o", str(output)]
    command += ["-n", "4", "--format", form, "--workers", str(workers), "--limit", str(limit)]
    with Spent.by(resource.RUSAGE_CHILDREN) as spent:
        subprocess.run(command, check=True, cwd=output.parent, capture_output=True)
    return spent[0]


def codecs(root: Path, output: Path, form: str, photos: int, write: bool) -> Spent:
    """Decoding and encoding in this process, and writing if asked for."""
    decode = single.pillow_decode
    encode = single.pillow_encode if form == "jpg" else single.runs_encode
    made = sorted((output / root.name / "composite_images").iterdir())[: 4 * _KEPT]
    composites = [np.array(Image.open(path)) for path in made]
    files = [path.read_bytes() for path in sorted((root / "real_images").iterdir())[:photos]]
    with (
        tempfile.TemporaryDirectory(dir=output.parent) as place,
        Spent.by(resource.RUSAGE_SELF) as spent,
    ):
        for row, data in enumerate(files):
            decode(data)
            coded = [data]
            for k in range(4 * row, 4 * row + 4):
                coded.append(encode(composites[k % len(composites)]))
            for k, found in enumerate(coded if write else []):
                Path(place, f"{row}_{k}").write_bytes(found)
    return spent[0]


def once(root: Path, form: str, photos: int, workers: int) -> dict[str, Spent]:
    """What a photo takes each, with as many processes at work."""
    output = root.parent / "output"
    few = photos // PARTS
    part = generate(root, output, form, workers, few)
    whole = generate(root, output, form, workers, photos)
    found = {
        "generate": Spent(*((w - p) / (photos - few) for w, p in zip(whole, part, strict=True)))
    }
    share = photos // workers
    with get_context("spawn").Pool(workers) as pool:
        for name, write in (("codecs alone", False), ("codecs and writing", True)):
            each = pool.starmap(codecs, [(root, output, form, share, write)] * workers)
            clock = 1 / (share * sum(1 / spent.clock for spent in each))
            own = statistics.mean(spent.own for spent in each) / share
            system = statistics.mean(spent.system for spent in each) / share
            found[name] = Spent(clock, own, system)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    figures: dict[str, Any] = {"photos": options.photos, "workers": options.workers}
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "set"
        single.write_photos(root, options.photos)
        for form, photos in (("jpg", options.photos), ("png", options.photos // 6)):
            rounds = [once(root, form, photos, options.workers) for _ in range(options.rounds)]
            figures[form] = [{k: spent._asdict() for k, spent in some.items()} for some in rounds]
            for name in rounds[0]:
                each = [some[name] for some in rounds]
                rate = [1 / spent.clock for spent in each]
                ratio = [some[name].clock / some["generate"].clock for some in rounds]
                own = statistics.median(1000 * spent.own for spent in each)
                system = statistics.median(1000 * spent.system for spent in each)
                row = (form, name, statistics.median(rate), min(rate), max(rate))
                rows.append((*row, statistics.median(ratio), own, system))
    rate_columns = ("photos/s", "least", "most", "generate's rate over it")
    header = ("set", "what", *rate_columns, "own ms a photo", "system")
    measure.table(f"{options.workers} processes, 1024x768 photos, n=4", header, rows)
    measure.record(options.out, __doc__, figures)


if __name__ == "__main__":
    main()
