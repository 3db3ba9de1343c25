"""The folder of a set: files whole or not at all, what is done kept through any interruption.

    <subset>/composite_images, masks, real_images, <subset>_train.txt
    .harmaug/settings.json              what the set is made with
    .harmaug/1-of-1/journal.jsonl       a line for each source that is done
    .harmaug/1-of-1/partial/<run>/      files that are being written
    .harmaug/1-of-1/lock                held while a run works here

A file is written under another name and then renamed, and only when all files of a source stand
does its line go into the journal. So what a killed run leaves is either in the journal or done
once more, to the same bytes. Its processes may outlive it for a moment: the next run takes away
the folder that they write in, and without it they touch nothing.
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


class Shard(NamedTuple):
    """One of so many parts of the sources, from 1."""

    part: int = 1
    parts: int = 1

    def __str__(self) -> str:
        return f"{self.part}-of-{self.parts}"

    def has(self, key: str) -> bool:
        """Whether a source of this name belongs to it."""
        return zlib.crc32(os.fsencode(key)) % self.parts == self.part - 1


class Output:
    """A set's folder, as one run sees it.

    Args:
        root: the folder.
        shard: the part of the sources that this run is for.
    """

    def __init__(self, root: Path, shard: Shard) -> None:
        self.root = Path(os.path.abspath(root))
        self.shard = shard
        self.state = self.root / _STATE / str(shard)
        self.partial = self.state / "partial" / secrets.token_hex(8)
        self.log = self.root / f"generate{'' if shard.parts == 1 else f'-{shard}'}.log"

    @contextmanager
    def held(self, settings: Mapping[str, Any], resume: bool) -> Iterator[Journal]:
        """Take the folder for this run alone; gives its journal.

        Args:
            settings: what the set is made with; another set's folder is refused.
            resume: go on with what is there instead of refusing it.
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
            journal = self.state / "journal.jsonl"
            if journal.exists() and not resume:
                raise FileExistsError(
                    f"{self.root} holds a set already; go on with it by --resume, or choose "
                    "another folder."
                )
            self._discard_partial()  # of a run that was killed
            self.partial.mkdir(parents=True)
            self._check_settings(known, {**settings, "shards": self.shard.parts})
            self.done.unlink(missing_ok=True)
            with Journal(journal) as opened:
                yield opened
        finally:
            self._discard_partial()
            lock.release()

    @property
    def done(self) -> Path:
        """Stands when this shard is through all its sources."""
        return self.state / "done"

    def all_done(self) -> bool:
        """Whether every shard is through."""
        parts = self.shard.parts
        states = (self.root / _STATE / str(Shard(k, parts)) for k in range(1, parts + 1))
        return all((state / "done").exists() for state in states)

    def journals(self) -> list[Path]:
        """The journals of all shards."""
        return sorted((self.root / _STATE).glob("*/journal.jsonl"))

    def whole(self, record: Mapping[str, Any]) -> bool:
        """Whether the files of a source are all there, as long as they were."""
        try:
            return all(
                (self.root / file).stat().st_size == size for file, size in record["files"].items()
            )
        except OSError:
            return False

    def _discard_partial(self) -> None:
        """Take away what is being written, all at once: whoever still writes there has lost it."""
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


class Writer:
    """Writes the files of a source; safe to hand to other processes.

    Args:
        root: the folder of the set.
        partial: where files are until they are whole; a run's own, and gone when the run is over.
        link: files that are the source's own become hard links to them where that is possible.
    """

    def __init__(self, root: Path, partial: Path, link: bool = False) -> None:
        self.root = root
        self.partial = partial
        self.link = link

    def write(self, files: Mapping[str, bytes], originals: Mapping[str, str]) -> None:
        """Write all of them, or none.

        Args:
            files: name in the set -> bytes.
            originals: of some of them, a file that holds the same.
        """
        try:
            for name, data in files.items():
                shared = name.split("/")[1] == "real_images"
                if not (shared and _size(self.root / name) == len(data)):
                    self._place(self.root / name, data, originals.get(name))
        except BaseException:
            if self.partial.is_dir():  # else another run goes on, and these may be its files
                self.remove(files)
            raise

    def remove(self, files: Iterable[str]) -> None:
        """Remove the files of a source; not the photo, which other sources may share."""
        for name in files:
            if name.split("/")[1] != "real_images":
                (self.root / name).unlink(missing_ok=True)

    def _place(self, path: Path, data: bytes, original: str | None) -> None:
        with atomic_write(path, self.partial) as temporary:
            if not (self.link and original is not None and _linked(original, temporary)):
                temporary.write_bytes(data)


class Journal:
    """The sources that are done: one JSON object a line, in whatever order they came.

    Args:
        path: of the file; a line that was cut off at its end is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "ab+") as file:
            file.seek(0)
            self._end = sum(len(line) for line in file if line.endswith(b"\n"))
            file.truncate(self._end)
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, record: Mapping[str, Any]) -> None:
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


def records(path: Path) -> Iterator[dict[str, Any]]:
    """What a journal holds, in order of names; of a source that was done twice, the last."""
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _linked(original: str, path: Path) -> bool:
    try:
        os.link(original, path)
    except OSError:  # another file system, or one without links
        return False
    return True
