"""A worker takes each step for a few sources in a row, and for large photos one by one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harmaug.generation import worker as module
from harmaug.generation.job import Job
from harmaug.generation.sources import Source
from harmaug.generation.worker import TOGETHER, Worker


class Steps(Worker):
    """Notes the steps that are taken; a source fails in the step that it is named for."""

    def __init__(self, pixels=1):
        self.taken = []
        self.size = (pixels, 1)

    def step(self, name, job):
        self.taken.append((name, job.source.name))
        if job.source.name == name:
            raise ValueError(f"no {name} today.")

    def read(self, job):
        self.step("read", job)

    def open(self, job):
        self.step("open", job)
        job.photo = SimpleNamespace(image=SimpleNamespace(size=self.size))

    def decide(self, job):
        self.step("decide", job)

    def encode(self, job):
        self.step("encode", job)
        job.record = {"name": job.source.name}

    def write(self, job):
        self.step("write", job)

    def work(self, *names):
        return list(self([Source("set", name, name, name, name) for name in names]))


def test_steps_are_taken_for_a_few_sources_in_a_row():
    steps = Steps()
    names = [f"s{k}" for k in range(TOGETHER + 2)]
    assert [job.record["name"] for job in steps.work(*names)] == names
    expected = []
    for some in (names[:TOGETHER], names[TOGETHER:]):
        expected += [(step, name) for step in ("read", "open", "decide") for name in some]
        expected += [(step, name) for name in some for step in ("encode", "write")]
    assert steps.taken == expected


def test_no_more_large_photos_are_open_at_once_than_fit(monkeypatch):
    monkeypatch.setattr(module, "_LARGE", 10)
    steps = Steps(pixels=6)
    steps.work("a", "b", "c")
    opened = [name for step, name in steps.taken if step == "open"]
    assert opened == ["a", "b", "c"]
    assert steps.taken.index(("encode", "b")) < steps.taken.index(("open", "c"))
    assert steps.taken.index(("encode", "a")) > steps.taken.index(("open", "b"))


@pytest.mark.parametrize("step", ["read", "open", "decide", "encode", "write"])
def test_a_source_that_fails_takes_no_other_along(step):
    jobs = Steps().work("before", step, "after")
    assert [job.error for job in jobs] == [None, f"no {step} today", None]
    assert [job.record and job.record["name"] for job in jobs] == ["before", None, "after"]
    assert all(isinstance(job, Job) for job in jobs)
