"""PIH and s2am: batches that are tuples.

Where: below the training ``DataLoader``: of PIH in ``PIH_train.py``, of s2am in ``main.py`` before
``data_loaders`` is built. In s2am the mask is the fourth channel of the input; where its dataset
yields ``(inputs, (target, target))``, take ``Fields.preset("s2am", real=(1, 0))``.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(loader: Any, host: str) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset(host)  # "pih" or "s2am"
    return harmaug.AugmentedLoader(loader, aug, fields, p=0.5)


def pih_batch() -> tuple[Any, ...]:
    """Return a batch as PIH's loader yields it."""
    comp, real, mask = triple("unit")
    return comp, mask, real, ("c1_1_2.jpg",) * len(comp)


def s2am_batch() -> tuple[Any, ...]:
    """Return a batch as s2am's loader yields it."""
    image, target, mask = triple("unit")
    return torch.cat((image, mask), 1), target, ("c1_1_2.jpg",) * len(image)


def main() -> None:
    for comp, _, real, paths in add_harmaug(batches(pih_batch), "pih"):
        print("PIH:", tuple(comp.shape), tuple(real.shape), paths[0])
    for inputs, target, paths in add_harmaug(batches(s2am_batch), "s2am"):
        print("s2am:", tuple(inputs.shape), tuple(target.shape), paths[0])


if __name__ == "__main__":
    main()
