"""DIRL, MadisNet: finding the inharmonious region. The mask is the label.

DIRL: in ``dirl_train.py``, MadisNet: in ``train.py``; in both below the lines that make
``self.inharm_dataloader = torch.utils.data.DataLoader(...)``. ``self.val_dataloader`` is made from
the same class: leave it alone. The mask is uint8 with labels 0 and 1, and is read as it is.
"""

from types import SimpleNamespace
from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(self: Any, host: str = "dirl") -> None:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset(host)  # "dirl" or "madisnet"
    self.inharm_dataloader = harmaug.AugmentedLoader(self.inharm_dataloader, aug, fields, p="auto")


def dirl_batch() -> dict[str, Any]:
    """Return a batch as DIRL's loader yields it."""
    comp, real, mask = triple("imagenet", soft=False)
    return {"comp": comp, "mask": mask.byte(), "real": real, "img_path": ["c1_1_2.jpg"] * len(comp)}


def main() -> None:
    trainer = SimpleNamespace(inharm_dataloader=batches(dirl_batch))
    add_harmaug(trainer)
    for data in trainer.inharm_dataloader:
        inharmonious, label = data["comp"], data["mask"].float()
        print(tuple(inharmonious.shape), "labelled", round(label.mean().item(), 2))


if __name__ == "__main__":
    main()
