"""Train a small harmonizer on a folder in the iHarmony4 layout, with synthetic composites.

    python examples/harmonizer/train.py --data DATASET [--test DATASET] [--out net.pt]
        [--harmonizer dense]

The harmonizer is a colour map, which trains in seconds, or a dense one, which follows light that
varies across the foreground and takes minutes. A subset with composites trains on them and on
synthetic ones, photos with masks alone on synthetic ones. `--accelerator cuda --devices 2` trains
under Lightning Fabric (``pip install 'harmaug[train]'``). Without ``--data`` it trains on the
packaged photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from colour_map import ColourMapHarmonizer
from dense import DenseHarmonizer
from fit import Batch, fit
from geometry import flip_and_crop
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import harmaug
from harmaug.data.demo import demo_photos
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.metrics import fmse

HARMONIZERS: dict[str, type[ColourMapHarmonizer | DenseHarmonizer]] = {
    "colour-map": ColourMapHarmonizer,
    "dense": DenseHarmonizer,
}
FIELDS = harmaug.Fields(composite="composite", real="real", mask="mask", space="unit")

Sample = dict[str, Tensor]


def read(folder: Path, split: str | None, size: int) -> list[Sample]:
    """Return the samples of a folder, small; a missing composite is the photo itself."""
    samples = []
    items = HarmonyFolder(folder, split, size=size)
    for item in (items[row] for row in range(len(items))):
        composite = item.get("composite", item["real"])
        samples.append({"composite": composite, "real": item["real"], "mask": item["mask"]})
    return samples


def read_demo(size: int) -> list[Sample]:
    """Return the packaged photos; their composites are the photos with less light."""
    samples = []
    for _, photo, mask in demo_photos():
        stacked = torch.cat((photo.tensor(), mask.reshape(1, *mask.shape[-2:]))).unsqueeze(0)
        small = F.interpolate(stacked, (size, size), mode="bilinear", antialias=True)[0]
        real, alpha = small[:3].clamp(0, 1), small[3:].clamp(0, 1)
        samples.append({"composite": real * (1 - 0.4 * alpha), "real": real, "mask": alpha})
    return samples


class Cropped:
    """A loader with flips and crops, before the augmenter looks at colours."""

    def __init__(self, loader: DataLoader[Sample], size: int) -> None:
        self.loader, self.size = loader, size
        self.dataset = loader.dataset  # p="auto" depends on its length

    def __iter__(self) -> Iterator[Sample]:
        for batch in self.loader:
            stacked = torch.cat((batch["composite"], batch["real"], batch["mask"]), 1)
            composite, real, mask = flip_and_crop(stacked, self.size).split((3, 3, 1), 1)
            yield {"composite": composite, "real": real, "mask": mask}


def endless(loader: Iterable[Sample]) -> Iterator[Batch]:
    """Yield batches for `fit`, epoch after epoch."""
    while True:
        for batch in loader:
            yield batch["composite"], batch["real"], batch["mask"]


@torch.no_grad()
def test(net: nn.Module, samples: list[Sample]) -> tuple[float, float]:
    """Return the mean fMSE before and after harmonization."""
    device = next(net.parameters()).device
    before, after = [], []
    for batch in DataLoader(samples, 64):  # type: ignore[arg-type]
        composite, real, mask = (batch[key].to(device) for key in ("composite", "real", "mask"))
        before.append(fmse(composite, real, mask))
        after.append(fmse(net(composite, mask).clamp(0, 1), real, mask))
    return torch.cat(before).mean().item(), torch.cat(after).mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="a subset, or a folder of subsets")
    parser.add_argument("--split", help="train on this list of each subset")
    parser.add_argument("--test", type=Path, help="pairs to test on")
    parser.add_argument(
        "--harmonizer", choices=HARMONIZERS, default="colour-map", help="default: colour-map"
    )
    help_text = "pixels a side that the net sees (default: colour-map 32, dense 128)"
    parser.add_argument("--image-size", type=int, help=help_text)
    parser.add_argument("--checkpoint", default="unified", help="default: unified")
    parser.add_argument("-p", type=float, help="share of synthetic composites (default: auto)")
    parser.add_argument("--steps", type=int, help="default: 600; on the packaged photos 30")
    parser.add_argument("--batch", type=int, default=16, help="on each device (default: 16)")
    parser.add_argument("--accelerator", help="cpu, cuda, ...: train under Fabric")
    parser.add_argument("--devices", type=int, default=1, help="under Fabric (default: 1)")
    parser.add_argument("--out", type=Path, help="write the trained weights there")
    options = parser.parse_args()

    fabric = None
    if options.accelerator:
        from lightning_fabric import Fabric

        fabric = Fabric(accelerator=options.accelerator, devices=options.devices)
        fabric.launch()
    torch.manual_seed(0)
    sized = {"thumbnail": options.image_size} if options.image_size else {}
    net = HARMONIZERS[options.harmonizer](**sized)
    kept = max(net.thumbnail, 64)  # pixels a side of photos in memory
    samples = read_demo(kept) if options.data is None else read(options.data, options.split, kept)
    pairs = any(not s["composite"].equal(s["real"]) for s in samples)
    p: Any = options.p if options.p is not None else "auto" if pairs else 1.0

    loader: Any = DataLoader(samples, options.batch, shuffle=True)  # type: ignore[arg-type]
    aug = harmaug.SycoNetAugment.from_pretrained(options.checkpoint)
    if fabric is not None:
        loader = fabric.setup_dataloaders(loader)
        aug.to(fabric.device)
    augmented = harmaug.AugmentedLoader(Cropped(loader, net.thumbnail), aug, FIELDS, p=p)

    steps = options.steps or (30 if options.data is None else 600)
    for step, loss in enumerate(fit(net, endless(augmented), steps, fabric=fabric), 1):
        if step % max(steps // 10, 1) == 0 and (fabric is None or fabric.is_global_zero):
            print(f"step {step}: loss {loss:.4f}")
    tested = samples if options.test is None else read(options.test, None, kept)
    before, after = test(net.eval(), tested)
    where = "the training photos" if options.test is None else str(options.test)
    print(f"fMSE {before:.0f} -> {after:.0f} on {where}")
    if options.out is not None and (fabric is None or fabric.is_global_zero):
        torch.save(net.state_dict(), options.out)


if __name__ == "__main__":
    main()
