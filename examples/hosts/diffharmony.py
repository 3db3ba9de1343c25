"""DiffHarmony: nested batches, one dict for each resolution.

Where: in a script under ``scripts/train``, below the line with ``accelerator.prepare(...)``:
``train_dataloader = add_harmaug(train_dataloader)``. accelerate rebuilds loaders, so a wrapper put
on before would be lost. The mask must not be dilated: leave ``--mask_dilate`` at 0 and dilate in
the training step.

``refinement_stage.py`` loads two resolutions; the keys are its ``--infer_resolution`` and
``--resolution``, here 512 and 256. It makes a prompt for each sample of the configured batch size,
so ``mode="append"`` is refused. The scripts that load one resolution (``diffharmony.py``,
``cvae.py``, ``cvae_online.py``) take ``composite="comp", real="real", mask="mask", views=()``;
``cvae_with_gen_data.py`` has no real photos to recolour. Tried with commit b1ec19d (2024-10-29),
datasets and loader after ``prepare``, 0 and 2 workers.
"""

from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(train_dataloader: Any, **changes: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("diffharmony", **changes)
    return harmaug.AugmentedLoader(train_dataloader, aug, fields, p="auto")


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
