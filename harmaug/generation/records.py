"""Records of the sources that are done: the journal, and what is written from it in the end.

Those are the list files, the manifest and a sheet to look at.
"""

from __future__ import annotations

import base64
import heapq
import importlib.util
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO, TypedDict

import numpy as np
from PIL import Image
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail

_GROUP = 4096  # rows of a row group of the manifest
_ROWS, _SHOWN = 8, 4  # of the sheet: photos, and composites of each


class Made(TypedDict):
    """A synthetic composite: its checkpoint's number, and packed numbers of its LUT."""

    checkpoint: int
    latent: str
    weights: str
    lut_shift: str


class Record(TypedDict):
    """A source that is done, as a line of the journal holds it.

    ``files`` maps the photo, the mask, originals and ``composites``, in this order, to their sizes.
    """

    subset: str
    name: str
    split: str
    photo: str
    mask: str
    files: dict[str, int]
    composites: list[Made]
    notes: list[str]


class Journal:
    """The sources that are done: one JSON object a line, in any order.

    A line that was cut off at the end of the file is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "ab+") as file:
            file.seek(0)
            self._end = sum(len(line) for line in file if line.endswith(b"\n"))
            file.truncate(self._end)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def append(self, record: Record) -> None:
        """Add a source that is done; a line that the disk has no room for is taken back."""
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(line)


def read_journals(*paths: Path) -> Iterator[Record]:
    """Yield records in order of names; of a source that was done twice, the last."""
    return heapq.merge(*map(_read_journal, paths), key=lambda one: (one["subset"], one["name"]))


def _read_journal(path: Path) -> Iterator[Record]:
    place: dict[tuple[str, str], int] = {}
    with open(path, "rb") as file:
        offset = 0
        for line in file:
            if line.endswith(b"\n"):
                record = json.loads(line)
                place[record["subset"], record["name"]] = offset
            offset += len(line)
        for key in sorted(place):
            file.seek(place[key])
            yield json.loads(file.readline())


def pack(values: Tensor) -> str:
    """Return numbers as JSON keeps them exact and short: their float32 bytes in base 64."""
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode("ascii")


def check_parquet() -> None:
    """Raise ImportError where the manifest could not be written."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            "the manifest is a Parquet file, which needs pyarrow; install it with "
            "pip install 'harmaug[generate]'."
        )


def summarize(
    root: Path, partial: Path, journals: Sequence[Path], about: Mapping[str, Any]
) -> None:
    """Write the lists, the manifest and the sheet of a set, each whole or not at all.

    ``about`` is what the set is made with, as its folder keeps it.
    """
    _write_lists(root, partial, read_journals(*journals))
    with atomic_write(root / "manifest.parquet", partial) as temporary:
        _write_manifest(temporary, read_journals(*journals), about)
    made = (record for record in read_journals(*journals) if record["composites"])
    rows = [_sheet_row(root, record) for record in itertools.islice(made, _ROWS)]
    if rows:
        with atomic_write(root / "sheet.jpg", partial) as temporary:
            contact_sheet(rows).save(temporary, quality=90)


def _write_lists(root: Path, partial: Path, done: Iterator[Record]) -> None:
    """Write the lists of composites that codebases look for.

    DoveNet, RainNet and theirs read ``IHD_<split>.txt``, iSSAM and its heirs
    ``<subset>/<subset>_<split>.txt``, HDNet ``<split>.txt``, DiffHarmony ``<split>.jsonl``.
    """
    with ExitStack() as stack:
        lists: dict[str, TextIO] = {}

        def write(name: str, line: str) -> None:
            if name not in lists:
                temporary = stack.enter_context(atomic_write(root / name, partial))
                lists[name] = stack.enter_context(open(temporary, "w", encoding="utf-8"))
            lists[name].write(line + "\n")

        for record in done:
            subset, split = record["subset"], record["split"]
            for composite in list(record["files"])[2:]:
                write(f"IHD_{split}.txt", composite)
                write(f"{subset}/{subset}_{split}.txt", composite.rpartition("/")[2])
                write(f"{split}.txt", composite)
                write(f"{split}.jsonl", json.dumps({"file_name": composite, "text": ""}))


def _write_manifest(path: Path, done: Iterator[Record], about: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, numbers = pa.string(), pa.list_(pa.float32())
    schema = pa.schema(
        [
            *((name, text) for name in ("composite", "real", "mask", "photo", "photo_mask")),
            *((name, text) for name in ("checkpoint", "checkpoint_sha256")),
            ("seed", pa.int64()),
            *((name, pa.float32()) for name in ("strength", "spatial")),
            *((name, numbers) for name in ("latent", "weights", "lut_shift")),
        ]
    )
    rows = itertools.chain.from_iterable(_rows(record, about) for record in done)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _rows(record: Record, about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row of the manifest for each synthetic composite of a source."""
    real, mask = list(record["files"])[:2]
    for name, one in zip(_synthetic(record), record["composites"], strict=True):
        checkpoint = about["checkpoints"][one["checkpoint"]]
        yield {
            "composite": name,
            "real": real,
            "mask": mask,
            "photo": record["photo"],
            "photo_mask": record["mask"],
            "checkpoint": checkpoint["name"],
            "checkpoint_sha256": checkpoint["sha256"],
            "seed": about["seed"],
            "strength": about["strength"],
            "spatial": about["spatial"],
            "latent": _unpack(one["latent"]),
            "weights": _unpack(one["weights"]),
            "lut_shift": _unpack(one["lut_shift"]),
        }


def _synthetic(record: Record) -> list[str]:
    names = list(record["files"])
    return names[len(names) - len(record["composites"]) :]


def _unpack(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _sheet_row(root: Path, record: Record) -> list[tuple[str, Image.Image]]:
    names = [*list(record["files"])[:2], *_synthetic(record)[:_SHOWN]]
    captions = [record["name"], "mask", *(f"composite {k}" for k in range(1, _SHOWN + 1))]
    row = []
    for caption, name in zip(captions, names, strict=False):
        with Image.open(root / name) as image:
            row.append((caption, thumbnail(np.asarray(image))))
    return row
