"""Where Python would wait for a GPU, found without one: run as a script, it prints JSON.

A device that holds no values stands in for the GPU: torch works out shapes and devices alone. A
read of a value, or a copy between devices that does not run ahead, is a wait.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import harmaug
from harmaug.nets import decision, latents

DEVICE = "gpu"


class Waits(TorchDispatchMode):
    """Lists the waits of what runs within, as "read" or as copies "from to"."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        devices = {
            tensor.device.type
            for tensor in tree_leaves((args, kwargs, result))
            if isinstance(tensor, torch.Tensor)
        }
        if "_to_copy" in str(function) and len(devices) > 1 and not kwargs.get("non_blocking"):
            self.found.append(f"{args[0].device.type} to {result.device.type}")
        return result


def waits(mode: FakeTensorMode, work: Any, batch: dict[str, torch.Tensor]) -> list[str]:
    """Return the waits of ``work(batch)``, once what is kept between calls is there."""
    with mode, Waits() as seen:
        given = {key: mode.from_tensor(value) for key, value in batch.items()}

        def read(values: FakeTensor) -> list[Any]:
            if values.dtype == torch.bool:
                return [True] * len(values)  # which samples become synthetic; drawn on the CPU
            seen.found.append(f"read on {values.device.type}")
            photos = len(given["real"])
            return [1.0] * photos + [0.0] * photos + [0.0] * 3 + [0.9] * 3

        FakeTensor.tolist = read  # type: ignore[assignment, method-assign]
        work(given)
        seen.found.clear()
        work(given)
        return seen.found


def main() -> None:
    warnings.simplefilter("ignore")  # tensors without values have no addresses either
    _setup_privateuseone_for_python_backend(DEVICE)
    getattr(torch, DEVICE).get_amp_supported_dtype = lambda: [torch.bfloat16]
    decision._wants_fixed_shapes = lambda latent: True  # as on CUDA
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    for count in (1, 4):
        latents.draw_latents(1, count, aug.latent_dim)  # keeps points that need true values
    batch = {name: torch.rand(4, 3, 64, 64) for name in ("comp", "real")}
    batch["mask"] = torch.ones(4, 1, 64, 64)
    fields = harmaug.Fields(composite="comp", real="real", mask="mask", space="pm1")
    here = harmaug.AugmentedLoader([], aug, fields, p=1)._batch
    there = harmaug.AugmentedLoader([], aug, fields, p=1, device=DEVICE)._batch
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        for module in aug.net.modules():
            for name, value in [*module._parameters.items(), *module._buffers.items()]:
                if value is not None:
                    values = torch.empty(value.shape, dtype=value.dtype, device=DEVICE)
                    parameter = torch.nn.Parameter(values, requires_grad=False)
                    setattr(module, name, parameter if name in module._parameters else values)

    def augment(given: dict[str, torch.Tensor]) -> torch.Tensor:
        real, mask = (given[name].to(DEVICE, non_blocking=True) for name in ("real", "mask"))
        return aug.augment(real, mask, 4)

    cases = {
        "augment": augment,
        "batch that stays": lambda given: here.draw(given, None),
        "batch that moves": lambda given: there.draw(given, None),
    }
    print(json.dumps({name: waits(mode, work, batch) for name, work in cases.items()}))


if __name__ == "__main__":
    main()
