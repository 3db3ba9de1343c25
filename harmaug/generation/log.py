"""The log of a run: what was skipped and why, and what was lost of the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from harmaug.io.atomic import atomic_write


class Log:
    """A text file with a line for each file or source; there only if it has any.

    Lines are added as they come, for whoever watches a long run, and put in order at the end.

    Args:
        path: of the file; one of an earlier run is replaced.
        partial: where files are until they are whole.
    """

    def __init__(self, path: Path, partial: Path) -> None:
        self.path = path
        self.partial = partial
        self.skipped: list[str] = []
        path.unlink(missing_ok=True)

    def skip(self, what: str) -> None:
        """Name what was skipped."""
        self.skipped.append(f"skipped  {_line(what)}")
        with contextlib.suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(self.skipped[-1] + "\n")  # on a full disk it waits for the end

    def close(self, notes: Iterable[str]) -> None:
        """Write all lines in order.

        Args:
            notes: what was lost of what is done.
        """
        lines = sorted(self.skipped) + sorted(f"note     {_line(note)}" for note in notes)
        if lines:
            with atomic_write(self.path, self.partial) as temporary:
                temporary.write_text("".join(line + "\n" for line in lines), "utf-8")


def _line(text: str) -> str:
    whole = " ".join(text.split()).rstrip(".")
    return whole.encode("utf-8", "replace").decode("utf-8")
