"""DiffHarmony: nested batches, one dict for each resolution.

Where: in the script under ``scripts/train``, below the line with ``accelerator.prepare(...)``:
accelerate rebuilds loaders, so a wrapper put on before it would be lost. The mask must be the
undilated one: leave ``--mask_dilate`` at 0 and dilate in the training step. The scripts that load
one resolution take ``composite="comp", real="real", mask="mask", views=()``.
"""

from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(train_dataloader: Any, **changes: Any) -> Any:
    """The added lines."""
    augment = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset("diffharmony", **changes)
    return harmaug.AugmentedLoader(train_dataloader, augment, fields, p=0.5)


def diffharmony_batch() -> dict[int, Any]:
    """A batch of both resolutions; small here, whatever the keys say."""
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
