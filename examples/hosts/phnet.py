"""PHNet: portraits; the batches of IIH with a mask of integers.

Where: in ``tools/trainer.py``, ``Trainer.init_datasets``, below the lines that make
``self.train_dataloader = DataLoader(...)`` and before ``self.val_dataloaders``. The sampler of
distributed training stays what it is: the wrapper has the attributes of the loader.
"""

from types import SimpleNamespace
from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(self: Any) -> None:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("phnet")
    self.train_dataloader = harmaug.AugmentedLoader(self.train_dataloader, aug, fields, p="auto")


def phnet_batch() -> dict[str, Any]:
    """Return a batch as PHNet's loader yields it."""
    comp, real, mask = triple("unit", soft=False)
    return {
        "inputs": torch.cat((comp, mask), 1),
        "comp": comp,
        "real": real,
        "img_path": ["c1_1_2.jpg"] * len(comp),
        "mask": mask.long(),
    }


def main() -> None:
    trainer = SimpleNamespace(train_dataloader=batches(phnet_batch))
    add_harmaug(trainer)
    for batch in trainer.train_dataloader:
        assert torch.equal(batch["inputs"][:, :3], batch["comp"])
        print({key: getattr(value, "shape", value) for key, value in batch.items()})


if __name__ == "__main__":
    main()
