"""What becomes of a source, step by step: read, composed, written; the same for every engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harmaug.data.generate.compose import Composer, Settings
from harmaug.data.generate.output import Writer
from harmaug.data.generate.sources import Source


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
    """The three steps of a source, each of which can wait for something else than the others."""

    composer: Composer
    writer: Writer

    def read(self, source: Source, _: object = None) -> tuple[bytes, bytes]:
        return self.composer.read(source)

    def compose(self, source: Source, files: tuple[bytes, bytes]) -> Any:
        return self.composer.compose(source, *files)

    def write(self, source: Source, composed: Any) -> Outcome:
        self.writer.write(composed.files, composed.originals)
        return Outcome(source, composed.record)

    def __call__(self, source: Source) -> Outcome:
        """All three steps; never raises for the source's sake."""
        result: Any = None
        for step in (self.read, self.compose, self.write):
            result = attempt(step, source, result)
        return result


@dataclass(frozen=True)
class Start:
    """Makes the worker of a process, there; small enough to be sent anywhere."""

    settings: Settings
    root: Path
    writer: Writer
    device: str

    def __call__(self) -> Worker:
        return Worker(Composer(self.settings, self.root, self.device), self.writer)


def attempt(step: Callable[[Source, Any], Any], source: Source, before: Any) -> Any:
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
