"""The pool of processes: one that dies takes nothing down but the source that it died of."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from harmaug.generation.compose import Composed
from harmaug.generation.pool import run_pool
from harmaug.generation.sources import Source
from harmaug.generation.worker import Worker


class Fragile:
    """Starts workers that die of some sources: of "deadly" always, of "unlucky" once."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        return Worker(self, self)

    def read(self, source):
        return b"", b""

    def open(self, source, photo, mask):
        marker = Path(self.folder) / "met"
        if source.name == "deadly" or (source.name == "unlucky" and not marker.exists()):
            marker.touch()
            os._exit(9)
        if source.name == "broken":
            raise ValueError("it is broken.")
        return SimpleNamespace(picture=SimpleNamespace(image=SimpleNamespace(size=(1, 1))))

    def decide(self, source, opened):
        return []

    def encode(self, source, opened, decided):
        return Composed({}, {}, {"name": source.name})

    def write(self, files, originals):
        pass


def unable():
    os._exit(3)


def sources(*names):
    return [Source("set", name, name, name, name) for name in names]


def test_what_a_process_dies_of_fails_and_all_else_is_done(tmp_path):
    names = ["a", "b", "deadly", "c", "broken", "unlucky", "d", "e", "f"]
    outcomes = list(run_pool(Fragile(tmp_path), sources(*names), 2))
    assert sorted(outcome.source.name for outcome in outcomes) == sorted(names)
    errors = {outcome.source.name: outcome.error for outcome in outcomes if outcome.error}
    assert set(errors) == {"deadly", "broken"}
    assert "exit code 9" in errors["deadly"]
    assert errors["broken"] == "it is broken"


def test_processes_that_cannot_start_are_one_error():
    with pytest.raises(ChildProcessError, match="exit code 3"):
        list(run_pool(unable, sources("a", "b"), 2))


def test_whoever_stops_listening_ends_the_processes(tmp_path):
    import multiprocessing

    outcomes = run_pool(Fragile(tmp_path), sources(*"abcdefgh"), 1)
    next(outcomes)
    outcomes.close()
    assert not multiprocessing.active_children()
