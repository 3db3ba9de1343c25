"""The local engine: a process for each core, each reading ahead and writing behind.

Processes are spawned, never forked, with one thread of torch each. They are handed batches of a few
sources, which every step takes as a whole. Every process has a pipe of its own, so that one that
dies, for want of memory or in a decoder, takes down nothing but itself: the sources it had are
given to a new one, one at a time, and the one that kills twice has failed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from harmaug.generation.sources import Source
from harmaug.generation.worker import TOGETHER, Outcome, Start, failed

_AHEAD = 3  # batches a process has at once: one is read, one is composed, one is written
_GRACE = 10.0  # seconds a process has to finish what it was given


def run_here(start: Start, sources: Iterable[Source]) -> Iterator[Outcome]:
    """Work in this process; outcomes come in order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in every process: more could add up in another order
    try:
        yield from start()(sources)
    finally:
        torch.set_num_threads(threads)


def run_pool(start: Start, sources: Sequence[Source], workers: int) -> Iterator[Outcome]:
    """Work in as many processes; outcomes come in any order.

    Args:
        start: makes the worker of a process there; picklable.
        sources: what to work on.
        workers: how many processes.
    """
    # Few sources are shared by all processes rather than taken together.
    batch = min(max(len(sources) // (_AHEAD * workers), 1), TOGETHER)
    waiting = iter(sources)
    suspects: deque[Source] = deque()  # of processes that died: each tried once more, alone
    members: list[_Member] = []

    def feed(member: _Member) -> None:
        while len(member.given) <= (_AHEAD - 1) * batch and not member.alone:
            if suspects and member.given:
                return
            if suspects:
                member.alone = True
                some = [suspects.popleft()]
            else:
                some = list(islice(waiting, batch))
            if not some:
                return
            member.give(some)

    try:
        members.extend(_Member(start) for _ in range(workers))
        for member in members:
            feed(member)
        while any(member.given for member in members):
            busy = [member for member in members if member.given]
            heard = wait([member.pipe for member in busy])
            for member in (member for member in busy if member.pipe in heard):
                try:
                    outcomes = member.pipe.recv()
                except (EOFError, OSError):
                    code = member.end()
                    if not member.ready:
                        raise ChildProcessError(
                            f"a worker process ended while it started (exit code {code}); a "
                            "script that generates needs an if __name__ == '__main__': guard."
                        ) from None
                    if member.alone:
                        reason = f"a worker process died of it (exit code {code}); out of memory?"
                        yield failed(member.given.popleft(), ChildProcessError(reason))
                    suspects.extend(member.given)
                    members[members.index(member)] = fresh = _Member(start)
                    feed(fresh)
                    continue
                if outcomes is None:
                    member.ready = True
                    continue
                for outcome in outcomes:
                    member.given.remove(outcome.source)
                member.alone = False
                yield from outcomes
                for other in members:
                    feed(other)
    finally:
        for member in members:
            member.pipe.close()  # the end of its work, after what it was given
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
        with _interrupts_blocked():  # the main process decides what it means
            self._process.start()
        theirs.close()

    def give(self, sources: list[Source]) -> None:
        self.given.extend(sources)
        with contextlib.suppress(OSError):  # it has died, as the next recv will tell
            self.pipe.send(sources)

    def end(self, grace: float = 1.0) -> int | None:
        self._process.join(grace)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()
        return self._process.exitcode


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """What starts meanwhile never hears of Ctrl-C; here it comes when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, start: Start) -> None:
    """What a process of the pool runs: reading, composing and writing overlap in three threads."""
    torch.set_num_threads(1)
    worker = start()
    pipe.send(None)
    read: queue.Queue[Any] = queue.Queue(1)
    composed: queue.Queue[Any] = queue.Queue(1)

    def reading() -> None:
        with contextlib.suppress(EOFError, OSError):  # the main process wants no more, or is gone
            while True:
                read.put(worker.read(pipe.recv()))
        read.put(None)

    def writing() -> None:
        while (some := composed.get()) is not None:
            outcomes = list(worker.write(some))
            with contextlib.suppress(OSError):  # what was given is finished all the same
                pipe.send(outcomes)

    threads = [threading.Thread(target=run, daemon=True) for run in (reading, writing)]
    for thread in threads:
        thread.start()
    while (batch := read.get()) is not None:
        for some in worker.compose(batch):
            composed.put(list(some))
    composed.put(None)
    threads[1].join()
