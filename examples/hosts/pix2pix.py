"""DoveNet, BargainNet, RainNet, HDNet: wrap the training loader.

DoveNet, BargainNet: in ``train.py``, below ``dataset = create_dataset(opt)``:
``dataset = add_harmaug(dataset)``; ``len(dataset)`` still counts images. In DoveNet the first three
channels of ``inputs`` follow the new composite. BargainNet trains with batches of one.

RainNet, HDNet: in ``train.py`` or ``train_evaluate.py``, below
``train_dataloader = train_dataset.load_data()``:
``train_dataloader = add_harmaug(train_dataloader, "rainnet")``. The test loader stays as it is.
Tried with RainNet e4b605d (2021-08-11) and HDNet dcabe92 (2024-07-05), dataset and loader, 0 and 2
workers. (HDNet passes ``keep=False`` to tqdm, which current versions of tqdm refuse.)
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(dataset: Any, host: str = "dovenet") -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset(host)  # "dovenet", "rainnet", "hdnet" or "bargainnet"
    return harmaug.AugmentedLoader(dataset, aug, fields, p="auto")


def dovenet_batch() -> dict[str, Any]:
    """Return a batch as DoveNet's loader yields it."""
    comp, real, mask = triple("pm1", soft=False)
    inputs = torch.cat((comp, mask), 1)
    return {"inputs": inputs, "comp": comp, "real": real, "img_path": ["c1_1_2.jpg"] * len(comp)}


def main() -> None:
    for data in add_harmaug(batches(dovenet_batch)):
        assert torch.equal(data["inputs"][:, :3], data["comp"])
        print({key: getattr(value, "shape", value) for key, value in data.items()})


if __name__ == "__main__":
    main()
