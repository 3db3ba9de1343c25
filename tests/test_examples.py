"""Every example runs as a user runs it, offline, on the packaged photos."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "albumentations_pipeline.py": "albumentations",
    "lightning_hook.py": "lightning",
    "torchvision_pipeline.py": "torchvision",
}
LIBRARIES = {"photos.py", "layouts.py", "colour_map.py", "fit.py", "geometry.py"}
SERVERS = {"app.py"}  # run until they are stopped


def _scripts() -> list[str]:
    found = (path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py"))
    return sorted(name for name in found if Path(name).name not in LIBRARIES | SERVERS)


@pytest.mark.parametrize("name", _scripts())
def test_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        importlib.import_module(NEEDS.get(name, "harmaug"))
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision for another torch
        pytest.skip(f"{NEEDS[name]} does not import: {error}")
    root = str(EXAMPLES.parent)
    paths = [path for path in (root, os.environ.get("PYTHONPATH")) if path]
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,  # any folder must do
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout, "it prints nothing"
    assert not list(tmp_path.iterdir()), "it leaves files behind"


def test_notebook_runs_without_network_and_is_stored_without_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((EXAMPLES / "quickstart.ipynb").read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    names: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        # A line that only notebooks know installs the package where it is missing.
        source = re.sub(
            r"^( *)%.*$", r"\1raise AssertionError", "".join(cell["source"]), flags=re.M
        )
        exec(compile(source, cell["id"], "exec"), names)
    assert {"show", "wrapped"} <= names.keys()
