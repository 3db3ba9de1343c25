"""CO2Net and other video harmonization: one LUT for all frames of a sample.

Where: below ``trainer = SimpleHTrainer(...)``, on ``trainer.train_data``. Its dataset loads the
previous frames as composites and masks. Their new composites are made of the real frames: read
these too and return them as ``pre_target_images``. The scripts differ in their value space, so it
is declared here.
"""

from types import SimpleNamespace
from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(trainer: Any) -> None:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset("co2net", space="unit")
    trainer.train_data = harmaug.AugmentedLoader(trainer.train_data, aug, fields, p=0.5)


def co2net_batch() -> dict[str, Any]:
    """Return a batch with 3 previous frames of each sample, here all alike."""
    images, target_images, masks = triple("unit")
    before = {"images": images, "target_images": target_images, "masks": masks}
    frames = {f"pre_{key}": torch.stack([value] * 3, 1) for key, value in before.items()}
    return {"name": ["v1/1/00001"] * len(images), **before, **frames}


def main() -> None:
    trainer = SimpleNamespace(train_data=batches(co2net_batch))
    add_harmaug(trainer)
    for batch in trainer.train_data:
        assert torch.allclose(batch["pre_images"][:, 0], batch["images"], atol=1e-6)
        print(tuple(batch["images"].shape), tuple(batch["pre_images"].shape))


if __name__ == "__main__":
    main()
