"""Harmonizer: wrap the training loader; only the stream with composites gets new ones.

Where: in ``src/train/harmonizer/trainer.py``, at the start of ``HarmonizerTrainer._train``, on its
``data_loader`` (make the augmenter once, in ``_build``). A batch joins two streams of fixed sizes.
The first holds ``-image`` in place of a composite, because the trainer makes its composites from
its filters. The preset knows it by that and leaves it as it is.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(data_loader: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset("harmonizer")
    return harmaug.AugmentedLoader(data_loader, aug, fields, p=0.5)


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
