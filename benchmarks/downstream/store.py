"""Store results: one line of JSON a training, appended at once, and one compressed file of all.

    python benchmarks/downstream/store.py [--results FOLDER]

packs the lines that were appended since into the compressed file.
"""

from __future__ import annotations

import argparse
import bz2
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harmaug.io.atomic import atomic_write

RESULTS = Path(__file__).resolve().parent / "results"
PACKED = "all.jsonl.bz2"

Record = dict[str, Any]
"""A JSON object with a ``key`` and the ``set`` that it belongs to."""


def append(folder: Path, record: Record) -> None:
    """Append a result to the file of its set."""
    folder.mkdir(parents=True, exist_ok=True)
    line = json.dumps(record, separators=(",", ":")).encode()
    # One write in append mode, because workers share files. The line break comes first: a killed
    # write may have left half a line.
    file = os.open(file_of(folder, record["set"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, b"\n" + line)
        os.fsync(file)
    finally:
        os.close(file)


def load(folder: Path) -> list[Record]:
    """Return all whole results, packed ones first; of several with one key, the first."""
    packed = folder / PACKED
    found: dict[str, Record] = {}
    for lines in (
        *([bz2.decompress(packed.read_bytes())] if packed.exists() else []),
        *(path.read_bytes() for path in sorted(folder.glob("*.jsonl"))),
    ):
        for record in _records(lines):
            found.setdefault(record["key"], record)
    return list(found.values())


def pack(folder: Path) -> int:
    """Write all results into the compressed file, remove the others, return their number."""
    records = load(folder)
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    with atomic_write(folder / PACKED) as temporary:
        temporary.write_bytes(bz2.compress(text.encode()))
    for path in folder.glob("*.jsonl"):
        path.unlink()
    return len(records)


def file_of(folder: Path, name: str) -> Path:
    """Return the file that results on a set are appended to."""
    return folder / f"{name.replace('/', '-')}.jsonl"


def _records(lines: bytes) -> Iterator[Record]:
    for line in lines.split(b"\n"):
        try:
            yield json.loads(line)
        except ValueError:  # an empty line, or half a line of a killed write
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    options = parser.parse_args()
    print(f"{pack(options.results)} results in {options.results / PACKED}")


if __name__ == "__main__":
    main()
