"""Lightning's batch hook with AugmentBatch; skipped where Lightning is not installed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from adapter_doubles import Photos, ToyAugment
from torch import Tensor, nn
from torch.utils.data import DataLoader

L = pytest.importorskip("lightning", reason="lightning is not installed")

from harmaug.adapters import AugmentBatch, AugmentedLoader, Fields  # noqa: E402

FIELDS = Fields.preset("cdtnet")


class Host(L.LightningModule):  # type: ignore[name-defined]
    """A harmonizer whose training and validation batches are looked at."""

    def __init__(self, augment: AugmentBatch | None = None) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, 3, 1)
        self.augment = augment
        self.came: dict[str, list[Tensor]] = {"train": [], "val": []}

    def on_fit_start(self) -> None:
        if self.augment is not None:
            self.augment.to(self.device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if self.augment is None or not self.trainer.training:
            return batch
        return self.augment(batch)

    def training_step(self, batch: Any, index: int) -> Tensor:
        self.came["train"].append(batch["images"])
        return (self.net(batch["images"]) - batch["target_images"]).square().mean()

    def validation_step(self, batch: Any, index: int) -> None:
        self.came["val"].append(batch["images"])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), 0.1)


def _fit(module: Host, train: Any) -> None:
    trainer = L.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, train, DataLoader(Photos(4), 2))


def _check(module: Host) -> None:
    train, val = (torch.cat(module.came[name]) for name in ("train", "val"))
    assert len(train) == 16
    assert len(train.flatten(1).unique(dim=0)) == 16, "every composite is new in every epoch"
    assert torch.equal(val, torch.full_like(val, 0.45)), "validation is left alone"


def test_hook_augments_training_and_leaves_validation_alone() -> None:
    module = Host(AugmentBatch(ToyAugment(), FIELDS, 1.0))
    _fit(module, DataLoader(Photos(8), 2))
    _check(module)
    assert set(module.state_dict()) == {"net.weight", "net.bias"}


def test_wrapped_loader_needs_no_hook() -> None:
    module = Host()
    _fit(module, AugmentedLoader(DataLoader(Photos(8), 2), ToyAugment(), FIELDS, 1.0))
    _check(module)
