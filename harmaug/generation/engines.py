"""Engines: workers in this process, in processes of this machine or in a Ray cluster.

Processes are spawned, never forked, with one thread of torch each. Each has a pipe of its own, and
batches of a few sources: it reads the next ones while it writes the last. A process that dies, for
lack of memory or in a decoder, harms no other. Its sources go to a new process, one at a time; a
source that kills that process too has failed. Ray does this for its actors and machines; all
machines must see the folders of sources and output under the same paths.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection, wait
from queue import Queue
from typing import Any, Literal

import torch

from harmaug.generation.job import Job
from harmaug.generation.sources import Source
from harmaug.generation.worker import TOGETHER, Worker, take

Engine = Literal["local", "ray"]
Start = Callable[[], Worker]  # makes a worker where it runs; picklable

_AHEAD = 3  # batches that a process has at once: one is read, one composed, one written
_GRACE = 10.0  # seconds that a process has to finish its work
_RAY_BATCH = 16  # sources that an actor takes at a time, and makes again when it is lost
_RAY_BLOCKS = 10_000  # at most: Ray keeps account of each
_GPU_SHARE = 0.25  # of a GPU for an actor: decoding and encoding keep its core busy far longer


def check_engine(engine: Engine, device: str) -> None:
    """Raise ValueError where there is no such engine, or the machine lacks the device."""
    if engine not in ("local", "ray"):
        raise ValueError(f"engine must be local or ray, got {engine!r}.")
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise ValueError(f"device must be cpu, cuda or cuda:N, got {device!r}.") from None
    if kind == "cuda" and engine == "local" and not torch.cuda.is_available():
        raise ValueError(f"device is {device!r}, but torch finds no CUDA here; take 'cpu'.")


def run(
    engine: Engine, start: Start, sources: Sequence[Source], workers: int | None, device: str
) -> Generator[Job, None, None]:
    """Work on sources; jobs come back in any order, with a record or an error.

    ``start`` makes a worker where it runs. All else is as in `run.generate`.
    """
    if not sources:
        return
    if engine == "ray":
        yield from run_ray(start, sources, workers, device)
    elif workers == 0:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as in every process: more could add up in another order
        try:
            yield from start()(sources)
        finally:
            torch.set_num_threads(threads)
    else:
        affinity = getattr(os, "sched_getaffinity", None)  # the cores that this process may use
        cores = len(affinity(0)) if affinity else os.cpu_count() or 1
        yield from run_pool(start, sources, min(workers or cores, len(sources)))


def run_pool(start: Start, sources: Sequence[Source], workers: int) -> Generator[Job, None, None]:
    """Work in so many processes; raise ChildProcessError where a worker cannot start."""
    # If there are few sources, batches are smaller, so that every process gets some.
    batch = min(max(len(sources) // (_AHEAD * workers), 1), TOGETHER)
    waiting = iter(sources)
    suspects: deque[Source] = deque()  # of processes that died: each is tried once more, alone
    members: list[_Member] = []

    def feed(member: _Member) -> None:
        while len(member.given) <= (_AHEAD - 1) * batch and not member.alone:
            if suspects and member.given:
                return
            member.alone = bool(suspects)
            some = [suspects.popleft()] if suspects else list(islice(waiting, batch))
            if not some:
                return
            member.give(some)

    try:
        members.extend(_Member(start) for _ in range(workers))
        for member in members:
            feed(member)
        while busy := [member for member in members if member.given]:
            heard = wait([member.pipe for member in busy])
            for member in (member for member in busy if member.pipe in heard):
                try:
                    done: list[Job] | str | None = member.pipe.recv()
                except (EOFError, OSError):
                    code = member.end()
                    if not member.ready:
                        raise ChildProcessError(
                            f"a worker process ended while it started (exit code {code}); a "
                            "script that generates needs an if __name__ == '__main__': guard."
                        ) from None
                    if member.alone:
                        reason = f"a worker process died of it (exit code {code}); out of memory?"
                        yield Job(member.given.popleft(), reason)
                    suspects.extend(member.given)
                    members[members.index(member)] = fresh = _Member(start)
                    feed(fresh)
                    continue
                if isinstance(done, str):
                    raise ChildProcessError(f"a worker process could not start: {done}")
                if done is None:
                    member.ready = True
                    continue
                for job in done:
                    member.given.remove(job.source)
                member.alone = False
                yield from done
                for other in members:
                    feed(other)
    finally:
        for member in members:
            member.pipe.close()  # no more work comes, and the process ends
        for member in members:
            member.end(_GRACE)


class _Member:
    """A process of the pool, as the main process sees it."""

    def __init__(self, start: Start) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.given: deque[Source] = deque()
        self.alone = False  # has a suspect, and nothing else
        self.ready = False
        self._process = context.Process(target=_serve, args=(theirs, start), daemon=True)
        with _interrupts_blocked():
            self._process.start()
        theirs.close()

    def give(self, sources: list[Source]) -> None:
        self.given.extend(sources)
        with contextlib.suppress(OSError):  # it has died, and the next recv says so
            self.pipe.send(sources)

    def end(self, grace: float = 1.0) -> int | None:
        self._process.join(grace)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()
        return self._process.exitcode


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Keep Ctrl-C from processes that start here: this process gets it, when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, start: Start) -> None:
    """Run a process of the pool: one thread reads, one composes, one writes."""
    torch.set_num_threads(1)
    try:
        worker = start()
    except Exception as error:  # of the checkpoint, the device or its memory
        pipe.send(str(error) or type(error).__name__)
        return
    pipe.send(None)
    read: Queue[list[Job] | None] = Queue(1)
    composed: Queue[list[Job] | None] = Queue(1)

    def reading() -> None:
        with contextlib.suppress(EOFError, OSError):  # the main process wants no more, or is gone
            while True:
                read.put(list(take(worker.read, map(Job, pipe.recv()))))
        read.put(None)

    def writing() -> None:
        for jobs in iter(composed.get, None):
            done = list(take(worker.write, jobs))
            with contextlib.suppress(OSError):  # the files are written all the same
                pipe.send(done)

    threading.Thread(target=reading, daemon=True).start()
    writer = threading.Thread(target=writing, daemon=True)
    writer.start()
    for batch in iter(read.get, None):
        for jobs in worker.compose(batch):
            composed.put(list(jobs))
    composed.put(None)
    writer.join()


def run_ray(
    start: Start, sources: Sequence[Source], workers: int | None, device: str
) -> Iterator[Job]:
    """Work in actors of a Ray cluster; for "cuda" each asks Ray for a share of a GPU."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError(
            f"--engine ray needs Ray ({error}); install it with pip install 'harmaug[ray]'."
        ) from None
    if not ray.is_initialized():
        ray.init()
    ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
    if workers is None:
        workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    # As JSON: names of files need not be UTF-8, as Arrow's strings must be.
    rows = ray.data.from_items(
        [{"source": json.dumps(source)} for source in sources],
        override_num_blocks=min(-(-len(sources) // _RAY_BATCH), _RAY_BLOCKS),
    )
    done = rows.map_batches(
        _Actor,
        fn_constructor_args=(start,),
        batch_size=_RAY_BATCH,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=_GPU_SHARE if device.startswith("cuda") else None,
    )
    for row in done.iter_rows():
        source, *outcome = json.loads(row["done"])
        yield Job(Source(*source), *outcome)


class _Actor:
    """A worker as Ray Data calls it: with rows of sources, for rows of what came of them."""

    def __init__(self, start: Start) -> None:
        torch.set_num_threads(1)
        self._worker = start()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        sources = [Source(*json.loads(text)) for text in batch["source"]]
        done = ((job.source, job.error, job.record) for job in self._worker(sources))
        return {"done": [json.dumps(one) for one in done]}
