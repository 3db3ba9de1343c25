"""Time n composites of a photo: the packaged net, and the large net once per latent.

    python benchmarks/augment_n.py [--threads 1 2] [--rounds 15] [--out FILE.json]

augment(real, mask, n=8) of one photo at 256x256, a quarter of it foreground. "once per latent" is
the published net as its inference code calls it: one latent a call, its trunk as published, then
the LUT, by the same kernel as all others here. Its weights are random, which takes as long as
trained ones. "all latents at once" is the same net inside `SycoNetAugment`, in its sampling form;
both must give the same composites before anything is timed. The packaged net is called when other
work has filled the caches, as in a training loop, and once more right after. "lookups alone"
applies LUTs that were decided before. "times faster" is than once per latent. One thread is timed
in processor time, several by the clock.
"""

from __future__ import annotations

import time

import measure
import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug import SycoNetAugment, composite_lut, mix_luts
from harmaug.nets import SycoNet

COUNT, SIZE, FOREGROUND = 8, 256, 0.25
ONCE, AT_ONCE = "large net, once per latent", "large net, all latents at once"
PACKAGED = "packaged net"
AT_LEAST = {AT_ONCE: 1.85, PACKAGED: 200.0}  # times faster than once per latent
TOLERANCE = 1e-4


def once_per_latent(net: SycoNet, real: Tensor, mask: Tensor, latent: Tensor) -> Tensor:
    """Return composites (1, n, 3, H, W) of one photo, made one after the other as published."""
    composites = []
    for z in latent.unbind(1):
        condition = net.condition(real, mask)
        features = net.generation(condition, net.prior(z, net.describe(condition)))
        weights = F.linear(features, net.mixing.weight.flatten(1), net.mixing.bias).softmax(1)
        composites.append(composite_lut(real, mask, mix_luts(weights, net.basis)))
    return torch.stack(composites, 1)


def main() -> None:
    measure.recycle_memory()
    parser = measure.parser(__doc__, rounds=15)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="threads of torch (default: 1 2)"
    )
    parser.add_argument("--checkpoint", default="unified", help="default: unified")
    options = parser.parse_args()
    torch.manual_seed(0)

    real, mask = measure.photo(SIZE, SIZE), measure.disc(SIZE, SIZE, FOREGROUND)
    packaged = SycoNetAugment.from_pretrained(options.checkpoint)
    net = SycoNet(reconstruction=False)
    large = SycoNetAugment(net)  # sets the net to eval and freezes it
    latent = torch.randn(1, COUNT, net.latent_dim)
    error = once_per_latent(net, real, mask, latent) - large.augment(real, mask, latent=latent)
    if not error.abs().max() <= TOLERANCE:
        raise SystemExit(f"the two forms of the large net differ by {error.abs().max():.2g}.")
    luts = packaged.sample(real, mask, COUNT)

    figures = {}
    for threads in options.threads:
        torch.set_num_threads(threads)
        series = measure.in_turn(
            {
                ONCE: lambda: once_per_latent(net, real, mask, latent),
                AT_ONCE: lambda: large.augment(real, mask, COUNT),
                PACKAGED: lambda: packaged.augment(real, mask, COUNT),
                "packaged net, called again": lambda: packaged.augment(real, mask, COUNT),
                "packaged net, n=1": lambda: packaged.augment(real, mask),
                "lookups alone": lambda: packaged.apply(luts, real, mask),
            },
            options.rounds,
            time.process_time if threads == 1 else time.perf_counter,
        )
        rows = []
        for name, one in series.items():
            faster, wanted = series[ONCE].against(one), AT_LEAST.get(name)
            found = {**one.summary(), "times faster": faster, "at least": wanted}
            figures[f"{threads} threads: {name}"] = found
            rows.append((name, one.median, min(one.milliseconds), faster, wanted or ""))
        title = f"{COUNT} composites at {SIZE}x{SIZE}, {threads} threads"
        measure.table(title, ("", "ms", "least ms", "times faster", "at least"), rows)
    about = {"checkpoint": options.checkpoint, PACKAGED: packaged.card.get("architecture")}
    measure.record(options.out, __doc__, {**about, "figures": figures})


if __name__ == "__main__":
    main()
