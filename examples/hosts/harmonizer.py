"""Harmonizer: wrap the training loader; only the stream with composites gets new ones.

Where: in ``src/train/torchtask/template/proxy.py``, at the end of ``_create_dataloader``:
``self.train_loader = add_harmaug(self.train_loader)``. There it is wrapped once; wrapped anew in
each ``_train``, it would repeat its composites in every epoch if ``seed=`` is given. The
validation loader has the same layout: leave it alone.

A batch joins two streams of fixed sizes. The first holds ``-image`` for a composite, because the
trainer makes those itself from its filters; the preset leaves samples with negative values alone.
Tried with commit 48ecd70 (2023-01-23), dataset and loader, 0 and 2 workers.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(data_loader: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("harmonizer")
    return harmaug.AugmentedLoader(data_loader, aug, fields, p="auto")


def harmonizer_batch() -> tuple[Any, Any]:
    """Return a batch of 2 samples of the first stream and 3 of the second."""
    adjusted, image, mask = triple("unit")
    adjusted[:2] = -image[:2]
    return (adjusted, mask), (image,)


def main() -> None:
    for (adjusted, mask), (image,) in add_harmaug(batches(harmonizer_batch)):
        assert torch.equal(adjusted[:2], -image[:2])
        print(tuple(adjusted.shape), tuple(mask.shape), tuple(image.shape))


if __name__ == "__main__":
    main()
