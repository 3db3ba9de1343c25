"""CO2Net and other video harmonization: one LUT for all frames of a sample.

Where: in ``scripts/my_train.py``, below ``train_dataloader = DataLoader(...)``. Its dataset loads
the previous frames as composites and masks only. To make composites of them, the real frames are
needed too: read them beside the others and return them as ``pre_target_images``, which takes edits
in three more files. Switch off the mode that reads precomputed LUTs: those belong to the original
composites. The space differs between the scripts, so it is declared here.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(train_dataloader: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("co2net", space="unit")
    return harmaug.AugmentedLoader(train_dataloader, aug, fields, p="auto")


def co2net_batch() -> dict[str, Any]:
    """Return a batch with 3 previous frames of each sample, here all alike."""
    images, target_images, masks = triple("unit")
    before = {"images": images, "target_images": target_images, "masks": masks}
    frames = {f"pre_{key}": torch.stack([value] * 3, 1) for key, value in before.items()}
    return {"name": ["v1/1/00001"] * len(images), **before, **frames}


def main() -> None:
    for batch in add_harmaug(batches(co2net_batch)):
        assert torch.allclose(batch["pre_images"][:, 0], batch["images"], atol=1e-6)
        print(tuple(batch["images"].shape), tuple(batch["pre_images"].shape))


if __name__ == "__main__":
    main()
