"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | os.PathLike[str], folder: Path | None = None) -> Iterator[Path]:
    """Yield a temporary path that replaces ``path`` when the block ends without an error.

    A reader finds the old file or the whole new one, never a part. After an error the temporary
    file is removed and the old file is unchanged. The temporary name keeps the suffix, because
    many writers choose the format by it.

    Args:
        path: the file to write.
        folder: place of the temporary file, on the same file system; by default beside ``path``.
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
