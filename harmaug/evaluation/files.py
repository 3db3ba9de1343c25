"""Writing an evaluation: JSON, CSV and text, each file whole or not there."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harmaug.evaluation.bootstrap import Estimate
from harmaug.io.atomic import atomic_write


def write_text(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write figures; an estimate becomes ``{"value", "low", "high"}``, what is not finite null."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows with the same keys; what is not finite is written as ``nan`` or ``inf``."""
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


def text_table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Rows as lines of aligned columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def number(value: float | Estimate, digits: int = 3) -> str:
    """A figure to so many significant digits, with its interval where it has one."""
    if isinstance(value, Estimate):
        if math.isnan(value.low):
            return number(value.value, digits)
        low, high = number(value.low, digits), number(value.high, digits)
        return f"{number(value.value, digits)} [{low}, {high}]"
    if not math.isfinite(value):
        return "inf" if value == math.inf else "-"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value) or 1)), 0)
    return f"{value:.{min(decimals, digits)}f}"


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
