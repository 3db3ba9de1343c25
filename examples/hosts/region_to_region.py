"""Region_to_Region: its autoencoder has channels last; its control net is fed per sample.

Autoencoder: in ``train_VAE.py``, ``DataModule.train_dataloader``, as ``collate_fn`` of the loader
that it returns: a plain DataLoader, to which Lightning gives its sampler on several GPUs. All its
pictures are (B, H, W, 3), which the preset declares, and ``ori``, the composite in 8 bits, is
computed anew.

Control net: in ``ihd_dataset.py``, ``IhdDatasetMultiRes``. Its edges and its reference picture come
from the composite before the crop, so a batch would be too late: the transform stands below the
lines that open the three pictures.
"""

from typing import Any

import torch
from layouts import triple
from torch.utils.data import DataLoader

import harmaug

CONTROL_LINES = {
    "self.split = split": (
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
        'fields = harmaug.Fields.preset("region-to-region")',
        'self.augment = harmaug.SampleTransform(aug, fields, p=0.25 * (split == "train"))',
    ),
    "caption = self.captions[index]": (
        'comp = self.augment({"comp": comp, "real": real, "mask": mask})["comp"]',
    ),
}
"""Line of the control net's dataset -> the lines to add below it."""


def add_harmaug() -> harmaug.AugmentCollate:
    """Return the collate function of its training loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("region-to-region-vae")
    return harmaug.AugmentCollate(aug, fields, p=0.25)


def vae_samples() -> list[dict[str, Any]]:
    """Return samples as the dataset of its autoencoder yields them: channels last."""
    return [
        {
            "tar": tar.movedim(0, -1),
            "mask": mask.movedim(0, -1).repeat(1, 1, 3),
            "ref": ref.movedim(0, -1),
            "path": "c1_1_2.jpg",
            "ori": ((ref + 1) * 127.5).round().byte().movedim(0, -1),
        }
        for ref, tar, mask in zip(*triple("pm1", soft=False), strict=True)
    ]


def main() -> None:
    samples: Any = vae_samples()
    loader: Any = DataLoader(samples, batch_size=5, collate_fn=add_harmaug())
    for batch in loader:
        again = ((batch["ref"] + 1) * 127.5).round().byte()
        assert torch.equal(batch["ori"], again)
        print({key: getattr(value, "shape", value) for key, value in batch.items()})


if __name__ == "__main__":
    main()
