"""Time `augment` and a wrapped loader on a GPU, where training happens.

    python benchmarks/augment_gpu.py [--device cuda] [--rounds 15] [--out FILE.json]

Photos of 256x256, a quarter of each foreground, on the device. `augment` is timed from Python until
the device is done, and its operations that are no views are counted: each is a launch. Then a U-Net
of 2 million parameters takes training steps, batch 16, in float32 and under bfloat16 autocast; runs
of steps with batches of a plain loader and of a wrapped one take turns, and "overhead" is what the
wrapper adds to a step. With ``--device cpu`` the same runs without a GPU, to try the script.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import measure
import torch
from loader_overhead import UNet
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import harmaug

SIZE, BATCH, STEPS = 256, 16, 10
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


def photos(count: int, device: str) -> tuple[Tensor, Tensor]:
    """Return photos (B, 3, H, W) and masks (B, 1, H, W)."""
    mask = measure.disc(SIZE, SIZE, 0.25).repeat(count, 1, 1, 1)
    return measure.photo(SIZE, SIZE, count).to(device), mask.to(device)


def done(device: str, work: Callable[[], object]) -> Callable[[], object]:
    """Return the work with a wait for the device."""

    def run() -> object:
        result = work()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return run


def augments(
    aug: harmaug.SycoNetAugment, device: str, rounds: int
) -> tuple[dict[str, Any], list[tuple]]:
    """Time every case of `augment`; also in bfloat16, and its peak of memory."""
    work: dict[str, Callable[[], object]] = {}
    for count, n in CASES:
        for dtype in (torch.float32, torch.bfloat16):
            real, mask = photos(count, device)
            real = real.to(dtype)
            name = f"{count} x {n}, {str(dtype).removeprefix('torch.')}"
            work[name] = partial(aug.augment, real, mask, n)
    series = measure.in_turn({name: done(device, run) for name, run in work.items()}, rounds)
    figures, rows = {}, []
    for name, one in series.items():
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        with Operations() as operations:
            work[name]()
        peak = torch.cuda.max_memory_allocated() - before if device == "cuda" else None
        about = {"operations": operations.count, "peak bytes": peak}
        figures[name] = one.summary() | about
        shown = "-" if peak is None else f"{peak / 2**20:.0f}"
        rows.append((name, one.median, min(one.milliseconds), operations.count, shown))
    return figures, rows


def train(
    net: UNet,
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
    aug: harmaug.SycoNetAugment, device: str, rounds: int
) -> tuple[dict[str, Any], list[tuple]]:
    """Time steps of training with batches of a plain loader and of a wrapped one."""
    real, mask = photos(BATCH, "cpu")
    batch = {"comp": real * (1 - 0.3 * mask), "real": real, "mask": mask}
    if device == "cuda":
        batch = {key: value.pin_memory() for key, value in batch.items()}
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="unit")
    wrapped = harmaug.AugmentedLoader([batch] * STEPS, aug, fields, p=0.5, seed=0)
    figures, rows = {}, []
    for name, half in (("float32", False), ("bfloat16 autocast", True)):
        torch.manual_seed(0)
        net = UNet().to(device)
        steps = partial(train, net, torch.optim.Adam(net.parameters(), 1e-3), device, half)
        series = measure.in_turn(
            {
                "plain": done(device, partial(steps, [batch] * STEPS)),
                "wrapped": done(device, partial(steps, wrapped)),
            },
            rounds,
        )
        plain, over = series["plain"], series["wrapped"].against(series["plain"]) - 1
        figures[name] = {"step": plain.median / STEPS, "overhead": over}
        rows.append(
            (name, plain.median / STEPS, f"{over:.2%}", "met" if over <= LIMIT else "missed")
        )
    return figures, rows


def main() -> None:
    parser = measure.parser(__doc__, rounds=15)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--checkpoint", default="unified", help="default: unified")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a CUDA GPU; --device cpu only tries the script.")
    aug = harmaug.SycoNetAugment.from_pretrained(options.checkpoint).to(options.device)
    begin = time.perf_counter()
    augment, rows = augments(aug, options.device, options.rounds)
    measure.table("augment", ("photos x n", "ms", "least ms", "operations", "peak MiB"), rows)
    overhead, rows = overheads(aug, options.device, max(3, options.rounds // 3))
    measure.table(f"wrapped loader, limit {LIMIT:.0%}", ("step", "ms", "overhead", ""), rows)
    seconds = time.perf_counter() - begin
    name = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    about = {"device": name, "checkpoint": options.checkpoint, "seconds": seconds}
    measure.record(options.out, __doc__, {**about, "augment": augment, "loader": overhead})


if __name__ == "__main__":
    main()
