"""A run: from the folders of photos and masks to a set of files, once or in several goes."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from harmaug.checkpoints import find_checkpoint, list_checkpoints
from harmaug.checkpoints.files import read_card
from harmaug.generation.cluster import run_ray
from harmaug.generation.compose import Settings
from harmaug.generation.log import Log
from harmaug.generation.output import FOLDERS, Journal, Output, Shard, Writer, records
from harmaug.generation.pool import run_here, run_pool
from harmaug.generation.sources import Source, find_sources
from harmaug.generation.summary import check_parquet, summarize
from harmaug.generation.worker import Outcome, Start

DEFAULT = Settings()


class Report(NamedTuple):
    """What a run did.

    Attributes:
        photos: sources done by this run; those done before do not count.
        before: sources that were done before.
        skipped: files and sources that the log names as skipped.
        seconds: that the work took, without the listing of sources.
        summarized: whether the set is whole, with lists and manifest; not while other shards are
            at work.
        log: what was skipped, and what was lost on the way.
    """

    photos: int
    before: int
    skipped: int
    seconds: float
    summarized: bool
    log: Path


def generate(
    root: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings = DEFAULT,
    *,
    layout: str | None = None,
    masks: str | os.PathLike[str] | None = None,
    split: str = "train",
    limit: int | None = None,
    shard: tuple[int, int] = (1, 1),
    resume: bool = False,
    link: bool = False,
    engine: str = "local",
    workers: int | None = None,
    device: str = "cpu",
) -> Report:
    """Write composites of all photos with masks of a folder, for any codebase to read.

    The output is in the iHarmony4 layout, with list files, a manifest and a sheet. What cannot be
    read or written is named in a log, and the rest goes on.

    Args:
        root: photos and masks, see `sources.find_sources`.
        output: the folder of the set.
        settings: what decides its bytes.
        layout: of ``root``: "iharmony4", "plain", or None to see for itself.
        masks: folder of the masks of plain photos.
        split: of subsets that have list files, the list to take photos from.
        limit: at most so many sources, the first by name.
        shard: this run's part of so many; all write to one folder, the last writes the lists.
        resume: go on with a set that was begun with the same settings.
        link: hard-link photos and masks that need no change instead of copying them.
        engine: "local" for processes of this machine, "ray" for a Ray cluster.
        workers: processes; 0 works in this one, None takes one for each core.
        device: where the nets are.
    """
    check_parquet()
    if engine not in ("local", "ray"):
        raise ValueError(f"engine must be local or ray, got {engine!r}.")
    mine = Shard(*shard)
    if not 1 <= mine.part <= mine.parts:
        raise ValueError(f"shard must be I/N with I from 1 to N, got {mine.part}/{mine.parts}.")
    root = Path(os.path.abspath(root))
    found = find_sources(root, layout, None if masks is None else Path(masks), split)
    sources = [source for source in found.sources[:limit] if mine.has(source.key)]
    settings = replace(settings, checkpoints=tuple(map(_found_checkpoint, settings.checkpoints)))
    about = _about(settings, split, limit)

    place = Output(Path(output), mine)
    with place.held(about, resume) as journal:
        log = Log(place.log, place.partial)
        before = {
            (record["subset"], record["name"])
            for record in records(journal.path)
            if place.whole(record)
        }
        todo = [source for source in sources if source[:2] not in before]
        for problem in found.problems if mine.part == 1 else ():
            log.skip(problem)
        for subset in {source.subset for source in found.sources}:
            for folder in FOLDERS:
                (place.root / subset / folder).mkdir(parents=True, exist_ok=True)
        start = Start(settings, root, Writer(place.root, place.partial, link), device)
        began = time.perf_counter()
        photos = 0
        with closing(_outcomes(engine, start, todo, workers)) as outcomes:
            for outcome in tqdm(outcomes, total=len(todo), unit="photo", disable=None):
                photos += _keep(outcome, journal, start.writer, log)
        seconds = time.perf_counter() - began
        log.close(note for record in records(journal.path) for note in record["notes"])
        place.done.touch()
        whole = place.all_done()
        if whole:
            try:
                summarize(place.root, place.partial, place.journals(), about)
            except OSError as error:
                raise OSError(
                    f"lists and manifest of {place.root} could not be written ({error}); the rest "
                    "is there, and --resume writes them."
                ) from error
    return Report(photos, len(before), len(log.skipped), seconds, whole, place.log)


def _outcomes(
    engine: str, start: Start, sources: list[Source], workers: int | None
) -> Generator[Outcome, None, None]:
    if not sources:
        return
    if engine == "ray":
        yield from run_ray(start, sources, workers, start.device)
    elif workers == 0:
        yield from run_here(start, sources)
    else:
        yield from run_pool(start, sources, min(workers or cores(), len(sources)))


def _keep(outcome: Outcome, journal: Journal, writer: Writer, log: Log) -> bool:
    """Enter what became of a source in the journal or in the log; whether it is done."""
    error = outcome.error
    if outcome.record is not None:
        try:
            journal.append(outcome.record)
        except OSError as reason:
            writer.remove(outcome.record["files"])
            error = f"{journal.path}: {reason.strerror}"
    if error is not None:
        log.skip(f"{outcome.source.label}: {error}")
    return error is None


def cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _found_checkpoint(name: str) -> str:
    """A name that means the same in any process; raises where there is no such checkpoint."""
    packaged = name in list_checkpoints()
    return name if packaged else os.path.abspath(find_checkpoint(name))


def _about(settings: Settings, split: str, limit: int | None) -> dict[str, Any]:
    """What a set is made with, as its folder remembers it."""
    checkpoints = [
        {"name": Path(name).name, "sha256": read_card(find_checkpoint(name))["sha256"]}
        for name in settings.checkpoints
    ]
    return {**asdict(settings), "checkpoints": checkpoints, "split": split, "limit": limit}
