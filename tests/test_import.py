"""The import of harmaug stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    *("kornia", "kornia_rs", "albumentations", "torchvision", "triton", "lightning"),
    *("lightning_fabric", "torchmetrics", "tensorboard", "matplotlib", "skimage", "scipy"),
    *("cv2", "pandas", "ray", "tqdm", "huggingface_hub", "pytest", "hypothesis"),
}


def loaded(*statements):
    """Top-level modules that the statements load beyond what torch has loaded before them."""
    script = "; ".join(
        (
            "import sys, torch",
            "before = {name.partition('.')[0] for name in sys.modules}",
            *statements,
            "print(*{name.partition('.')[0] for name in sys.modules} - before)",
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    modules = loaded("import harmaug")
    assert "harmaug" in modules
    assert not modules & HEAVY


@pytest.mark.slow
def test_this_test_can_fail():
    assert "kornia" in loaded("import harmaug", "import kornia") & HEAVY


def test_import_neither_draws_nor_changes_settings_nor_warns():
    script = (
        "import torch; state = torch.get_rng_state(); threads = torch.get_num_threads(); "
        "import harmaug; assert torch.equal(torch.get_rng_state(), state); "
        "assert torch.get_num_threads() == threads; "
        "assert torch.get_default_dtype() == torch.float32"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error:::harmaug", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_public_name_is_there():
    import harmaug

    assert sorted(harmaug.__all__) == harmaug.__all__
    for name in harmaug.__all__:
        assert getattr(harmaug, name).__doc__


@pytest.mark.parametrize("name", ["SycoNetAugment", "AugmentedLoader", "list_checkpoints"])
def test_star_import_gives_the_public_names(name):
    space: dict[str, object] = {}
    exec("from harmaug import *", space)
    assert name in space
    assert "torch" not in space
