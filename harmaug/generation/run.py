"""A run: from the folders of photos and masks to a set of files, in one go or in several."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from harmaug.augment import FILTERS
from harmaug.checkpoints import find_checkpoint, list_checkpoints
from harmaug.checkpoints.files import read_card
from harmaug.generation.engines import Engine, check_engine, run
from harmaug.generation.job import Job, Settings
from harmaug.generation.output import FOLDERS, Output, Shard, Writer
from harmaug.generation.records import Journal, check_parquet, read_journals, summarize
from harmaug.generation.sources import Layout, find_sources
from harmaug.generation.worker import Worker
from harmaug.io.atomic import atomic_write

DEFAULT = Settings()


class Report(NamedTuple):
    """The account of a run.

    Attributes:
        photos: sources that this run made composites of; those done before do not count.
        before: sources that were done before.
        originals: composites of the source that this run took into the set.
        skipped: files and sources that the log names as skipped.
        seconds: of work, without the listing of sources.
        summarized: whether the set is whole, with lists and manifest; not while other shards work.
        log: the file that names what was skipped or lost.
    """

    photos: int
    before: int
    originals: int
    skipped: int
    seconds: float
    summarized: bool
    log: Path


def generate(
    root: str | os.PathLike[str],
    output: str | os.PathLike[str],
    settings: Settings = DEFAULT,
    *,
    layout: Layout | None = None,
    masks: str | os.PathLike[str] | None = None,
    split: str = "train",
    limit: int | None = None,
    with_originals: bool = False,
    shard: tuple[int, int] = (1, 1),
    resume: bool = False,
    link: bool = False,
    engine: Engine = "local",
    workers: int | None = None,
    device: str = "cpu",
) -> Report:
    """Write composites of all photos with masks of a folder, for any codebase to read.

    The set is in the iHarmony4 layout, with list files, a manifest and a sheet. A log names what
    cannot be read or written, and all else is done.

    Args:
        root: in the layout "iharmony4" a subset folder or a folder of them, in the layout "plain"
            photos at any depth. Sets that were generated below it are left out.
        output: the folder of the set.
        settings: what decides the bytes of the composites.
        layout: "iharmony4", "plain", or None to look for ``real_images`` in ``root``.
        masks: folder of the masks of plain photos, ``masks`` in ``root`` if not given. A mask has
            the name of its photo, or that and ``_<foreground>``, at the same depth.
        split: of subsets that have list files, the list to take photos from.
        limit: at most so many photos with masks, the first by name; carried ones do not count.
        with_originals: put the composites that ``root`` has into the set and its lists too, and
            carry over the photos, masks and composites of its test and val lists.
        shard: this run's part of so many; all write to one folder, the last writes the lists.
        resume: continue a set that was begun with the same settings.
        link: hard-link files that need no change instead of copying them.
        engine: "local" for processes of this machine, "ray" for a Ray cluster.
        workers: processes; 0 works in this one, None takes one for each core.
        device: where the nets are.

    Raises:
        FileExistsError: ``output`` holds something else, or another run writes to it.
        FileNotFoundError: there is no photo with a mask.
        ValueError: an argument is wrong, or the set was begun with other settings.
    """
    check_parquet()
    mine = Shard(*shard)
    if not 1 <= mine.part <= mine.parts:
        raise ValueError(f"shard must be I/N with I from 1 to N, got {mine.part}/{mine.parts}.")
    check_engine(engine, device)
    root = Path(os.path.abspath(root))
    masks = None if masks is None else Path(masks)
    found = find_sources(root, layout, masks, split, with_originals)
    carried = [source for source in found.sources if source.carried]
    chosen = [source for source in found.sources if not source.carried][:limit]
    sources = [source for source in (*chosen, *carried) if mine.has(source.key)]
    settings = replace(settings, checkpoints=tuple(map(_found_checkpoint, settings.checkpoints)))
    about = _about(settings, split=split, limit=limit, with_originals=with_originals)

    place = Output(Path(output), mine)
    with place.held(about, resume), closing(Journal(place.journal)) as journal:
        log = _Log(place.log)
        before = {
            (record["subset"], record["name"])
            for record in read_journals(place.journal)
            if place.has_all(record["files"])
        }
        todo = [source for source in sources if (source.subset, source.name) not in before]
        for problem in found.problems if mine.part == 1 else ():
            log.skip(problem)
        for subset in {source.subset for source in found.sources}:
            for folder in FOLDERS:
                (place.root / subset / folder).mkdir(parents=True, exist_ok=True)
        writer = Writer(place.root, place.partial, link)
        start = partial(Worker, settings, root, writer, device)
        began = time.perf_counter()
        photos = originals = 0
        with closing(run(engine, start, todo, workers, device)) as jobs:
            for job in tqdm(jobs, total=len(todo), unit="photo", disable=None):
                if _keep(job, journal, writer, log):
                    photos += not job.source.carried
                    originals += len(job.source.originals)
        seconds = time.perf_counter() - began
        notes = (note for record in read_journals(place.journal) for note in record["notes"])
        log.close(notes, place.partial)
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
    skipped = len(log.skipped)
    return Report(photos, len(before), originals, skipped, seconds, whole, place.log)


def _keep(job: Job, journal: Journal, writer: Writer, log: _Log) -> bool:
    """Enter a job in the journal or in the log; return whether the source is done."""
    error = job.error
    if job.record is not None:
        try:
            journal.append(job.record)
        except OSError as reason:
            writer.remove(job.record["files"])
            error = f"{journal.path}: {reason.strerror}"
    if error is not None:
        log.skip(f"{job.source.label}: {error}")
    return error is None


class _Log:
    """A text file with a line for each file or source that was skipped; there only if it has any.

    Lines are added as they come, for those who watch a long run, and put in order at the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped: list[str] = []
        path.unlink(missing_ok=True)  # of an earlier run

    def skip(self, text: str) -> None:
        self.skipped.append(_line("skipped", text))
        with suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(self.skipped[-1])  # on a full disk it waits for the end

    def close(self, notes: Iterable[str], folder: Path) -> None:
        """Write all lines in order, with notes of what was lost in sources that are done."""
        lines = sorted(self.skipped) + sorted(_line("note", note) for note in notes)
        if lines:
            with atomic_write(self.path, folder) as temporary:
                temporary.write_text("".join(lines), "utf-8")


def _line(kind: str, text: str) -> str:
    whole = " ".join(text.split()).rstrip(".")
    return f"{kind:9}{whole}\n".encode("utf-8", "replace").decode("utf-8")


def _found_checkpoint(name: str) -> str:
    """Return a name that means the same in any process; raise if there is no such checkpoint."""
    known = name == FILTERS or name in list_checkpoints()
    return name if known else os.path.abspath(find_checkpoint(name))


def _about(settings: Settings, **choices: object) -> dict[str, Any]:
    """Return what a set is made with, as its folder keeps it."""
    checkpoints = [
        {"name": Path(name).name, "sha256": None}
        if name == FILTERS
        else {"name": Path(name).name, "sha256": read_card(find_checkpoint(name))["sha256"]}
        for name in settings.checkpoints
    ]
    return {**asdict(settings), "checkpoints": checkpoints, **choices}
