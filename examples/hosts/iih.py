"""Intrinsic Image Harmonization (IIH), HT, DHT+: wrap the loader of ``create_dataset``.

Where: below ``dataset = create_dataset(cfg)`` in the training function. The check of the type of
``loader.sampler`` still passes, because the wrapper has the attributes of the loader. The models
repeat positions by the configured batch size, so ``mode="append"`` is refused.
"""

from typing import Any

import torch
from layouts import triple
from torch.utils.data import DataLoader, RandomSampler

import harmaug


def add_harmaug(dataset: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("iih")  # or "ht", "dht+"
    return harmaug.AugmentedLoader(dataset, aug, fields, p="auto")


def samples() -> list[dict[str, Any]]:
    """Return samples as IIH's dataset yields them."""
    return [
        {
            "inputs": torch.cat((comp, mask)),
            "comp": comp,
            "real": real,
            "img_path": "c1_1_2.jpg",
            "mask": mask,
        }
        for comp, real, mask in zip(*triple("unit", soft=False), strict=True)
    ]


def main() -> None:
    loader = add_harmaug(DataLoader(samples(), batch_size=5, shuffle=True))  # type: ignore[arg-type]
    assert isinstance(loader.sampler, RandomSampler)
    for data in loader:
        assert torch.equal(data["inputs"][:, :3], data["comp"])
        print({key: getattr(value, "shape", value) for key, value in data.items()})


if __name__ == "__main__":
    main()
