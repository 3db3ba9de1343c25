"""How near the Triton LUT kernels come to a device copy, and how far ahead of grid_sample they are.

    python benchmarks/lut_gpu.py [--out benchmarks/results/lut_gpu.json]

Every time is the median of about 0.3 s of runs after a warm-up, by CUDA events, with the L2 cache
flushed before each run (triton.testing.do_bench), in milliseconds; 10th and 90th percentiles go
into the JSON file. Results are checked against the reference before anything is timed.

- copy: a device copy that moves as many bytes as image, mask and results have;
- grid_sample: the same composite by 5-D grid_sample, blend and clamp, in eager torch;
- lookup: its grid_sample call alone, the grid made beforehand, no blend, no clamp;
- compiled: torch.compile of the reference.

Photos are smooth noise with grain, so that neighbours share grid cells as in a real photo;
"noise" is uniform noise, where no two do: the worst case for the gathers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.lut import apply_lut, backends, composite_lut, identity_lut, reference

DEVICE = "cuda"
TOLERANCE = {"float32": 2e-6, "float16": 1e-3, "bfloat16": 8e-3, "uint8": 1}


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

    def inputs(self) -> tuple[Tensor, Tensor | None, Tensor]:
        """Image, mask and LUTs near the identity, as a colour transfer's are."""
        torch.manual_seed(0)
        shape = (self.batch, 3, self.height, self.width)
        if self.content == "noise":
            image = torch.rand(shape, device=DEVICE)
        else:
            coarse = torch.rand(self.batch, 3, 12, 16, device=DEVICE)
            image = F.interpolate(coarse, shape[2:], mode="bicubic")
            image = (image + 0.01 * torch.randn(shape, device=DEVICE)).clamp(0, 1)
        dtype = getattr(torch, self.dtype)
        image = image.mul(255).round().to(dtype) if self.dtype == "uint8" else image.to(dtype)
        lut = identity_lut(self.size, device=DEVICE)
        lut = lut + 0.1 * torch.randn(self.batch, self.count, *lut.shape, device=DEVICE)
        return image, self._mask(), lut

    def _mask(self) -> Tensor | None:
        shape = (self.batch, 1, self.height, self.width)
        if self.mask == "none":
            return None
        if self.mask == "all":
            return torch.rand(shape, device=DEVICE)
        rows = torch.arange(self.height, device=DEVICE)[:, None] - self.height / 2
        columns = torch.arange(self.width, device=DEVICE) - self.width / 2
        disc = rows**2 + columns**2 < 0.1 * self.height * self.width / torch.pi
        return disc.float().expand(shape).contiguous()


FORWARD = [
    Case(),
    Case(content="noise"),
    Case(mask="all"),
    Case(mask="tenth"),
    Case(count=8, mask="tenth"),
    Case(count=8),
    Case(size=33),
    Case(size=33, content="noise"),
    Case(size=64),
    Case(dtype="float16"),
    Case(dtype="bfloat16"),
    Case(dtype="uint8"),
    Case(height=2160, width=3840),
    Case(height=256, width=256, batch=32, count=4, mask="tenth"),
]
BACKWARD = [
    Case(),
    Case(content="noise"),
    Case(mask="tenth"),
    Case(size=33),
    Case(dtype="float16"),
    Case(height=256, width=256, batch=32, mask="tenth"),
]


def measure(function: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of one call: median, 10th and 90th percentile."""
    from triton.testing import do_bench

    times = do_bench(function, warmup=100, rep=300, return_mode="all")
    tenths = statistics.quantiles(times, n=10)
    return {"median": statistics.median(times), "p10": tenths[0], "p90": tenths[-1]}


def as_unit(image: Tensor) -> Tensor:
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()


def lookup_inputs(image: Tensor, lut: Tensor) -> tuple[Tensor, Tensor]:
    """Volume and grid for grid_sample, which wants both in one dtype."""
    return lut.flatten(1, 2), as_unit(image).permute(0, 2, 3, 1).unsqueeze(1) * 2 - 1


def lookup(volume: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(volume, grid, padding_mode="border", align_corners=True)


def by_grid_sample(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    """What one writes in torch when there is no LUT operator."""
    result = lookup(*lookup_inputs(image, lut)).squeeze(2).unflatten(1, lut.shape[1:3])
    if mask is not None:
        result = torch.lerp(as_unit(image).unsqueeze(1), result, mask.unsqueeze(1))
    result = result.clamp(0, 1)
    return result.mul(255).round().to(image.dtype) if image.dtype == torch.uint8 else result


def ours(image: Tensor, mask: Tensor | None, lut: Tensor) -> Tensor:
    if mask is None:
        return apply_lut(image, lut)
    return composite_lut(image, mask, lut)


def copy_of(moved_bytes: int) -> Callable[[], object]:
    """A device copy that reads and writes so many bytes in all."""
    source = torch.empty(moved_bytes // 2, dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def forward(case: Case) -> dict[str, dict[str, float]]:
    image, mask, lut = inputs = case.inputs()
    result = ours(*inputs)
    error = (result.float() - reference.composite(*inputs).float()).abs().max().item()
    if not error <= TOLERANCE[case.dtype]:
        raise SystemExit(f"{case} is off the reference by {error}.")
    moved = sum(x.numel() * x.element_size() for x in (image, mask, result) if x is not None)
    volume, grid = lookup_inputs(image, lut)
    compiled = torch.compile(reference.composite)
    return {
        "ours": measure(lambda: ours(*inputs)),
        "copy": measure(copy_of(moved)),
        "grid_sample": measure(lambda: by_grid_sample(*inputs)),
        "lookup": measure(lambda: lookup(volume, grid)),
        "compiled": measure(lambda: compiled(*inputs)),
    }


def backward(case: Case) -> dict[str, dict[str, float]]:
    image, mask, lut = case.inputs()
    image.requires_grad_()
    lut.requires_grad_()
    volume, grid = (x.detach().requires_grad_() for x in lookup_inputs(image, lut))

    def timed(result: Tensor, *inputs: Tensor) -> dict[str, float]:
        grad = torch.randn_like(result)
        return measure(lambda: torch.autograd.grad(result, inputs, grad, retain_graph=True))

    return {
        "ours": timed(ours(image, mask, lut), image, lut),
        "ours, LUT alone": timed(ours(image, mask, lut), lut),
        "grid_sample": timed(by_grid_sample(image, mask, lut), image, lut),
        "lookup": timed(lookup(volume, grid), volume, grid),
        "compiled": timed(torch.compile(reference.composite)(image, mask, lut), image, lut),
    }


def describe(case: Case) -> str:
    shape = f"{case.batch} x {case.width}x{case.height}, {case.count} LUT of {case.size}"
    return f"{shape}, {case.dtype}, mask {case.mask}, {case.content}"


def table(title: str, cases: list[Case], run: Callable[[Case], dict]) -> list[dict]:
    """Time and print every case; the numbers in brackets are multiples of our time."""
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
    """The GPU with its clocks as found, and versions."""
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parent / "results" / "lut_gpu.json"
    parser.add_argument("--out", type=Path, default=default, help="where the JSON file goes")
    arguments = parser.parse_args()
    if not torch.cuda.is_available() or backends()["cuda"] != "triton":
        sys.exit("This benchmark needs a CUDA GPU and Triton; neither can be stood in for.")
    report = {
        "machine": machine(),
        "forward": table("forward", FORWARD, forward),
        "backward": table("backward", BACKWARD, backward),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
