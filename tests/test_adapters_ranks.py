"""Two processes of distributed training (gloo): each rank has a stream of its own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from adapter_doubles import HEIGHT, WIDTH, ToyAugment, disc, photo
from torch import distributed, multiprocessing
from torch.utils.data import DataLoader, DistributedSampler

from harmaug.adapters import AugmentCollate, AugmentedLoader, Fields

FIELDS = Fields(composite="comp", real="real", mask="mask", space="unit")
RANKS, COUNT = 2, 8


def _samples() -> Any:
    """One photo many times: only the draws differ."""
    real, mask = photo(HEIGHT, WIDTH), disc(HEIGHT, WIDTH)
    return [
        {"comp": real.clone(), "real": real, "mask": mask, "index": n} for n in range(COUNT * RANKS)
    ]


def _train(rank: int, port: int, folder: str) -> None:
    """Save the composites of two epochs, of a wrapped loader and of one that collates."""
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=RANKS
    )
    samples = _samples()
    sampler: Any = DistributedSampler(samples, shuffle=True)
    collate = AugmentCollate(ToyAugment(), FIELDS, p=1.0, seed=7)
    found: dict[str, Any] = {}
    loaders: dict[str, Any] = {
        "wrapped": AugmentedLoader(
            DataLoader(samples, 4, sampler=sampler), ToyAugment(), FIELDS, p=1.0, seed=7
        ),
        "collated": DataLoader(samples, 4, sampler=sampler, num_workers=1, collate_fn=collate),
    }
    for name, loader in loaders.items():
        for epoch in range(2):
            if isinstance(loader, AugmentedLoader):
                loader.set_epoch(epoch)  # reaches the sampler too
            else:
                sampler.set_epoch(epoch)
            batches = list(loader)
            found[f"{name}{epoch}"] = torch.cat([batch["comp"] for batch in batches])
            found[f"{name}{epoch} index"] = torch.cat([batch["index"] for batch in batches])
    again = AugmentedLoader(
        DataLoader(samples, 4, sampler=sampler), ToyAugment(), FIELDS, p=1.0, seed=7
    )
    again.set_epoch(1)  # a run that resumes
    found["resumed"] = torch.cat([batch["comp"] for batch in again])
    torch.save(found, Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()


def _run(folder: Path) -> list[dict[str, Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_train, (port, str(folder)), nprocs=RANKS)  # type: ignore[no-untyped-call]
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


@pytest.mark.slow
@pytest.mark.skipif(not distributed.is_gloo_available(), reason="torch has no gloo here")
def test_ranks_and_epochs_draw_apart_and_a_run_resumes(tmp_path: Path) -> None:
    first = _run(tmp_path)
    for found in first:
        assert torch.equal(found["resumed"], found["wrapped1"])
    for name in "wrapped", "collated":
        drawn = [first[rank][f"{name}{epoch}"] for rank in range(RANKS) for epoch in range(2)]
        colours = torch.cat(drawn).mean((2, 3))
        assert len(torch.unique(colours, dim=0)) == len(colours), "no draw comes twice"
        for epoch in range(2):
            seen = torch.cat([first[rank][f"{name}{epoch} index"] for rank in range(RANKS)])
            assert sorted(seen.tolist()) == list(range(COUNT * RANKS)), "ranks share the data"
        orders = [first[0][f"{name}{epoch} index"].tolist() for epoch in range(2)]
        assert orders[0] != orders[1], "the sampler knows the epoch"
