"""Engines: a process that dies harms only the source that it died of; a cluster makes the same set.

HARMAUG_RAY_PHOTOS in the environment sets the number of photos for the cluster.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from generate_sets import contents, write_photos

from harmaug.generation import Settings, generate
from harmaug.generation.engines import run_pool
from harmaug.generation.sources import Source
from harmaug.generation.worker import Worker

pytestmark = pytest.mark.slow  # processes that die, wait and start again

RAY_PHOTOS = int(os.environ.get("HARMAUG_RAY_PHOTOS", "120"))


class Fragile(Worker):
    """A worker that dies of some sources: of "deadly" always, of "unlucky" once."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, sources=None):
        return self if sources is None else super().__call__(sources)

    def read(self, job):
        pass

    def open(self, job):
        marker = Path(self.folder) / "met"
        name = job.source.name
        if name == "deadly" or (name == "unlucky" and not marker.exists()):
            marker.touch()
            os._exit(9)
        if name == "broken":
            raise ValueError("it is broken.")
        job.photo = SimpleNamespace(image=SimpleNamespace(size=(1, 1)))

    def decide(self, job):
        pass

    def encode(self, job):
        job.record = {"name": job.source.name}

    def write(self, job):
        pass


def unable():
    os._exit(3)


def without_memory():
    raise MemoryError("no memory for the nets")


def sources(*names):
    return [Source("set", name, name, name, name) for name in names]


def test_a_source_that_kills_processes_fails_and_all_others_are_done(tmp_path):
    names = ["a", "b", "deadly", "c", "broken", "unlucky", "d", "e", "f"]
    jobs = list(run_pool(Fragile(tmp_path), sources(*names), 2))
    assert sorted(job.source.name for job in jobs) == sorted(names)
    errors = {job.source.name: job.error for job in jobs if job.error}
    assert set(errors) == {"deadly", "broken"}
    assert "exit code 9" in errors["deadly"]
    assert errors["broken"] == "it is broken"


@pytest.mark.parametrize(
    ("start", "reason"), [(unable, "exit code 3"), (without_memory, "no memory for the nets")]
)
def test_processes_that_cannot_start_are_one_error(start, reason):
    with pytest.raises(ChildProcessError, match=reason):
        list(run_pool(start, sources("a", "b"), 2))


def test_a_caller_that_stops_early_ends_the_processes(tmp_path):
    jobs: Any = run_pool(Fragile(tmp_path), sources(*"abcdefgh"), 1)
    next(jobs)
    jobs.close()
    assert not multiprocessing.active_children()


class TestRay:
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def needs_ray(cls):
        pytest.importorskip("pyarrow", reason="needs pip install 'harmaug[generate]'")
        pytest.importorskip("ray", reason="needs pip install 'harmaug[ray]'")

    @pytest.fixture(scope="class")
    @classmethod
    def photos(cls, tmp_path_factory):
        return write_photos(tmp_path_factory.mktemp("photos") / "set", RAY_PHOTOS)

    @pytest.fixture(scope="class")
    @classmethod
    def unbroken(cls, photos, tmp_path_factory):
        output = tmp_path_factory.mktemp("local") / "out"
        generate(photos, output, Settings(n=2, format="png"), workers=0)
        return contents(output)

    @pytest.fixture
    def cluster(self):
        import ray
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        cluster.add_node(num_cpus=1)
        ray.init(address=cluster.address, log_to_driver=False)
        yield cluster
        ray.shutdown()
        cluster.shutdown()

    @pytest.mark.parametrize("lost", [False, True], ids=["whole", "node lost"])
    def test_a_cluster_makes_the_bytes_of_one_machine(
        self, cluster, photos, unbroken, tmp_path, lost
    ):
        output, stop = tmp_path / "out", threading.Event()
        journal = output / ".harmaug" / "1-of-1" / "journal.jsonl"
        done_before = []

        def lose_a_node():
            while not stop.is_set():
                done = journal.read_bytes().count(b"\n") if journal.exists() else 0
                if done:
                    done_before.append(done)
                    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
                    return
                time.sleep(0.02)

        thread = threading.Thread(target=lose_a_node)
        if lost:
            thread.start()
        report = generate(photos, output, Settings(n=2, format="png"), engine="ray", workers=2)
        stop.set()
        if lost:
            thread.join()
            assert done_before
            assert done_before[0] < RAY_PHOTOS, "the node was lost too late"
        assert report.photos == RAY_PHOTOS
        assert report.skipped == 0
        assert contents(output) == unbroken
