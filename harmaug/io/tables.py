"""Tables and records: aligned text for a terminal, CSV and JSON files, each whole or absent."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmaug.io.atomic import atomic_write

_NO_WORDS = ("inf", "nan")


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equal length as lines of aligned columns; the first row is the head.

    Columns of figures are aligned to the right, columns of words to the left.
    """
    columns = [_aligned(column) for column in zip(*rows, strict=True)]
    return "\n".join(("  " + "  ".join(row)).rstrip() for row in zip(*columns, strict=True))


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a record; a named tuple becomes an object, a number that is not finite null."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of equal keys; numbers have six digits, or are ``nan`` or ``inf``."""
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(
            {key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()}
            for row in rows
        )


def _aligned(column: Sequence[str]) -> list[str]:
    width = max(map(len, column))
    words = any(cell[:1].isalpha() and cell not in _NO_WORDS for cell in column[1:])
    return [cell.ljust(width) if words else cell.rjust(width) for cell in column]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
