"""How many photos a second `harmaug generate` takes from end to end, beside its codecs.

    python benchmarks/generate_rate.py [--photos 1500] [--workers 2] [--rounds 3] [--out FILE.json]

By the clock, in as many processes as there are workers, on the photos of `generate_throughput.py`,
n=4. The command makes a set of all photos and one of a fifth of them; the difference is what it
takes without its start and end. The codecs, Pillow's, decode a photo and encode four composites,
from memory to memory; and once more with each file written, as plainly as can be. All take turns.
PNG sets are of a sixth of the photos.
"""

from __future__ import annotations

import argparse
import shutil
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
_KEPT = 24  # photos whose composites are encoded over and over


def generate(root: Path, output: Path, form: str, workers: int, limit: int) -> float:
    """Seconds of one run of the command."""
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "harmaug", "generate", str(root), "-o", str(output)]
    command += ["-n", "4", "--format", form, "--workers", str(workers), "--limit", str(limit)]
    begin = time.perf_counter()
    subprocess.run(command, check=True, cwd=output.parent, capture_output=True)
    return time.perf_counter() - begin


def codecs(root: Path, output: Path, form: str, photos: int, write: bool) -> float:
    """Seconds of decoding and encoding in this process, and of writing if asked for."""
    decode = single.pillow_decode
    encode = single.pillow_encode if form == "jpg" else single.runs_encode
    made = sorted((output / root.name / "composite_images").iterdir())[: 4 * _KEPT]
    composites = [np.array(Image.open(path)) for path in made]
    files = [path.read_bytes() for path in sorted((root / "real_images").iterdir())[:photos]]
    with tempfile.TemporaryDirectory(dir=output.parent) as place:
        begin = time.perf_counter()
        for row, data in enumerate(files):
            decode(data)
            coded = [data]
            for k in range(4 * row, 4 * row + 4):
                coded.append(encode(composites[k % len(composites)]))
            for k, found in enumerate(coded if write else []):
                Path(place, f"{row}_{k}").write_bytes(found)
        return time.perf_counter() - begin


def rates(root: Path, form: str, photos: int, workers: int) -> dict[str, float]:
    """Photos a second of everything, once."""
    output = root.parent / "output"
    few = photos // PARTS
    part = generate(root, output, form, workers, few)
    whole = generate(root, output, form, workers, photos)
    share = photos // workers
    found = {"generate": (photos - few) / (whole - part)}
    with get_context("spawn").Pool(workers) as pool:
        for name, write in (("codecs alone", False), ("codecs and writing", True)):
            jobs = [(root, output, form, share, write)] * workers
            found[name] = share * sum(1 / seconds for seconds in pool.starmap(codecs, jobs))
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
            rounds = [rates(root, form, photos, options.workers) for _ in range(options.rounds)]
            figures[form] = rounds
            for name in rounds[0]:
                each = [found[name] for found in rounds]
                ratio = statistics.median(found["generate"] / found[name] for found in rounds)
                rows.append((form, name, statistics.median(each), min(each), max(each), ratio))
    header = ("set", "what", "photos/s", "least", "most", "generate's rate over it")
    measure.table(f"{options.workers} processes, 1024x768 photos, n=4", header, rows)
    measure.record(options.out, __doc__, figures)


if __name__ == "__main__":
    main()
