"""The Ray engine on a cluster of two nodes: the local engine's bytes, also when a node is lost.

HARMAUG_RAY_PHOTOS in the environment makes it as many photos as it says.
"""

from __future__ import annotations

import os
import threading
import time

import pytest
from generate_sets import contents, write_photos

from harmaug.generation import Settings, generate

pytest.importorskip("pyarrow", reason="needs pip install 'harmaug[generate]'")
ray = pytest.importorskip("ray", reason="needs pip install 'harmaug[ray]'")

PHOTOS = int(os.environ.get("HARMAUG_RAY_PHOTOS", "120"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos") / "set", PHOTOS)


@pytest.fixture(scope="module")
def unbroken(photos, tmp_path_factory):
    output = tmp_path_factory.mktemp("local") / "out"
    generate(photos, output, Settings(n=2, format="png"), workers=0)
    return contents(output)


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.parametrize("lost", [False, True], ids=["whole", "node lost"])
def test_a_cluster_makes_the_bytes_of_one_machine(cluster, photos, unbroken, tmp_path, lost):
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
        assert done_before[0] < PHOTOS, "the node was lost too late"
    assert report.photos == PHOTOS
    assert report.skipped == 0
    assert contents(output) == unbroken
