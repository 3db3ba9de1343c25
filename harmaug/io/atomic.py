"""Files that are either whole or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | os.PathLike[str], folder: Path | None = None) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends without an error.

    Readers see the old file or the whole new one, never a part; after an error the temporary file
    is gone and the old file untouched. The temporary name keeps the suffix, by which many writers
    choose a format.

    Args:
        path: the file to write.
        folder: where the temporary file is, on the same file system; beside ``path`` if not given.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder.")
    temporary = (folder or path.parent) / f".{secrets.token_hex(8)}{path.suffix}"
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
