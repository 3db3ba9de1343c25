"""Every example runs as its user would run it, offline, on the packaged photos."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {"albumentations_pipeline.py": "albumentations", "lightning_hook.py": "lightning"}
LIBRARIES = {"photos.py", "layouts.py", "colour_map.py", "fit.py", "geometry.py"}


def _scripts() -> list[str]:
    found = (path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py"))
    return sorted(name for name in found if Path(name).name not in LIBRARIES)


@pytest.mark.parametrize("name", _scripts())
def test_example_runs(name: str, tmp_path: Path) -> None:
    needed = NEEDS.get(name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    root = str(EXAMPLES.parent)
    paths = [path for path in (root, os.environ.get("PYTHONPATH")) if path]
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,  # nothing may depend on where it is started
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout, "it shows what it did"
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"
