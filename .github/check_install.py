"""Check an installed harmaug: the compiled kernel serves, and makes composites.

Run it outside of the checkout, so that the installed package is imported.
"""

import tempfile
from pathlib import Path

import torch

import harmaug
from harmaug.cli import main

kernel = harmaug.backends()["cpu"]
print(f"harmaug {harmaug.__version__} in {Path(harmaug.__file__).parent}, kernel {kernel}")
assert kernel.startswith("native"), "the C kernel is missing"

image, lut = torch.rand(1, 3, 32, 48), harmaug.identity_lut(9)
assert torch.allclose(harmaug.apply_lut(image, lut), image, atol=1e-5)
with tempfile.TemporaryDirectory() as folder:
    assert main(["demo", "-n", "1", "-o", folder]) == 0
    assert (Path(folder) / "sheet.png").exists()
