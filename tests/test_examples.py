"""Every example runs as a user runs it, offline, on the packaged photos."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import sys
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "albumentations_pipeline.py": "albumentations",
    "lightning_hook.py": "lightning",
    "torchvision_pipeline.py": "torchvision",
}
LIBRARIES = {"photos.py", "layouts.py", "colour_map.py", "dense.py", "fit.py", "geometry.py"}
QUICK = {"plain_loop.py", "wrapped_loader.py"}
SERVERS = {"app.py"}  # run until they are stopped


def _scripts() -> list[object]:
    found = (path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py"))
    scripts = sorted(name for name in found if Path(name).name not in LIBRARIES | SERVERS)
    return [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in scripts
    ]


def _run(script: Path, folder: Path, output: Path) -> None:
    """Run a script as ``python`` does, in a process that has imported harmaug already."""
    torch.set_num_threads(1)
    for stream, name in ((1, "printed"), (2, "errors")):
        with (output / name).open("w") as file:
            os.dup2(file.fileno(), stream)
    os.chdir(folder)
    sys.argv, sys.path[0] = [str(script)], str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    """Processes that start at once, where the system can fork."""
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    context = get_context(method)
    context.set_forkserver_preload(["harmaug.recipes", "harmaug.adapters"])
    return context


@pytest.mark.parametrize("name", _scripts())
def test_example_runs(
    name: str, processes: BaseContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        importlib.import_module(NEEDS.get(name, "harmaug"))
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision for another torch
        pytest.skip(f"{NEEDS[name]} does not import: {error}")
    folder = tmp_path / "any folder"
    folder.mkdir()
    process = processes.Process(target=_run, args=(EXAMPLES / name, folder, tmp_path))  # type: ignore[attr-defined]
    process.start()
    process.join(240)
    process.kill()
    assert process.exitcode == 0, (tmp_path / "errors").read_text()
    assert (tmp_path / "printed").read_text(), "it prints nothing"
    assert not list(folder.iterdir()), "it leaves files behind"


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
