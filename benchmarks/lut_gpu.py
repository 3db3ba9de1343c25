"""Time the Triton LUT kernels, beside a device copy and grid_sample.

    python benchmarks/lut_gpu.py [--out FILE.json]

Times are of the GPU's own work, in milliseconds. Calls on several inputs, which together are at
least four times the L2 cache, are captured in a CUDA graph and the graph is replayed: a time is the
median over the replays divided by the calls; the JSON file holds 10th and 90th percentiles too.
"called" is the time of one call from Python, by the clock over many calls; for small pictures it is
the host's work. Results are compared with the reference before anything is timed.

- copy: a device copy of as many bytes as image, mask and results have;
- grid_sample: the same composite by 5-D grid_sample, blend and clamp, in eager torch;
- lookup: its grid_sample call alone, the grid made beforehand, no blend, no clamp;
- compiled: torch.compile of the reference, for some of the cases, as compiling takes long.

Photos are smooth noise with grain, whose neighbours share grid cells as in a real photo; "noise" is
uniform noise, whose neighbours do not: the worst case for the gathers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import measure
import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.lut import apply_lut, backends, composite_lut, reference
from harmaug.lut.ops import Interpolation

DEVICE = "cuda"
TOLERANCE = {"float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3, "uint8": 1}
REPLAYS, CALLS = 31, 200
Inputs = tuple[Tensor, Tensor | None, Tensor]


@dataclass(frozen=True)
class Case:
    height: int = 1080
    width: int = 1920
    batch: int = 1
    count: int = 1
    size: int = 17
    dtype: str = "float32"
    mask: str = "none"  # none, all (soft everywhere) or tenth (a disc of a tenth of the frame)
    content: str = "photo"
    interpolation: Interpolation = "trilinear"
    compiled: bool = False

    def inputs(self) -> Inputs:
        """Return image, mask and LUTs in memory of their own."""
        shape = (self.batch, 3, self.height, self.width)
        photo = measure.photo(self.height, self.width, self.batch)
        image = torch.rand(shape) if self.content == "noise" else photo
        dtype = getattr(torch, self.dtype)
        image = (image.mul(255).round() if dtype == torch.uint8 else image).to(DEVICE, dtype)
        return image, self._mask(), measure.luts(self.size, self.batch, self.count).to(DEVICE)

    def _mask(self) -> Tensor | None:
        shape = (self.batch, 1, self.height, self.width)
        if self.mask == "none":
            return None
        if self.mask == "all":
            return torch.rand(shape, device=DEVICE)
        disc = measure.disc(self.height, self.width, 0.1).to(DEVICE)
        return disc.expand(shape).contiguous()


FORWARD = [
    Case(compiled=True),
    Case(interpolation="tetrahedral"),
    Case(content="noise"),
    Case(mask="all", compiled=True),
    Case(mask="tenth"),
    Case(count=8, mask="tenth"),
    Case(count=8),
    Case(size=33),
    Case(size=33, content="noise"),
    Case(size=33, interpolation="tetrahedral"),
    Case(size=64),
    Case(dtype="float16"),
    Case(dtype="bfloat16"),
    Case(dtype="uint8"),
    Case(height=2160, width=3840),
    Case(height=256, width=256, batch=32, count=4, mask="tenth"),
]
BACKWARD = [
    Case(compiled=True),
    Case(interpolation="tetrahedral"),
    Case(content="noise"),
    Case(mask="tenth"),
    Case(size=33),
    Case(dtype="float16"),
    Case(height=256, width=256, batch=32, mask="tenth"),
]


def many_inputs(case: Case) -> list[Inputs]:
    """Return at least two inputs, together four times as large as the L2 cache."""
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    first = image, mask, _ = case.inputs()
    size = image.nbytes * (1 + case.count) + (0 if mask is None else mask.nbytes)
    return [first, *(case.inputs() for _ in range(1, max(2, -(-4 * cache // size))))]


def replayed(
    calls: Sequence[Callable[[], object]], stream: torch.cuda.Stream | None = None
) -> dict[str, float]:
    """Return milliseconds of one of these calls on the GPU: median, 10th and 90th percentile."""
    stream = stream or torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # the first call compiles, chooses a kernel and allocates
        for call in calls:
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        kept = [call() for call in calls]  # results must not share memory within the graph
    times = []
    for _ in range(REPLAYS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / len(kept))
    tenths = statistics.quantiles(times, n=10)
    return {"median": statistics.median(times), "p10": tenths[0], "p90": tenths[-1]}


def called(call: Callable[[], object]) -> dict[str, float]:
    """Return milliseconds of one call from Python, of many in a row."""
    times = []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / CALLS * 1e3)
    return {"median": statistics.median(times), "p10": min(times), "p90": max(times)}


def as_unit(image: Tensor) -> Tensor:
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()


def lookup_inputs(image: Tensor, lut: Tensor) -> tuple[Tensor, Tensor]:
    """Return volume and grid for grid_sample, which takes both in one dtype."""
    return lut.flatten(1, 2), as_unit(image).permute(0, 2, 3, 1).unsqueeze(1) * 2 - 1


def lookup(volume: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(volume, grid, padding_mode="border", align_corners=True)


def by_grid_sample(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    """Return the composite as one writes it in torch without a LUT operator."""
    result = lookup(*lookup_inputs(image, lut)).squeeze(2).unflatten(1, lut.shape[1:3])
    if mask is not None:
        result = torch.lerp(as_unit(image).unsqueeze(1), result, mask.unsqueeze(1))
    result = result.clamp(0, 1)
    return result.mul(255).round().to(image.dtype) if image.dtype == torch.uint8 else result


def ours(case: Case) -> Callable[..., Tensor]:
    """Return harmaug's composite with the interpolation of a case."""

    def run(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
        if mask is None:
            return apply_lut(image, lut, interpolation=case.interpolation)
        return composite_lut(image, mask, lut, interpolation=case.interpolation)

    return run


def copy_of(moved_bytes: int) -> Callable[[], object]:
    """Return a device copy that reads and writes so many bytes in all."""
    source = torch.empty(moved_bytes // 2, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def forward(case: Case) -> dict[str, dict[str, float]]:
    sets = many_inputs(case)
    first, run = sets[0], ours(case)
    result, walk = run(*first), case.interpolation == "tetrahedral"
    error = (result.float() - reference.composite(*first, walk).float()).abs().max().item()
    if not error <= TOLERANCE[case.dtype]:
        raise SystemExit(f"{case} differs from the reference by {error}.")
    moved = sum(x.nbytes for x in (*first[:2], result) if x is not None)
    lookups = [lookup_inputs(image, lut) for image, _, lut in sets]

    def timed(function: Callable[..., object], arguments: Sequence[tuple]) -> dict[str, float]:
        return replayed([partial(function, *some) for some in arguments])

    times = {
        "ours": timed(run, sets),
        "called": called(lambda: run(*first)),
        "copy": replayed([copy_of(moved) for _ in sets]),
        "grid_sample": timed(by_grid_sample, sets),
        "lookup": timed(lookup, lookups),
    }
    if case.compiled:
        times["compiled"] = timed(torch.compile(reference.composite), sets)
    return times


def backward(case: Case) -> dict[str, dict[str, float]]:
    sets = many_inputs(case)[:4]
    for image, _, lut in sets:
        image.requires_grad_()
        lut.requires_grad_()
    lookups = [
        tuple(x.detach().requires_grad_() for x in lookup_inputs(image, lut))
        for image, _, lut in sets
    ]

    def timed(
        function: Callable[..., Tensor], arguments: Sequence[tuple], wanted: Sequence[int]
    ) -> dict[str, float]:
        def gradients(some: tuple) -> Callable[[], object]:
            result = function(*some)
            inputs = [some[k] for k in wanted]
            grad = torch.randn_like(result)
            return lambda: torch.autograd.grad(result, inputs, grad, retain_graph=True)

        # Gradients run on the stream of their forward pass, and a graph has a stream of its own.
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            calls = [gradients(some) for some in arguments]
        torch.cuda.synchronize()
        return replayed(calls, stream)

    times = {
        "ours": timed(ours(case), sets, (0, 2)),
        "ours, LUT alone": timed(ours(case), sets, (2,)),
        "grid_sample": timed(by_grid_sample, sets, (0, 2)),
        "lookup": timed(lookup, lookups, (0, 1)),
    }
    if case.compiled:
        times["compiled"] = timed(torch.compile(reference.composite), sets, (0, 2))
    return times


def describe(case: Case) -> str:
    shape = f"{case.batch} x {case.width}x{case.height}, {case.count} LUT of {case.size}"
    return f"{shape}, {case.dtype}, mask {case.mask}, {case.content}, {case.interpolation}"


def table(title: str, cases: list[Case], run: Callable[[Case], dict]) -> list[dict]:
    """Time and print every case; figures in brackets are multiples of harmaug's time."""
    rows = []
    print(f"\n{title}: median ms (times ours)")
    for case in cases:
        times = run(case)
        base = times["ours"]["median"]
        cells = [
            f"{name} {t['median']:.3f} ({t['median'] / base:.2f})" for name, t in times.items()
        ]
        print(f"{describe(case):66} " + "  ".join(cells), flush=True)
        rows.append({"case": asdict(case), "ms": times})
    return rows


def machine() -> dict[str, object]:
    """Return the GPU, its clocks as they are, and versions."""
    import triton

    fields = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit"
    found = ""
    if shutil.which("nvidia-smi"):
        command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    properties = torch.cuda.get_device_properties(0)
    return {
        "device": properties.name,
        "multiprocessors": properties.multi_processor_count,
        "nvidia-smi": {"fields": fields, "devices": found.splitlines()},
        "torch": torch.__version__,
        "triton": triton.__version__,
        "cuda": torch.version.cuda,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    if not torch.cuda.is_available() or backends()["cuda"] != "triton":
        sys.exit("this benchmark needs a CUDA GPU and Triton.")
    report = {
        "machine": machine(),
        "forward": table("forward", FORWARD, forward),
        "backward": table("backward", BACKWARD, backward),
    }
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
