"""What is written when a set is whole: list files, the manifest and a sheet to look at."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from harmaug.generation.compose import unpack
from harmaug.generation.output import records
from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail

_GROUP = 4096  # rows of a row group of the manifest
_ROWS, _SHOWN = 8, 4  # of the sheet: photos, and composites of each


def check_parquet() -> None:
    """Raise ImportError, and say what to install, where the manifest could not be written."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"the manifest is a Parquet file, which needs pyarrow ({error}); install it with "
            "pip install 'harmaug[generate]'."
        ) from None


def summarize(
    root: Path, partial: Path, journals: Sequence[Path], about: Mapping[str, Any]
) -> None:
    """Write the lists, the manifest and the sheet of a set, each whole or not at all.

    The lists are those that codebases look for: ``<subset>/<subset>_<split>.txt`` with file names,
    and ``IHD_<split>.txt`` with paths.

    Args:
        root: folder of the set.
        partial: where files are until they are whole.
        journals: of all its shards.
        about: what the set is made with: its seed, strength, checkpoints, and the name of its
            split.
    """
    _write_lists(root, partial, _merged(journals), about["split"])
    with atomic_write(root / "manifest.parquet", partial) as temporary:
        _write_manifest(temporary, _merged(journals), about)
    rows = [_sheet_row(root, record) for record in itertools.islice(_merged(journals), _ROWS)]
    if rows:
        with atomic_write(root / "sheet.jpg", partial) as temporary:
            contact_sheet(rows).save(temporary, quality=90)


def _merged(journals: Sequence[Path]) -> Iterator[dict[str, Any]]:
    def name(record: dict[str, Any]) -> tuple[str, str]:
        return record["subset"], record["name"]

    return heapq.merge(*map(records, journals), key=name)


def _composites(record: dict[str, Any]) -> list[str]:
    return list(record["files"])[2:]


def _write_lists(root: Path, partial: Path, done: Iterator[dict[str, Any]], split: str) -> None:
    with ExitStack() as stack:
        files: dict[str, TextIO] = {}

        def write(name: str, text: str) -> None:
            if name not in files:
                temporary = stack.enter_context(atomic_write(root / name, partial))
                files[name] = stack.enter_context(open(temporary, "w", encoding="utf-8"))
            files[name].write(text + "\n")

        for record in done:
            subset = record["subset"]
            for composite in _composites(record):
                write(f"IHD_{split}.txt", composite)
                write(f"{subset}/{subset}_{split}.txt", composite.rpartition("/")[2])


def _write_manifest(path: Path, done: Iterator[dict[str, Any]], about: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, numbers = pa.string(), pa.list_(pa.float32())
    schema = pa.schema(
        [
            *((name, text) for name in ("composite", "real", "mask", "photo", "photo_mask")),
            *((name, text) for name in ("checkpoint", "checkpoint_sha256")),
            ("seed", pa.int64()),
            ("strength", pa.float32()),
            *((name, numbers) for name in ("latent", "weights", "lut_shift")),
        ]
    )
    rows = itertools.chain.from_iterable(_rows(record, about) for record in done)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _rows(record: dict[str, Any], about: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row of the manifest for each composite of a source."""
    real, mask = list(record["files"])[:2]
    for name, made in zip(_composites(record), record["composites"], strict=True):
        checkpoint = about["checkpoints"][made["checkpoint"]]
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
            **{name: unpack(made[name]) for name in ("latent", "weights", "lut_shift")},
        }


def _sheet_row(root: Path, record: dict[str, Any]) -> list[tuple[str, Image.Image]]:
    real, mask, *composites = record["files"]
    captions = [record["name"], "mask", *(f"composite {k}" for k in range(1, _SHOWN + 1))]
    row = []
    for caption, name in zip(captions, [real, mask, *composites[:_SHOWN]], strict=False):
        with Image.open(root / name) as image:
            row.append((caption, thumbnail(np.asarray(image))))
    return row
