"""Time what AugmentedLoader adds to a training step of a small harmonizer.

    python benchmarks/loader_overhead.py [--threads 2] [--rounds 9] [--out FILE.json]

A U-Net of 2 million parameters trains on batches in memory, batch 8 at 256x256, on the CPU. Its
step and the batches of every host layout take turns. "overhead" is the wrapper's time for a batch,
with a share p of synthetic composites, over the time of a step: of the shortest of each, which
other work disturbs least, and of the medians.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import measure
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import harmaug
from harmaug.inputs import Space

BATCH, SIZE = 8, 256
LIMIT = 0.03
STEP = "training step"


class UNet(nn.Module):
    """A plain U-Net harmonizer of four levels."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            self._block(before, width) for before, width in zip((4, *widths), widths, strict=False)
        )
        pairs = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.up = nn.ModuleList(self._block(deep + width, width) for deep, width in pairs)
        self.head = nn.Conv2d(widths[0], 3, 1)

    @staticmethod
    def _block(before: int, width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )

    def forward(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Return harmonized images (B, 3, H, W)."""
        x, skips = torch.cat((composite, mask), 1), []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for block, skip in zip(self.up, skips[-2::-1], strict=True):
            x = block(torch.cat((F.interpolate(x, scale_factor=2.0), skip), 1))
        return composite + mask * self.head(x)


def triple(space: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return composite, real and mask; the foreground is a quarter of the frame."""
    real = measure.photo(SIZE, SIZE, BATCH)
    mask = measure.disc(SIZE, SIZE, 0.25).repeat(BATCH, 1, 1, 1)
    encode = Space.of(space).encode
    return encode(real * (1 - 0.3 * mask)), encode(real), mask


def layouts() -> dict[str, dict[str, Tensor]]:
    """Return a batch in the layout of each host, by the name of its preset."""
    images, targets, masks = triple("unit")
    cdtnet = {"images": images, "masks": masks, "target_images": targets}
    images, targets, masks = triple("imagenet")
    issam = {"images": images, "masks": masks, "target_images": targets}
    comp, real, mask = triple("pm1")
    dovenet = {"inputs": torch.cat((comp, mask), 1), "comp": comp, "real": real}
    large = {f"{key}_fullres": F.interpolate(value, scale_factor=2) for key, value in issam.items()}
    return {"cdtnet": cdtnet, "issam": issam, "dovenet": dovenet, "dccf": {**issam, **large}}


def main() -> None:
    parser = measure.parser(__doc__, rounds=9)
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (default: 2)")
    parser.add_argument("--checkpoint", default="unified", help="default: unified")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    net = UNet()
    parameters = sum(parameter.numel() for parameter in net.parameters())
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    composite, real, mask = triple("unit")

    def step() -> None:
        optimizer.zero_grad()
        loss = ((net(composite, mask) - real).square().sum() / mask.sum()).mean()
        loss.backward()
        optimizer.step()

    aug = harmaug.SycoNetAugment.from_pretrained(options.checkpoint)
    candidates: dict[str, Callable[[], object]] = {STEP: step}
    for host, batch in layouts().items():
        fields = harmaug.Fields.preset(host)
        for p in (0.5, 1.0):
            loader = harmaug.AugmentedLoader([batch], aug, fields, p=p, seed=0)
            candidates[f"{host}, p={p}"] = partial(list, loader)
    series = measure.in_turn(candidates, options.rounds, time.perf_counter)

    best, middle = min(series[STEP].milliseconds), series[STEP].median
    figures: dict[str, Any] = {}
    rows = []
    for name, one in series.items():
        low, median = min(one.milliseconds), one.median
        shares = {"overhead": low / best, "overhead of medians": median / middle}
        figures[name] = one.summary() | ({} if name == STEP else shares)
        rows.append((name, low, median, *(f"{share:.2%}" for share in shares.values())))
    header = ("", "least ms", "ms", "overhead", "of medians")
    measure.table(f"{parameters / 1e6:.2f} M parameters, {SIZE}x{SIZE}", header, rows)
    # Not of dccf: it makes a second composite of four times the pixels.
    shares_of = (one.get("overhead", 0.0) for name, one in figures.items() if "dccf" not in name)
    worst = max(shares_of)
    print(f"at most {worst:.2%}, limit {LIMIT:.0%}: {'met' if worst <= LIMIT else 'MISSED'}")
    about = {"checkpoint": options.checkpoint, "parameters": parameters}
    measure.record(options.out, __doc__, {**about, "figures": figures})


if __name__ == "__main__":
    main()
