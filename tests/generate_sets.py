"""Small photos with masks to make sets of, and ways to look at what was made."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from harmaug.cli import main


def write_photos(root, count=6, size=(48, 64), seed=0):
    """Noisy gradients as JPEG with an ellipse each, in the iHarmony4 layout."""
    draw = np.random.default_rng(seed)
    for folder in ("real_images", "masks"):
        (Path(root) / folder).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    for k in range(count):
        start, end = draw.uniform(0.1, 0.8, (2, 3))
        photo = start + (end - start) * x[..., None] + draw.normal(0, 0.03, (*size, 3))
        centre, radius = draw.uniform(0.3, 0.7, 2), draw.uniform(0.15, 0.3)
        disk = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        pixels = (photo.clip(0, 1) * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(Path(root) / "real_images" / f"p{k}.jpg", quality=92)
        mask = (disk * 255).astype(np.uint8)
        Image.fromarray(mask).save(Path(root) / "masks" / f"p{k}_1.png")
    return Path(root)


def write_originals(root, **counts):
    """Photos with two composites each, and a list file for each split of so many of them."""
    root = write_photos(root, sum(counts.values()))
    (root / "composite_images").mkdir()
    keys = (f"p{k}_1" for k in range(sum(counts.values())))
    for split, count in counts.items():
        names = [f"{key}_{k}.jpg" for key in islice(keys, count) for k in (1, 2)]
        (root / f"{root.name}_{split}.txt").write_text("".join(f"{name}\n" for name in names))
        for name in names:
            photo = Image.open(root / "real_images" / f"{name.split('_')[0]}.jpg")
            photo.point(lambda value: value // 2).save(root / "composite_images" / name)
    return root


def lines(output):
    """Number of photos that the journal of a set says are made."""
    journal = Path(output) / ".harmaug/1-of-1/journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def contents(folder):
    """Name -> bytes of all files of a set but what a run keeps for itself."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if ".harmaug" not in path.parts
    }


class Forks:
    """Processes that start at once: forked from a server that has imported all but run nothing.

    A fork of the tests' own process would inherit locks of threads that it does not have.
    """

    def __init__(self):
        command = [sys.executable, __file__]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdout is not None
        self._answers = self._server.stdout
        assert self._answers.readline() == "ready\n"

    def run(self, *arguments, size=None, kill_after=None, since=None):
        """The exit code of ``harmaug`` with these arguments.

        Args:
            size: no file may become longer than that.
            kill_after: seconds after which it is killed, if it still runs.
            since: a set and a number of its photos: the seconds count from when its journal has so
                many, not from the start.
        """
        if since is not None:
            since = [str(since[0]), since[1]]
        request = [kill_after, since, size, *map(str, arguments)]
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return int(self._answers.readline())

    def close(self):
        self._server.communicate()


def _serve():
    for name in ("harmaug.generation", "kornia.color", "pyarrow.parquet", "pandas"):
        with contextlib.suppress(ImportError):  # pyarrow takes pandas where there is one
            importlib.import_module(name)

    answers = os.dup(1)
    os.dup2(2, 1)  # what commands print is no answer
    os.write(answers, b"ready\n")
    for line in sys.stdin:
        kill_after, since, *request = json.loads(line)
        process = os.fork()
        if not process:
            _work(*request)
        if kill_after is not None:
            while since is not None and _runs(process) and lines(since[0]) < since[1]:
                time.sleep(0.001)
            time.sleep(kill_after)
            os.kill(process, signal.SIGKILL)  # one that has ended keeps its code
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(answers, f"{code}\n".encode())


def _runs(process):
    """Whether it still runs, without taking its exit code."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _work(size, *arguments):
    code = 70
    try:
        if size is not None:
            import resource

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        code = main(arguments)
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
