"""Time a worker of `harmaug generate` and its steps, beside decoding and encoding alone.

    python benchmarks/generate_throughput.py [--photos 24] [--rounds 9] [--out FILE.json]

Photos of 1024x768 are mosaics of the packaged ones at their own resolution. Foregrounds are
ellipses of 0.2 to 0.9 of the frame's height, 0.55 on average (0.53 to 0.79 in the larger mask sets
that were measured). One worker and the codecs alone take turns, a few photos each, in one process
on one core, so that a machine that slows down does so for both. "of their rate" is the ratio of
their processor times in a round, the median over the rounds. The codecs decode the photo and encode
the n composites in memory; the worker also reads the files, decodes the mask, decides, looks up and
writes new files. kornia_rs has the fastest JPEG codec; Pillow's is the usual one.
"""

from __future__ import annotations

import io
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import measure
import numpy as np
import torch
from kornia_rs import io as codec
from PIL import Image, ImageDraw, ImageOps

from harmaug.data.demo import demo_photos
from harmaug.generation import Settings
from harmaug.generation import worker as steps
from harmaug.generation.job import Format
from harmaug.generation.output import FOLDERS, Writer
from harmaug.generation.pictures import encode_png
from harmaug.generation.sources import Source, find_sources
from harmaug.generation.worker import TOGETHER, Worker

WIDTH, HEIGHT = 1024, 768
LIMIT = 0.9
FORMATS: tuple[Format, ...] = ("jpg", "png")
CASES: tuple[tuple[Format, int], ...] = (("jpg", 4), ("jpg", 10), ("png", 4))  # format and n


def write_photos(root: Path, count: int) -> None:
    """Write mosaics, which have the detail of photos in every pixel, and their masks."""
    for folder in FOLDERS[1:]:
        (root / folder).mkdir(parents=True)
    tile = (WIDTH // 2, HEIGHT // 2)
    pictures = [ImageOps.fit(Image.fromarray(photo.pixels), tile) for _, photo, _ in demo_photos()]
    draw = np.random.default_rng(0)
    for k in range(count):
        mosaic = Image.new("RGB", (WIDTH, HEIGHT))
        for corner in np.ndindex(2, 2):
            picture = pictures[draw.integers(len(pictures))]
            if draw.random() < 0.5:
                picture = ImageOps.mirror(picture)
            mosaic.paste(picture, (corner[1] * tile[0], corner[0] * tile[1]))
        mosaic.save(root / "real_images" / f"p{k}.jpg", quality=92)
        tall = (0.2 + 0.7 * (k + 0.5) / count) * HEIGHT
        wide = draw.uniform(0.5, 1.0) * tall
        left, top = draw.uniform(0, WIDTH - wide), draw.uniform(0, HEIGHT - tall)
        mask = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(mask).ellipse((left, top, left + wide, top + tall), fill=255)
        mask.save(root / "masks" / f"p{k}_1.png")


def pillow_decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def pillow_encode(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def runs_encode(pixels: np.ndarray) -> bytes:
    return encode_png(Image.fromarray(pixels))


def fast_decode(data: bytes) -> np.ndarray:
    return codec.decode_image_jpegturbo(data, "rgb")


def fast_encode(pixels: np.ndarray) -> bytes:
    return bytes(codec.encode_image_jpegturbo(pixels, 95, "4:4:4"))


CODECS: dict[str, dict[str, tuple[Callable[..., Any], Callable[..., Any]]]] = {
    "jpg": {
        "kornia_rs": (fast_decode, fast_encode),
        "Pillow": (pillow_decode, pillow_encode),
    },
    "png": {"Pillow, runs alone": (pillow_decode, runs_encode)},
}


def timed(function: Callable[..., Any], *arguments: Any) -> float:
    """Return the seconds of processor time of one call."""
    begin = time.process_time()
    function(*arguments)
    return time.process_time() - begin


def codecs_alone(decode: Any, encode: Any, photo: bytes, composites: list[np.ndarray]) -> None:
    decode(photo)
    for composite in composites:
        encode(composite)


def against_codecs(root: Path, form: Format, n: int, rounds: int) -> dict[str, Any]:
    """Return processor seconds a photo of worker and codecs, and the ratio of their rates."""
    sources = find_sources(root).sources
    with worker(root, Settings(n=n, format=form)) as work:
        files = [written(work, source) for source in sources]
        made = [[np.array(Image.open(file)) for file in some[2:]] for some in files]
        photos = [(root / source.photo).read_bytes() for source in sources]
        spent: dict[str, list[float]] = {"worker": [], **{name: [] for name in CODECS[form]}}
        for _ in range(rounds):
            total: dict[str, float] = defaultdict(float)
            for start in range(0, len(sources), TOGETHER):
                few = slice(start, start + TOGETHER)
                remove(files[few])
                total["worker"] += timed(list, work(sources[few]))
                for name, pair in CODECS[form].items():
                    for photo, composites in zip(photos[few], made[few], strict=True):
                        total[name] += timed(codecs_alone, *pair, photo, composites)
            for name, seconds in total.items():
                spent[name].append(seconds / len(sources))
    rate = {
        name: statistics.median(
            alone / whole for alone, whole in zip(seconds, spent["worker"], strict=True)
        )
        for name, seconds in spent.items()
        if name != "worker"
    }
    return {
        "format": form,
        "n": n,
        "processor_seconds_a_photo": spent,
        "rate_of_codecs_alone": rate,
    }


def written(work: Worker, source: Source) -> list[Path]:
    """Write the files of a source and return their paths."""
    (job,) = work([source])
    assert job.record is not None, job.error
    return [work.writer.root / name for name in job.record["files"]]


def remove(files: list[list[Path]]) -> None:
    """Remove files, so that all are new as in a set: replacing a file takes longer."""
    for file in chain.from_iterable(files):
        file.unlink()


@contextmanager
def worker(root: Path, settings: Settings) -> Iterator[Worker]:
    """Yield a worker that writes to a folder of its own, removed afterwards."""
    output = Path(tempfile.mkdtemp(dir=root.parent))
    for folder in FOLDERS:
        (output / root.name / folder).mkdir(parents=True)
    partial = output / "partial"
    partial.mkdir()
    yield Worker(settings, root, Writer(output, partial))
    shutil.rmtree(output)


def breakdown(root: Path, form: Format, n: int, rounds: int) -> dict[str, float]:
    """Return processor milliseconds a photo of each part of the work."""
    spent: dict[str, float] = defaultdict(float)

    def watched(owner: Any, name: str, label: str) -> Callable[[], None]:
        plain = getattr(owner, name)

        def run(*arguments: Any, **options: Any) -> Any:
            begin = time.process_time()
            result = plain(*arguments, **options)
            spent[label] += time.process_time() - begin
            return result

        setattr(owner, name, run)
        return lambda: setattr(owner, name, plain)

    parts = [
        (Worker, "read", "read files"),
        (steps, "open_photo", "decode the photo"),
        (steps, "open_mask", "decode the mask"),
        (Worker, "_view", "reduce for the net"),
        (Worker, "decide", "decide on LUTs"),
        (steps, "lut_composite", "look up"),
        (steps.PatchedJpeg, "__init__", "encode what is shared"),
        (steps.PatchedJpeg, "encode", "encode the foregrounds"),
        (steps.PatchedPng, "encode", "encode"),
        (Writer, "write", "write files"),
    ]
    undo = [watched(*part) for part in parts]
    sources = find_sources(root).sources
    with worker(root, Settings(n=n, format=form)) as work:
        files = [written(work, source) for source in sources]
        spent.clear()
        whole = 0.0
        for _ in range(rounds):
            for start in range(0, len(sources), TOGETHER):
                few = slice(start, start + TOGETHER)
                remove(files[few])
                whole += timed(list, work(sources[few]))
    for restore in undo:
        restore()
    spent["all else"] = whole - sum(spent.values())
    return {name: 1000 * seconds / rounds / len(sources) for name, seconds in spent.items()}


def codec_times(root: Path, rounds: int) -> dict[str, float]:
    """Return processor milliseconds of each codec on one photo, the median over the rounds."""
    data = (root / "real_images" / "p0.jpg").read_bytes()
    pixels, mask = fast_decode(data), (root / "masks" / "p0_1.png").read_bytes()
    candidates: dict[str, Callable[[], object]] = {
        "decode JPEG, kornia_rs": lambda: fast_decode(data),
        "decode JPEG, Pillow": lambda: pillow_decode(data),
        "decode mask, kornia_rs": lambda: codec.decode_image_png_u8(mask, (HEIGHT, WIDTH), "mono"),
        "decode mask, Pillow": lambda: pillow_decode(mask),
        "encode JPEG, kornia_rs": lambda: fast_encode(pixels),
        "encode JPEG, Pillow": lambda: pillow_encode(pixels),
        "encode PNG, Pillow, runs alone": lambda: runs_encode(pixels),
        "encode PNG, Pillow, its default": lambda: Image.fromarray(pixels).save(
            io.BytesIO(), "PNG"
        ),
    }
    try:
        import cv2
    except ImportError:
        pass
    else:
        cv2.setNumThreads(1)
        raw = np.frombuffer(data, np.uint8)
        flags = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
        flags.append(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
        candidates["decode JPEG, OpenCV"] = lambda: cv2.imdecode(raw, cv2.IMREAD_COLOR)
        candidates["encode JPEG, OpenCV"] = lambda: cv2.imencode(".jpg", pixels, flags)
        candidates["encode PNG, OpenCV"] = lambda: cv2.imencode(".png", pixels)
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            seconds[name].append(timed(run))
    return {name: 1000 * statistics.median(times) for name, times in sorted(seconds.items())}


def main() -> None:
    parser = measure.parser(__doc__, rounds=9)
    parser.add_argument("--photos", type=int, default=24, help="default: 24")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        write_photos(root, options.photos)
        cases = [against_codecs(root, form, n, options.rounds) for form, n in CASES]
        parts = {form: breakdown(root, form, 4, 2) for form in FORMATS}
        codecs = codec_times(root, 9)
    rows: list[tuple[object, ...]] = []
    for case in cases:
        seconds = statistics.median(case["processor_seconds_a_photo"]["worker"])
        for name, share in case["rate_of_codecs_alone"].items():
            verdict = "met" if share >= LIMIT else "MISSED"
            rows.append((f"{case['format']}, n={case['n']}", 1 / seconds, name, share, verdict))
    measure.table(
        f"one worker on {WIDTH}x{HEIGHT} photos",
        ("set", "photos/core s", "codecs", "of their rate", f"{LIMIT}"),
        rows,
    )
    for form, times in parts.items():
        ordered = sorted(times.items(), key=lambda item: -item[1])
        measure.table(f"processor ms a photo, {form}, n=4", ("part", "ms"), ordered)
    measure.table("codecs, processor ms", ("codec", "ms"), list(codecs.items()))
    figures = {"cases": cases, "processor_ms_a_photo": parts, "codec_processor_ms": codecs}
    measure.record(options.out, __doc__, figures)


if __name__ == "__main__":
    main()
