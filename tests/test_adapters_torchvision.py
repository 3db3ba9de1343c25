"""The torchvision v2 transform; skipped where torchvision does not import beside this torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from adapter_doubles import ToyAugment, disc, photo

try:
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    from harmaug.adapters.torchvision import SyntheticComposite
except (ImportError, RuntimeError) as error:
    pytest.skip(f"torchvision does not import here: {error}", allow_module_level=True)

from harmaug.adapters import AugmentBatch, Fields, SampleTransform

FIELDS = Fields(composite="composite", real="real", mask="mask", space="unit")


def _sample(*size: int) -> dict[str, Any]:
    real, mask = photo(*size, 20, 20), disc(*size, 20, 20)
    return {
        "composite": tv_tensors.Image(real * 0.5),
        "real": tv_tensors.Image(real),
        "mask": tv_tensors.Mask(mask),
        "name": "c1_1_2.jpg",
    }


@pytest.mark.parametrize("size", [(), (3,)])
def test_tv_tensors_stay_what_they_are(size: tuple[int, ...]) -> None:
    sample = _sample(*size)
    made = SyntheticComposite(ToyAugment(), FIELDS, 1.0)(sample)
    assert type(made["composite"]) is tv_tensors.Image
    assert made["real"] is sample["real"]
    assert made["mask"] is sample["mask"]
    outside = (sample["mask"] == 0).expand_as(sample["real"])
    assert torch.equal(made["composite"][outside], sample["real"][outside])
    assert not torch.equal(made["composite"], sample["real"])


def test_it_composes_after_geometry() -> None:
    pipeline = v2.Compose(
        [
            v2.RandomHorizontalFlip(1.0),
            v2.RandomResizedCrop(16, antialias=True),
            SyntheticComposite(ToyAugment(), FIELDS, 1.0),
        ]
    )
    made = pipeline(_sample())
    assert made["composite"].shape == (3, 16, 16)
    assert type(made["composite"]) is tv_tensors.Image
    outside = (made["mask"] == 0).expand_as(made["real"])
    assert torch.equal(made["composite"][outside], made["real"][outside])


def test_several_inputs_are_a_tuple() -> None:
    sample = _sample()
    fields = Fields(composite=0, real=1, mask=2, space="unit")
    made = SyntheticComposite(ToyAugment(), fields, 1.0)(
        sample["composite"], sample["real"], sample["mask"]
    )
    assert isinstance(made, tuple)
    assert type(made[0]) is tv_tensors.Image


@pytest.mark.parametrize("adapter", [AugmentBatch, SampleTransform])
def test_plain_adapters_keep_tv_tensors_too(adapter: Any) -> None:
    made = adapter(ToyAugment(), FIELDS, p=1.0)(_sample(*(2,) * (adapter is AugmentBatch)))
    assert type(made["composite"]) is tv_tensors.Image


def test_missing_package_names_the_extra() -> None:
    code = "import sys; sys.modules['torchvision'] = None\nimport harmaug.adapters.torchvision"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'harmaug[torchvision]'" in run.stderr
