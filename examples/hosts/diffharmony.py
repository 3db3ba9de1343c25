"""DiffHarmony: nested batches, one dict for each resolution.

Where: in the script under ``scripts/train``, below the line with ``accelerator.prepare(...)``,
because accelerate rebuilds loaders and would lose an earlier wrapper. The mask must not be dilated:
leave ``--mask_dilate`` at 0 and dilate in the training step. Scripts that load one resolution take
``composite="comp", real="real", mask="mask", views=()``.
"""

from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(train_dataloader: Any, **changes: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset("diffharmony", **changes)
    return harmaug.AugmentedLoader(train_dataloader, aug, fields, p=0.5)


def diffharmony_batch() -> dict[int, Any]:
    """Return a batch of both resolutions; the pictures are smaller than the keys say."""
    batch = {}
    for key, size in ((256, 48), (512, 96)):
        comp, real, mask = triple("pm1", soft=False, size=size)
        batch[key] = {"real": real, "mask": mask, "comp": comp, "caption": [""] * len(comp)}
    return batch


def main() -> None:
    for batch in add_harmaug(batches(diffharmony_batch)):
        print({key: tuple(part["comp"].shape) for key, part in batch.items()})
    single = batches(lambda: diffharmony_batch()[512])
    one = {"composite": "comp", "real": "real", "mask": "mask", "views": ()}
    for batch in add_harmaug(single, **one):
        print(tuple(batch["comp"].shape))


if __name__ == "__main__":
    main()
