"""A worker takes each step for a few sources in a row, and for large photos one by one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harmaug.generation import worker as module
from harmaug.generation.sources import Source
from harmaug.generation.worker import TOGETHER, Outcome, Worker


class Steps:
    """Notes the steps of a composer and writer; a source fails in the step that it is named for."""

    def __init__(self, pixels=1):
        self.taken = []
        self.size = (pixels, 1)

    def step(self, name, source, result):
        self.taken.append((name, source.name))
        if source.name == name:
            raise ValueError(f"no {name} today.")
        return result

    def read(self, source):
        return self.step("read", source, ("photo", "mask"))

    def open(self, source, photo, mask):
        image = SimpleNamespace(size=self.size)
        return self.step("open", source, SimpleNamespace(picture=SimpleNamespace(image=image)))

    def decide(self, source, opened):
        return self.step("decide", source, [])

    def encode(self, source, opened, decided):
        composed = SimpleNamespace(files=source.name, originals={}, record={"name": source.name})
        return self.step("encode", source, composed)

    def write(self, name, originals):
        self.taken.append(("write", name))

    def work(self, *names):
        sources = [Source("set", name, name, name, name) for name in names]
        return list(Worker(self, self)(sources))


def test_steps_are_taken_for_a_few_sources_in_a_row():
    steps = Steps()
    names = [f"s{k}" for k in range(TOGETHER + 2)]
    assert [outcome.record["name"] for outcome in steps.work(*names)] == names
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


@pytest.mark.parametrize("step", ["read", "open", "decide", "encode"])
def test_a_source_that_fails_takes_no_other_along(step):
    outcomes = Steps().work("before", step, "after")
    assert [outcome.error for outcome in outcomes] == [None, f"no {step} today", None]
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)
