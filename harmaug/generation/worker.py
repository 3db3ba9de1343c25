"""What becomes of a source, step by step: read, composed, written; the same for every engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from harmaug.generation.compose import Composed, Composer, Decided, Opened, Settings
from harmaug.generation.output import Writer
from harmaug.generation.sources import Source

TOGETHER = 4  # sources that are composed side by side
_LARGE = 1 << 24  # pixels of photos, with which no more are opened

Items = list[tuple[Source, Any]]


class Outcome(NamedTuple):
    """What became of a source.

    Attributes:
        source: the source.
        record: what the journal is to keep; None where it failed.
        error: why it failed, in a sentence; None where it did not.
    """

    source: Source
    record: dict[str, Any] | None
    error: str | None = None


@dataclass(frozen=True)
class Worker:
    """Three steps for a few sources, which wait for different things: files, this core, the disk.

    A step gives each source with what came of it, which is an outcome where the source has failed.
    """

    composer: Composer
    writer: Writer

    def read(self, sources: Iterable[Source]) -> Items:
        return _each(self._read, [(source, None) for source in sources])

    def compose(self, read: Items) -> Iterator[Iterator[tuple[Source, Any]]]:
        """Compose sources that were read, each part of it for all of them before the next part.

        Deciding is hundreds of small operations, whose code and weights the decoding and encoding
        of a photo drive out of the caches: four in a row take a quarter less than one by one. Of
        large photos no more are open at once than fit.
        """
        opened: Items = []
        for item in read:
            opened += _each(self._open, [item])
            if sum(_pixels(pictures) for _, pictures in opened) > _LARGE:
                yield self._finish(opened)
                opened = []
        if opened:
            yield self._finish(opened)

    def write(self, composed: Iterable[tuple[Source, Any]]) -> Iterator[Outcome]:
        """One after the other, so that what is written can be kept account of at once."""
        for source, before in composed:
            yield _attempt(self._write, source, before)

    def __call__(self, sources: Iterable[Source]) -> Iterator[Outcome]:
        """All steps; never raises for a source's sake."""
        waiting = iter(sources)
        while batch := list(islice(waiting, TOGETHER)):
            for composed in self.compose(self.read(batch)):
                yield from self.write(composed)

    def _finish(self, opened: Items) -> Iterator[tuple[Source, Any]]:
        for source, before in _each(self._decide, opened):
            yield source, _attempt(self._encode, source, before)

    def _read(self, source: Source, _: None) -> tuple[bytes, bytes]:
        return self.composer.read(source)

    def _open(self, source: Source, files: tuple[bytes, bytes]) -> Opened:
        return self.composer.open(source, *files)

    def _decide(self, source: Source, opened: Opened) -> tuple[Opened, list[Decided]]:
        return opened, self.composer.decide(source, opened)

    def _encode(self, source: Source, decided: tuple[Opened, list[Decided]]) -> Composed:
        return self.composer.encode(source, *decided)

    def _write(self, source: Source, composed: Composed) -> Outcome:
        self.writer.write(composed.files, composed.originals)
        return Outcome(source, composed.record)


def _pixels(opened: Opened | Outcome) -> int:
    return 0 if isinstance(opened, Outcome) else math.prod(opened.picture.image.size)


@dataclass(frozen=True)
class Start:
    """Makes the worker of a process, there; small enough to be sent anywhere."""

    settings: Settings
    root: Path
    writer: Writer
    device: str

    def __call__(self) -> Worker:
        return Worker(Composer(self.settings, self.root, self.device), self.writer)


def _each(step: Callable[[Source, Any], Any], items: Items) -> Items:
    return [(source, _attempt(step, source, before)) for source, before in items]


def _attempt(step: Callable[[Source, Any], Any], source: Source, before: Any) -> Any:
    """A step's result, or the outcome that the step before or an error made of the source."""
    if isinstance(before, Outcome):
        return before
    try:
        return step(source, before)
    except Exception as error:  # whatever a file does to a decoder, the next one is not to blame
        return failed(source, error)


def failed(source: Source, error: BaseException) -> Outcome:
    """The outcome of a source that an error stopped."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename or source.photo}: {error.strerror}"
    else:
        text = " ".join(str(error).split()) or type(error).__name__
    return Outcome(source, None, text.rstrip("."))
