"""The folder of a set: files are whole or absent, and finished work survives any interruption.

    <subset>/composite_images, masks, real_images, <subset>_train.txt
    .harmaug/settings.json              what the set is made with
    .harmaug/1-of-1/journal.jsonl       a line for each source that is done
    .harmaug/1-of-1/partial/<run>/      files that are being written
    .harmaug/1-of-1/lock                held while a run works here

A file is written under another name and then renamed. The journal gets the line of a source when
all its files are there. So a source of a killed run is in the journal, or is made again with the
same bytes. Processes of a killed run may live a moment longer: the next run removes the folder that
they write in, and without it they change nothing.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from harmaug.io.atomic import atomic_write

FOLDERS = ("composite_images", "masks", "real_images")
_STATE = ".harmaug"


class File(NamedTuple):
    """The bytes of a file of a set, and the path of a source's file that holds the same, if any."""

    data: bytes
    original: str | None = None


class Shard(NamedTuple):
    """One of so many parts of the sources, from 1."""

    part: int = 1
    parts: int = 1

    def __str__(self) -> str:
        return f"{self.part}-of-{self.parts}"

    def has(self, key: str) -> bool:
        """Return whether a source of this name belongs to it."""
        return zlib.crc32(os.fsencode(key)) % self.parts == self.part - 1


class Output:
    """The folder of a set, as a run for one shard of the sources sees it."""

    def __init__(self, root: Path, shard: Shard) -> None:
        self.root = Path(os.path.abspath(root))
        self.shard = shard
        self.state = self.root / _STATE / str(shard)
        self.partial = self.state / "partial" / secrets.token_hex(8)
        self.journal = self.state / "journal.jsonl"
        self.done = self.state / "done"  # stands when this shard has been through all its sources
        self.log = self.root / f"generate{'' if shard.parts == 1 else f'-{shard}'}.log"

    @contextmanager
    def held(self, settings: Mapping[str, Any], resume: bool) -> Iterator[None]:
        """Hold the folder for this run alone; with ``resume`` also where a set is begun there.

        Raises:
            FileExistsError: the folder holds something else, or another run holds it.
            ValueError: the set in it has other settings.
        """
        known = self.root / _STATE / "settings.json"
        if not known.exists() and self.root.exists() and set(os.listdir(self.root)) - {_STATE}:
            raise FileExistsError(f"{self.root} holds other files; choose another folder.")
        self.state.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.state / "lock")
        try:
            lock.acquire(blocking=False)  # the system frees it when its holder dies
        except Timeout:
            raise FileExistsError(
                f"another run is writing to {self.root}; wait for it, or choose another folder."
            ) from None
        try:
            if self.journal.exists() and not resume:
                raise FileExistsError(
                    f"{self.root} holds a set already; continue it with --resume, or choose "
                    "another folder."
                )
            self._discard_partial()  # of a run that was killed
            self.partial.mkdir(parents=True)
            self._check_settings(known, {**settings, "shards": self.shard.parts})
            self.done.unlink(missing_ok=True)
            yield
        finally:
            self._discard_partial()
            lock.release()

    def all_done(self) -> bool:
        """Return whether every shard has been through its sources."""
        parts = self.shard.parts
        states = (self.root / _STATE / str(Shard(k, parts)) for k in range(1, parts + 1))
        return all((state / "done").exists() for state in states)

    def journals(self) -> list[Path]:
        """Return the journals of all shards."""
        return sorted((self.root / _STATE).glob("*/journal.jsonl"))

    def has_all(self, files: Mapping[str, int]) -> bool:
        """Return whether these files of the set are there, each of its size."""
        return all(_size(self.root / name) == size for name, size in files.items())

    def _discard_partial(self) -> None:
        """Remove unfinished files, all at once: processes of a killed run cannot rename them."""
        folder, discarded = self.partial.parent, self.state / "discarded"
        shutil.rmtree(discarded, ignore_errors=True)
        if folder.exists():
            folder.rename(discarded)
            shutil.rmtree(discarded, ignore_errors=True)

    def _check_settings(self, known: Path, settings: dict[str, Any]) -> None:
        if not known.exists():
            with atomic_write(known, self.partial) as temporary:
                temporary.write_text(json.dumps(settings, indent=1) + "\n", "utf-8")
            return
        before = json.loads(known.read_text("utf-8"))
        changed = [
            f"{name} was {before.get(name)}, now {settings.get(name)}"
            for name in sorted(before.keys() | settings.keys())
            if before.get(name) != settings.get(name)
        ]
        if changed:
            raise ValueError(
                f"{self.root} holds a set made otherwise ({'; '.join(changed)}); give the same "
                "options again, or choose another folder."
            )


class Writer(NamedTuple):
    """Writer of files into the folder ``root``; may be sent to other processes.

    Files that are not whole are in ``partial``, which is a run's own and removed after it. With
    ``link``, files that are the source's own become hard links where that is possible.
    """

    root: Path
    partial: Path
    link: bool = False

    def write(self, files: Mapping[str, File]) -> None:
        """Write all of them, or none; the keys are names in the set."""
        try:
            for name, file in files.items():
                if not (_is_photo(name) and _size(self.root / name) == len(file.data)):
                    with atomic_write(self.root / name, self.partial) as temporary:
                        if not (self.link and _linked(file.original, temporary)):
                            temporary.write_bytes(file.data)
        except BaseException:
            if self.partial.is_dir():  # else another run works here, and these may be its files
                self.remove(files)
            raise

    def remove(self, files: Iterable[str]) -> None:
        """Remove the files of a source, but not the photo, which other sources may share."""
        for name in files:
            if not _is_photo(name):
                (self.root / name).unlink(missing_ok=True)


def is_set(folder: Path) -> bool:
    """Return whether a folder holds a set that `generate` made or is making."""
    return (folder / _STATE).is_dir()


def _is_photo(name: str) -> bool:
    return name.split("/")[1] == "real_images"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _linked(original: str | None, path: Path) -> bool:
    try:
        os.link(original or "", path)
    except OSError:  # no original, another file system, or one without links
        return False
    return True
