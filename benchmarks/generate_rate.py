"""Count the photos a second of `harmaug generate` from end to end, beside its codecs.

    python benchmarks/generate_rate.py [--photos 1500] [--workers 2] [--rounds 3] [--out FILE.json]

By the clock, in one process a worker, on the photos of `generate_throughput.py`, n=4. The command
makes a set of all photos and one of a fifth of them; the difference is its time without start and
end. The codecs, Pillow's, decode a photo and encode four composites in memory; a second case also
writes each file. All take turns. PNG sets are of a sixth of the photos. Processor time is split
into that of the processes and that of the system, which writes files.

A file as large as the memory is written before the rounds of a format. So the memory is full, as in
a long run once its output has filled it, and new files take the pages of old ones. Some virtual
machines get their memory from the host at its first use; writing into free memory takes them
several times as long. Needs Linux, and disk space for twice the memory.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import generate_throughput as single
import measure
import numpy as np
from PIL import Image

PARTS = 5  # a set of one part, and one of all
TIMES = ("clock", "own", "system")  # the last two are processor time
_KEPT = 24  # photos whose composites are encoded over and over


def used(whose: int) -> np.ndarray:
    """Return the seconds so far of each of `TIMES`; ``whose`` is as in `resource.getrusage`."""
    usage = resource.getrusage(whose)
    return np.array([time.perf_counter(), usage.ru_utime, usage.ru_stime])


def generate(root: Path, output: Path, form: str, workers: int, limit: int) -> np.ndarray:
    """Return the times of one run of the command."""
    command = [sys.executable, "-m", "harmaug", "generate", str(root), "-o", str(output)]
    command += ["-n", "4", "--format", form, "--workers", str(workers), "--limit", str(limit)]
    before = used(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=output.parent, capture_output=True)
    return used(resource.RUSAGE_CHILDREN) - before


def codecs(root: Path, output: Path, form: str, photos: int, write: bool) -> np.ndarray:
    """Return the times of decoding, encoding and, with ``write``, writing in this process."""
    decode = single.pillow_decode
    encode = single.pillow_encode if form == "jpg" else single.runs_encode
    made = sorted((output / root.name / "composite_images").iterdir())[: 4 * _KEPT]
    composites = [np.array(Image.open(path)) for path in made]
    files = [path.read_bytes() for path in sorted((root / "real_images").iterdir())[:photos]]
    place = Path(tempfile.mkdtemp(dir=output.parent))
    before = used(resource.RUSAGE_SELF)
    for row, data in enumerate(files):
        decode(data)
        coded = [data]
        for k in range(4 * row, 4 * row + 4):
            coded.append(encode(composites[k % len(composites)]))
        for k, found in enumerate(coded if write else []):
            (place / f"{row}_{k}").write_bytes(found)
    return used(resource.RUSAGE_SELF) - before


def fill_memory(place: Path) -> None:
    """Write a file as large as the memory, so that its pages fill the memory."""
    block = bytes(1 << 24)
    with open(place / "filler", "wb") as file:
        for _ in range(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // len(block)):
            file.write(block)
        os.fsync(file.fileno())


def once(root: Path, form: str, photos: int, workers: int) -> dict[str, dict[str, float]]:
    """Return the times of a photo by `TIMES`, for the command and for codecs in its processes."""
    # Nothing is deleted in between: ext4 searches long for an inode after many were freed.
    output = Path(tempfile.mkdtemp(dir=root.parent))
    few = photos // PARTS
    part = generate(root, output / "part", form, workers, few)
    whole = generate(root, output / "whole", form, workers, photos)
    found = {"generate": (whole - part) / (photos - few)}
    share = photos // workers
    with get_context("spawn").Pool(workers) as pool:
        for name, write in (("codecs alone", False), ("codecs and writing", True)):
            jobs = [(root, output / "whole", form, share, write)] * workers
            each = np.array(pool.starmap(codecs, jobs)) / share
            clock = 1 / (1 / each[:, 0]).sum()  # the sum of their rates
            found[name] = np.array([clock, *each[:, 1:].mean(0)])
    return {name: dict(zip(TIMES, spent.tolist(), strict=True)) for name, spent in found.items()}


def main() -> None:
    parser = measure.parser(__doc__, rounds=3)
    parser.add_argument("--photos", type=int, default=1500, help="default: 1500")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    options = parser.parse_args()
    figures: dict[str, Any] = {"photos": options.photos, "workers": options.workers}
    rows: list[tuple[object, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "set"
        single.write_photos(root, options.photos)
        for form, photos in (("jpg", options.photos), ("png", options.photos // 6)):
            fill_memory(root.parent)
            rounds = [once(root, form, photos, options.workers) for _ in range(options.rounds)]
            figures[form] = rounds
            for name in rounds[0]:
                rate = [1 / some[name]["clock"] for some in rounds]
                ratio = [some["codecs alone"]["clock"] / some[name]["clock"] for some in rounds]
                own, system = (
                    statistics.median(1000 * some[name][kind] for some in rounds)
                    for kind in TIMES[1:]
                )
                spread = [
                    f(values) for values in (rate, ratio) for f in (statistics.median, min, max)
                ]
                rows.append((form, name, *spread, own, system))
    rate_columns = ("photos/s", "least", "most", "of codecs alone", "least", "most")
    header = ("set", "what", *rate_columns, "own ms a photo", "system")
    measure.table(f"{options.workers} processes, 1024x768 photos, n=4", header, rows)
    measure.record(options.out, __doc__, figures)


if __name__ == "__main__":
    main()
