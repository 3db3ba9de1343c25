"""LBM, HCDM: diffusion and bridge models; the loader of their own data modules is wrapped.

LBM: in your copy of ``examples/training/train_lbm_surface.py``, in ``main``, below
``data_module = get_data_module(...)``: its method ``train_dataloader`` returns the loader. The
names of the fields come from the configuration; change the preset's if yours differ:
``Fields.preset("lbm", composite="image", real="target_image_paste")``.

HCDM: in ``run.py``, below ``phase_loader, val_loader = define_dataloader(phase_logger, opt)``.
"""

from types import SimpleNamespace
from typing import Any

from layouts import batches, triple

import harmaug


def add_harmaug(phase_loader: Any) -> Any:
    """Wrap the loader: the lines to add to HCDM."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("hcdm")
    return harmaug.AugmentedLoader(phase_loader, aug, fields, p="auto")


def add_to_module(data_module: Any) -> None:
    """Wrap the loader that a data module makes: the lines to add to LBM."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("lbm")
    bare = data_module.train_dataloader
    data_module.train_dataloader = lambda: harmaug.AugmentedLoader(bare(), aug, fields, p=0.25)


def hcdm_batch() -> dict[str, Any]:
    """Return a batch as HCDM's loader yields it."""
    cond_image, gt_image, mask = triple("pm1", soft=False)
    paths = ["c1_1_2.jpg"] * len(mask)
    return {"gt_image": gt_image, "cond_image": cond_image, "mask": mask, "path": paths}


def lbm_batch() -> dict[str, Any]:
    """Return a batch as LBM's pipeline yields it; a mask read as a picture has 3 channels."""
    source, target, mask = triple("pm1")
    return {"source_image": source, "target_image": target, "mask": mask.repeat(1, 3, 1, 1)}


def main() -> None:
    for data in add_harmaug(batches(hcdm_batch)):
        print("HCDM:", {key: getattr(value, "shape", value) for key, value in data.items()})
    module = SimpleNamespace(train_dataloader=lambda: batches(lbm_batch))
    add_to_module(module)
    for batch in module.train_dataloader():
        print("LBM:", {key: tuple(value.shape) for key, value in batch.items()})


if __name__ == "__main__":
    main()
