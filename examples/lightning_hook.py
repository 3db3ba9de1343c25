"""Lightning: augment in the batch hook, on the device, in training alone.

The augmenter stays out of the module's state dict, parameters and DDP. ``pip install lightning``
"""

from typing import Any

import lightning as L
import torch
from photos import Pairs, TinyHarmonizer, foreground_mse
from torch import Tensor
from torch.utils.data import DataLoader

import harmaug
from harmaug.adapters import AugmentBatch


class Module(L.LightningModule):
    """A harmonizer; the lines with ``aug`` or ``augment`` are the added ones."""

    def __init__(self) -> None:
        super().__init__()
        self.net = TinyHarmonizer()
        aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
        fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
        self.augment = AugmentBatch(aug, fields, p=0.25)

    def on_fit_start(self) -> None:
        self.augment.to(self.device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return self.augment(batch) if self.trainer.training else batch

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        output = self.net(batch["comp"], batch["mask"])
        return foreground_mse(output, batch["real"], batch["mask"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-3)


def main() -> None:
    module = Module()
    trainer = L.Trainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(Pairs(), batch_size=5, shuffle=True))
    print("state dict:", ", ".join(module.state_dict()))


if __name__ == "__main__":
    main()
