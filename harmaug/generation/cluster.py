"""The Ray engine: the same worker for each source, on every machine of a cluster.

Ray Data hands the sources out, restarts what dies, and gives the sources of a lost machine to
others; as every source makes the same bytes wherever it is made, nothing depends on that. All
machines have to see the folders of sources and output under the same paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from harmaug.generation.sources import Source
from harmaug.generation.worker import Outcome, Start

_BATCH = 16  # sources that an actor takes at a time, and makes again when it is lost
_BLOCKS = 10_000  # at most: Ray keeps account of each
_GPU_SHARE = 0.25  # of a GPU for an actor: decoding and encoding keep its core busy far longer


def run_ray(
    start: Start, sources: Sequence[Source], workers: int | None, device: str
) -> Iterator[Outcome]:
    """Work in actors of a Ray cluster; outcomes come in any order.

    Args:
        start: makes the worker of an actor there; picklable.
        sources: what to work on.
        workers: how many actors; None takes one for each core of the cluster.
        device: where the nets are; for "cuda" an actor asks Ray for a share of a GPU.
    """
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
    # As JSON: names of files need not be UTF-8, which Arrow's strings have to be.
    rows = ray.data.from_items(
        [{"source": json.dumps(source)} for source in sources],
        override_num_blocks=min(-(-len(sources) // _BATCH), _BLOCKS),
    )
    outcomes = rows.map_batches(
        _Actor,
        fn_constructor_args=(start,),
        batch_size=_BATCH,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=_GPU_SHARE if device.startswith("cuda") else None,
    )
    for row in outcomes.iter_rows():
        source, *rest = json.loads(row["outcome"])
        yield Outcome(Source(*source), *rest)


class _Actor:
    """A worker as Ray Data wants it: from a batch of rows to one of outcomes."""

    def __init__(self, start: Start) -> None:
        import torch

        torch.set_num_threads(1)
        self._worker = start()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        sources = [Source(*json.loads(text)) for text in batch["source"]]
        return {"outcome": [json.dumps(outcome) for outcome in self._worker(sources)]}
