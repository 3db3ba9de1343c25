"""iSSAM / iS2AM / iDIH, CDTNet, DCCF: wrap the trainer's training loader.

Where: in the model's script (``models/fixed256/...py``), below ``trainer = SimpleHTrainer(...)``
(DCCF: ``UpsampleDCCFTrainer``): ``add_harmaug(trainer, "issam")``. The validation loader is left
alone. iSSAM and DCCF normalise with ImageNet's mean and std, CDTNet does not: same keys, another
preset.

DCCF's scripts named ``HR`` have full-resolution images, which take the same LUT. Those named ``LR``
set ``use_hr=False``: ``images_fullres`` then repeats ``images``, and there is no full-resolution
target; their preset is "dccf-lr". Tried with DCCF 96188d1 (2023-05-17), dataset and loader of both,
0 and 2 workers.
"""

from types import SimpleNamespace
from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(trainer: Any, host: str = "issam") -> None:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset(host)  # or "cdtnet", "dccf", "dccf-lr"
    trainer.train_data = harmaug.AugmentedLoader(trainer.train_data, aug, fields, p="auto")


def issam_batch() -> dict[str, Any]:
    """Return a batch as iSSAM's loader yields it."""
    images, target_images, masks = triple("imagenet")
    return {"images": images, "masks": masks, "target_images": target_images}


def main() -> None:
    trainer = SimpleNamespace(train_data=batches(issam_batch))
    add_harmaug(trainer)
    for batch in trainer.train_data:
        moved = {key: value.to("cpu") for key, value in batch.items()}  # as the trainer does
        print({key: tuple(value.shape) for key, value in moved.items()})


if __name__ == "__main__":
    main()
