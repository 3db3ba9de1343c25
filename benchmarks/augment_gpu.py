"""Time `augment` and a wrapped loader on a GPU, where training happens.

    python benchmarks/augment_gpu.py [--device cuda] [--rounds 15] [--out FILE.json]

Photos of 256x256, a quarter of each foreground, on the device. `augment` is timed from Python until
the device is done, with CUDA graphs and without, and its operations that are no views are counted:
each is a launch. Then a U-Net of 2 million parameters and a transformer of the size of PCT-Net's
take training steps, batch 16, in float32 and under bfloat16 autocast; runs of steps with batches of
a plain loader, of a wrapped one and of one with ``prefetch=1`` take turns, and "overhead" is what
the wrapper adds to a step. To try it without a GPU: ``--device cpu --image-size 32 --rounds 1``.
"""

from __future__ import annotations

import argparse
import collections
import copy
import itertools
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import measure
import torch
from loader_overhead import UNet
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import harmaug

BATCH, STEPS = 16, 10
CASES = ((1, 8), (BATCH, 1), (BATCH, 8))
LIMIT = 0.03  # of a step


class Operations(TorchDispatchMode):
    """Counts operations that are not views."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # noqa: ANN204
        returns = function._schema.returns
        alias = returns[0].alias_info if returns else None
        self.count += alias is None or alias.is_write
        return function(*args, **(kwargs or {}))


class Transformer(nn.Module):
    """A harmonizer of PCT-Net's size: nine layers over patches of 4x4, an affine map a pixel.

    Patch, width, heads and layers are those of PCT-Net (Guerreiro et al., CVPR 2023).
    """

    def __init__(self, patch: int = 4, width: int = 256, heads: int = 2, layers: int = 9) -> None:
        super().__init__()
        self.embed = nn.Conv2d(4, width, patch, patch)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, batch_first=True)
        self.encode = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Conv2d(width, 12, 1)

    def forward(self, composite: Tensor, mask: Tensor) -> Tensor:
        """Return harmonized images (B, 3, H, W)."""
        x = self.embed(torch.cat((composite, mask), 1))
        x = self.encode(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:])
        maps = F.interpolate(self.head(x), composite.shape[2:], mode="bilinear")
        matrix, shift = maps[:, :9].unflatten(1, (3, 3)), maps[:, 9:]
        change = torch.einsum("bijhw,bjhw->bihw", matrix, composite) + shift
        return composite + mask * change


NETS: dict[str, Callable[[], nn.Module]] = {"U-Net": UNet, "transformer": Transformer}


def operations_of(work: Callable[[], object]) -> int:
    """Return the number of operations of a call that are no views."""
    with Operations() as operations:
        work()
    return operations.count


def photos(count: int, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Return photos (B, 3, H, W) and masks (B, 1, H, W)."""
    mask = measure.disc(size, size, 0.25).repeat(count, 1, 1, 1)
    return measure.photo(size, size, count).to(device), mask.to(device)


def done(device: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return the work with a wait for the device."""

    def run() -> object:
        result = work()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return run


def augments(
    aug: harmaug.SycoNetAugment, options: argparse.Namespace
) -> tuple[dict[str, Any], list[tuple]]:
    """Time every case of `augment`, also in bfloat16 and without graphs; its peak of memory."""
    device = options.device
    eager = copy.deepcopy(aug)
    eager.net.graphs = False
    work: dict[str, Callable[[], object]] = {}
    for count, n in CASES:
        real, mask = photos(count, options.image_size, device)
        work[f"{count} x {n}, float32"] = partial(aug.augment, real, mask, n)
        work[f"{count} x {n}, float32, no graph"] = partial(eager.augment, real, mask, n)
        work[f"{count} x {n}, bfloat16"] = partial(aug.augment, real.bfloat16(), mask, n)
    # The calls that are not counted compile kernels and capture graphs.
    series = measure.in_turn(
        {name: done(device, run) for name, run in work.items()}, options.rounds
    )
    figures, rows = {}, []
    for name, one in series.items():
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        work[name]()
        peak = torch.cuda.max_memory_allocated() - before if device == "cuda" else None
        operations = operations_of(work[name])
        figures[name] = one.summary() | {"operations": operations, "peak bytes": peak}
        shown = "-" if peak is None else f"{peak / 2**20:.0f}"
        rows.append((name, one.median, min(one.milliseconds), operations, shown))
    return figures, rows


def train(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: str,
    half: bool,
    loader: Iterable[dict[str, Tensor]],
) -> None:
    """Take a step for each batch of a loader."""
    for some in loader:
        given = {key: value.to(device, non_blocking=True) for key, value in some.items()}
        with torch.autocast(device, torch.bfloat16, enabled=half):
            made = net(given["comp"], given["mask"])
        loss = (made - given["real"]).square().sum() / given["mask"].sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def overheads(
    aug: harmaug.SycoNetAugment, options: argparse.Namespace
) -> tuple[dict[str, Any], list[tuple]]:
    """Time steps of training with batches of a plain loader and of wrapped ones."""
    device, rounds = options.device, max(3, options.rounds // 3)
    real, mask = photos(BATCH, options.image_size, "cpu")
    batch = {"comp": real * (1 - 0.3 * mask), "real": real, "mask": mask}
    if device == "cuda":
        batch = {key: value.pin_memory() for key, value in batch.items()}
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
    loaders: dict[str, Iterable[dict[str, Tensor]]] = {"plain": [batch] * STEPS}
    for prefetch in (0, 1):
        loaders[f"prefetch={prefetch}"] = harmaug.AugmentedLoader(
            [batch] * STEPS, aug, fields, p=0.5, seed=0, device=device, prefetch=prefetch
        )
    for _ in range(10):  # each number of synthetic samples has a graph of its own
        for loader in loaders.values():
            collections.deque(loader, 0)
    figures, rows = {}, []
    for kind, half in itertools.product(NETS, (False, True)):
        name = f"{kind}, {'bfloat16 autocast' if half else 'float32'}"
        torch.manual_seed(0)
        net = NETS[kind]().to(device)
        steps = partial(train, net, torch.optim.Adam(net.parameters(), 1e-3), device, half)
        series = measure.in_turn(
            {key: done(device, partial(steps, loader)) for key, loader in loaders.items()}, rounds
        )
        plain = series.pop("plain")
        size = sum(value.numel() for value in net.parameters())
        overhead = {key: wrapped.against(plain) - 1 for key, wrapped in series.items()}
        figures[name] = {"parameters": size, "step": plain.median / STEPS, "overhead": overhead}
        for key, over in overhead.items():
            verdict = "met" if over <= LIMIT else "missed"
            rows.append((f"{name}, {key}", plain.median / STEPS, f"{over:.2%}", verdict))
    return figures, rows


def main() -> None:
    parser = measure.parser(__doc__, rounds=15)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--image-size", type=int, default=256, help="default: 256")
    parser.add_argument("--checkpoint", default="unified", help="default: unified")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA GPU; --device cpu only tries the script.")
    aug = harmaug.SycoNetAugment.from_pretrained(options.checkpoint).to(options.device)
    aug.net.graphs = True
    begin = time.perf_counter()
    augment, rows = augments(aug, options)
    measure.table("augment", ("photos x n", "ms", "least ms", "operations", "peak MiB"), rows)
    overhead, rows = overheads(aug, options)
    measure.table(f"wrapped loader, limit {LIMIT:.0%}", ("step", "ms", "overhead", ""), rows)
    seconds = time.perf_counter() - begin
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    about = {"device": name, "image size": options.image_size, "checkpoint": options.checkpoint}
    about["seconds"] = seconds
    measure.record(options.out, __doc__, {**about, "augment": augment, "loader": overhead})


if __name__ == "__main__":
    main()
