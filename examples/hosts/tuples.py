"""PIH, s2am, xmba15's BargainNet: batches that are tuples.

PIH: in ``PIH_train.py``, below ``self.dataloader = DataLoader(...)`` in ``Trainer.__init__``:
``self.dataloader = add_harmaug(self.dataloader, "pih")``. A batch has 8 parts: background, pasted
composite, its mask, real, mask of real, real with other colours, two paths. The sixth is the
composite here; the script trains on it in a share ``--reconratio`` of its steps, 0 by default.
Keep ``--pairaugment`` or ``--colorjitter``: without them the original composites equal the real
photos. The datasets with 4 parts that ``dataset.py`` also has take
``Fields.preset("pih", composite=0, real=2, mask=1)``. Tried with commit 2823ccc (2024-11-18),
dataset and loader, 0 and 2 workers.

s2am: in ``main.py``, before ``data_loaders`` is built. The mask is the fourth channel of the input;
where its dataset yields ``(inputs, (target, target))``, take
``Fields.preset("s2am", real=(1, 0))``.

xmba15's BargainNet: in ``scripts/train.py``, below ``train_loader = DataLoader(...)``:
``train_loader = add_harmaug(train_loader, "bargainnet-xmba15")``. Its mask is uint8 with labels.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(loader: Any, host: str) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset(host)  # "pih", "s2am", "bargainnet-xmba15"
    return harmaug.AugmentedLoader(loader, aug, fields, p="auto")


def pih_batch() -> tuple[Any, ...]:
    """Return a batch as PIH's loader yields it."""
    comp, real, mask = triple("unit")
    background, pasted, pasted_mask = real.flip(3), comp.flip(0), mask.flip(0)
    paths = ("1_before_mask.png",) * len(comp)
    return background, pasted, pasted_mask, real, mask, comp, paths, paths


def s2am_batch() -> tuple[Any, ...]:
    """Return a batch as s2am's loader yields it."""
    image, target, mask = triple("unit")
    return torch.cat((image, mask), 1), target, ("c1_1_2.jpg",) * len(image)


def xmba15_batch() -> list[Any]:
    """Return a batch as the loader of xmba15's BargainNet yields it."""
    composite, real, mask = triple("unit", soft=False)
    return [composite, real, mask[:, 0].byte()]


def main() -> None:
    for _, _, _, real, _, recoloured, paths, _ in add_harmaug(batches(pih_batch), "pih"):
        print("PIH:", tuple(recoloured.shape), tuple(real.shape), paths[0])
    for inputs, target, paths in add_harmaug(batches(s2am_batch), "s2am"):
        print("s2am:", tuple(inputs.shape), tuple(target.shape), paths[0])
    for composite, _, mask in add_harmaug(batches(xmba15_batch), "bargainnet-xmba15"):
        print("xmba15's BargainNet:", tuple(composite.shape), mask.dtype)


if __name__ == "__main__":
    main()
