"""What a GPU is asked for, and where Python waits for it, found without one; prints JSON.

A device that holds no values stands in for the GPU: torch works out shapes and devices alone. Each
operation that is no view is a launch. A read of a value, or a copy between devices that does not
run ahead, is a wait.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import harmaug
from harmaug.inputs import transfer
from harmaug.nets import decision, latents

DEVICE = "gpu"
# Checkpoints, photos, composites of each. Launches hardly depend on the numbers.
CASES = (
    ("daylight", 1, 8),
    ("retouch", 1, 8),
    *(("unified", *n) for n in ((1, 8), (16, 1), (16, 8))),
)
MODE = FakeTensorMode(allow_non_fake_inputs=True)

Batch = Mapping[str, Tensor]


class Calls(TorchDispatchMode):
    """Counts launches and lists waits, as "read on device" or as copies "device to device"."""

    def __init__(self) -> None:
        super().__init__()
        self.launches, self.waits = 0, list[str]()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        returns = function._schema.returns
        alias = returns[0].alias_info if returns else None
        # Operations of "prim" ask a made-up tensor for its device.
        self.launches += function.namespace != "prim" and (alias is None or alias.is_write)
        tensors = [leaf for leaf in tree_leaves((args, result)) if isinstance(leaf, Tensor)]
        devices = {tensor.device.type for tensor in tensors}
        if "_to_copy" in str(function) and len(devices) > 1 and not kwargs.get("non_blocking"):
            self.waits.append(f"{args[0].device.type} to {result.device.type}")
        return result


def calls(work: Callable[[Batch], object], batch: Batch) -> Calls:
    """Return the calls of ``work(batch)``, once what is kept between calls is there."""
    with MODE, Calls() as seen:
        given = {key: MODE.from_tensor(value) for key, value in batch.items()}

        def read(values: FakeTensor) -> list[Any]:
            if values.dtype == torch.bool:
                return [True] * len(values)  # which samples become synthetic; drawn on the CPU
            seen.waits.append(f"read on {values.device.type}")
            photos = len(given["real"])
            return [1.0] * photos + [0.0] * photos + [0.0] * 3 + [0.9] * 3

        FakeTensor.tolist = read  # type: ignore[assignment, method-assign]
        work(given)
        seen.launches, seen.waits = 0, []
        work(given)
        return seen


def on_device(name: str) -> harmaug.SycoNetAugment:
    """Return the augmenter with its weights on the device."""
    aug = harmaug.SycoNetAugment.from_pretrained(name)
    for count in {n for *_, n in CASES}:
        latents.draw_latents(1, count, aug.latent_dim)  # keeps points that need true values
    with MODE:
        for module in aug.net.modules():
            for key, value in [*module._parameters.items(), *module._buffers.items()]:
                if value is not None:
                    there = torch.empty(value.shape, dtype=value.dtype, device=DEVICE)
                    parameter = nn.Parameter(there, requires_grad=False)
                    setattr(module, key, parameter if key in module._parameters else there)
    return aug


def photos(count: int) -> Batch:
    """Return a batch on the CPU."""
    batch = {name: torch.rand(count, 3, 96, 96) for name in ("comp", "real")}
    return {**batch, "mask": torch.ones(count, 1, 96, 96)}


def main() -> None:
    warnings.simplefilter("ignore")  # tensors without values have no addresses either
    _setup_privateuseone_for_python_backend(DEVICE)
    getattr(torch, DEVICE).get_amp_supported_dtype = lambda: [torch.bfloat16]
    # As on CUDA, and as with true values.
    decision._wants_fixed_shapes = lambda latent: True
    transfer._WITHOUT_WAITING.add(DEVICE)
    transfer._kept_for = lambda like: True
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="pm1")
    launches, waits = {}, {}
    augmenters = {name: on_device(name) for name in {name for name, *_ in CASES}}
    for name, count, n in CASES:
        with MODE:
            real = torch.rand(count, 3, 96, 96, device=DEVICE)
            mask = torch.ones(count, 1, 96, 96, device=DEVICE)
        work = augmenters[name].augment
        seen = calls(lambda _: work(real, mask, n), photos(count))  # noqa: B023
        launches[f"{name}, {count} x {n}"] = seen.launches
        waits[f"{name}, {count} x {n}"] = seen.waits
    for key, device in (("batch that stays", None), ("batch that moves", DEVICE)):
        batches = harmaug.AugmentBatch(augmenters["unified"], fields, p=1, device=device)
        waits[key] = calls(lambda batch: batches.draw(batch, None), photos(4)).waits  # noqa: B023
    print(json.dumps({"launches": launches, "waits": waits}))


if __name__ == "__main__":
    main()
