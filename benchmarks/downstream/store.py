"""Results on disk: one line of JSON a trial, appended at once, so that a kill loses no other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def append(folder: Path, record: dict[str, Any]) -> None:
    """Add a result to the file of its set."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, separators=(",", ":")).encode()
    # One write in append mode: workers share files. It begins a line, whatever a kill left there.
    file = os.open(file_of(folder, record["set"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, b"\n" + line)
        os.fsync(file)
    finally:
        os.close(file)


def load(folder: Path) -> list[dict[str, Any]]:
    """All whole results; of those with one key the first."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for record in _lines(path):
            found.setdefault(record["key"], record)
    return list(found.values())


def done(folder: Path, name: str) -> set[str]:
    """Keys of the results on a set."""
    path = file_of(folder, name)
    return {record["key"] for record in _lines(path)} if path.exists() else set()


def file_of(folder: Path, name: str) -> Path:
    """Where results on a set are."""
    return folder / f"{name.replace('/', '-')}.jsonl"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:  # the start of one that was killed while it was written, or no line
            continue
