"""Draws keep their very bits: hashes and samples stored before a change, compared after it.

``python tests/test_stored_bits.py`` writes ``stored_bits.json`` anew; do that only where draws
are meant to change, and say so in the changelog.

Matrix products round differently on different processors, resizing in different versions of torch.
So the hashes hold where a probe of both gives the stored bits; elsewhere the stored samples are
compared within a tolerance.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import harmaug
from harmaug.lut import native

STORED = Path(__file__).with_name("stored_bits.json")
CHECKPOINTS = ("unified", "color-transfer", "retouch", "illuminant", "daylight")
SAMPLES = 24  # values of each result that are stored as they are
KERNELS = ("native", "torch")


@cache
def photos():
    """Four photos of 192x256 with soft-edged masks, smooth but for some texture; made here."""
    numbers = torch.Generator().manual_seed(20)
    coarse = torch.rand(4, 3, 6, 8, generator=numbers)
    texture = torch.rand(4, 3, 192, 256, generator=numbers)
    real = F.interpolate(coarse, (192, 256), mode="bicubic").clamp(0, 1) * 0.9 + texture * 0.1
    shape = torch.rand(4, 1, 4, 5, generator=numbers)
    mask = ((F.interpolate(shape, (192, 256), mode="bilinear") - 0.5) * 8).clamp(0, 1)
    return real, mask


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def results_of_checkpoint(name):
    """Everything that an augmenter decides and recolours, by what was asked."""
    real, mask = photos()
    augment = harmaug.SycoNetAugment.from_pretrained(name)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)
    empty = mask.clone()
    empty[1] = 0
    yield "luts", augment.sample(real, mask, 4, generator=generator())
    yield "one photo", augment.augment(real[0], mask[0], 8, generator=generator(1))
    if name != "unified":  # the code is the same, only the weights differ
        return
    yield "composites", augment.augment(real, mask, 2, generator=generator(2))
    yield "empty mask", augment.augment(real, empty, 2, generator=generator(3))
    yield "strength", augment.augment(real, mask, 2, generator=generator(4), strength=0.5)
    yield "candidates", augment.augment(real, mask, 2, generator=generator(5), candidates=6)
    for space, stored in (("pm1", real * 2 - 1), ("imagenet", (real - mean) / std)):
        yield space, augment(stored, mask, space=space, generator=generator(6))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        yield str(dtype), augment(real.to(dtype), mask, generator=generator(7)).double()
    known = augment(real[:1], mask[:1], generator=generator(8))
    yield "encoded", augment.encode(real[:1], mask[:1], known)
    yield "hard mask", augment(real, mask > 0.5, generator=generator(9))


def results_of_adapters():
    """What the adapters make of batches and samples, with and without a seed."""
    real, mask = photos()
    augment = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields(
        composite="comp",
        real="real",
        mask="mask",
        space="pm1",
        views=[("half", "real_half", "mask_half")],
    )
    stored, half = real * 2 - 1, real[:, :, ::2, ::2] * 2 - 1
    batch = {"comp": stored, "real": stored, "mask": mask}
    batch |= {"half": half, "real_half": half, "mask_half": mask[:, :, ::2, ::2]}
    for mode in ("replace", "append", "interleave"):
        for seed in (None, 3):
            torch.manual_seed(11)
            loader = harmaug.AugmentedLoader([batch] * 2, augment, fields, 0.6, mode, seed=seed)
            made = [made for made in loader for made in (made["comp"], made["half"])]
            yield f"loader {mode} {seed}", torch.cat([part.flatten() for part in made])
    torch.manual_seed(12)
    collate = harmaug.AugmentCollate(augment, fields, p=0.5)
    samples = [{key: value[row] for key, value in batch.items()} for row in range(4)]
    yield "collate", collate(samples)["comp"]
    torch.manual_seed(13)
    transform = harmaug.SampleTransform(augment, composite="image", real="real", mask="mask")
    pixels = (real[2].permute(1, 2, 0) * 255).round().byte().numpy()
    sample = {"real": pixels, "mask": mask[2, 0].numpy()}
    yield "sample", torch.from_numpy(transform(sample)["image"]).float()


def results_of_recipes():
    """Composites of the hand-made recipes."""
    from harmaug import recipes

    real, mask = photos()
    numbers = generator(14)
    looks = recipes_looks(numbers)
    near = torch.zeros(5, 3, 11)
    near[:, torch.arange(3), torch.arange(3)] = 1 + 0.2 * torch.rand(5, 3, generator=numbers)
    balance = torch.zeros(5, 9, 3)
    balance[:, torch.arange(3), torch.arange(3)] = 1 + 0.2 * torch.rand(5, 3, generator=numbers)
    made: dict[str, recipes.Recipe] = {
        "random filters": recipes.RandomFilters(),
        "color transfer": recipes.ColorTransfer(),
        "retouch": recipes.Retouch(looks, balance),
        "illuminant": recipes.Illuminant(near, near.flip(0)),
    }
    for name, recipe in made.items():
        yield name, recipe(real, mask, generator(15))


def recipes_looks(numbers):
    bends = 0.1 * torch.randn(4, 3, 3, 3, 3, generator=numbers)
    return harmaug.identity_lut(9) + harmaug.resize_lut(bends, 9)


def results():
    for name in CHECKPOINTS:
        for asked, value in results_of_checkpoint(name):
            yield f"{name}: {asked}", value
    yield from results_of_adapters()
    yield from results_of_recipes()


def digest(value):
    return hashlib.sha256(value.contiguous().numpy().tobytes()).hexdigest()[:16]


def samples(value):
    flat = value.flatten().double().numpy()
    places = np.linspace(0, len(flat) - 1, SAMPLES).astype(int)
    return [float(f"{v:.6g}") for v in flat[places]]


def probe():
    """The bits of products, functions and resized photos as nets compute them here."""
    numbers = generator(99)
    found = []
    for rows in (1, 3, 4, 16, 32):
        for inputs, outputs in ((20, 64), (73, 64), (64, 64), (93, 256), (256, 256), (32, 14739)):
            left, right = (torch.randn(n, inputs, generator=numbers) for n in (rows, outputs))
            found.append(F.linear(left, right, right[:, 0]).flatten())
    values = torch.cat(found).clamp(-3, 3)
    done = (values.tanh(), values.exp(), F.silu(values), values.abs().pow(2.4), values.erf())
    inputs = torch.cat(photos(), 1)
    resized = F.interpolate(inputs, (64, 64), mode="bilinear", antialias=True)
    return digest(torch.cat([values, *done, inputs.flatten(), resized.flatten()]))


def measure():
    """Hashes and samples in this process, under its own kernel."""
    torch.set_num_threads(1)
    return {
        "probe": probe(),
        "results": {name: [digest(value), samples(value)] for name, value in results()},
    }


def run(kernel):
    """`measure` in a process of its own, for the kernel is chosen once a process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("HARMAUG_SIMD", None)
    if kernel == "torch":
        environment["HARMAUG_SIMD"] = "none"
    command = [sys.executable, __file__, "--print"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kernel", ["native", pytest.param("torch", marks=pytest.mark.slow)])
def test_draws_keep_their_bits(kernel):
    if kernel == "native" and not native.available():
        pytest.skip("the native kernel is not built here")
    stored, found = json.loads(STORED.read_text())[kernel], run(kernel)
    assert found["results"].keys() == stored["results"].keys()
    same_machine = found["probe"] == stored["probe"]
    for name, (hashed, values) in stored["results"].items():
        if same_machine:
            assert found["results"][name][0] == hashed, name
        scale = 0.02 if "encoded" in name else 2e-3  # half precision; refined by descent
        np.testing.assert_allclose(found["results"][name][1], values, atol=scale, err_msg=name)


def test_this_test_can_fail():
    value = torch.rand(100, generator=generator())
    other = value.clone()
    other[50] = torch.nextafter(other[50], torch.tensor(2.0))
    assert digest(value) != digest(other)


if __name__ == "__main__":
    if "--print" in sys.argv:
        print(json.dumps(measure()))
    else:
        STORED.write_text(json.dumps({kernel: run(kernel) for kernel in KERNELS}, indent=0) + "\n")
