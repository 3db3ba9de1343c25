"""Imports go only downwards through the floors of the package, and never in a circle."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import harmaug

FLOORS = [
    {"io", "inputs"},
    {"lut"},
    {"nets", "recipes", "data"},
    {"checkpoints"},
    {"augment"},
    {"adapters", "generation", "training", "evaluation"},
    {"cli"},
    {"__init__", "__main__"},
]


def modules(root):
    """Dotted name below the package -> file; "lut" is lut/__init__.py, "lut.ops" is lut/ops.py."""
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)] = path
    return found


def imports(path, known):
    """Modules of the package that a file imports anywhere, functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{path}:{node.lineno} imports relatively")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package != "harmaug":
                continue
            while rest and ".".join(rest) not in known:
                rest.pop()  # a name within a module
            yield ".".join(rest) or "__init__"


def faults(root):
    """One sentence for each import that a reader would have to climb stairs for."""
    known = modules(root)
    floor = {unit: number for number, units in enumerate(FLOORS) for unit in units}
    graph, found = {}, []
    for name, path in known.items():
        unit = name.partition(".")[0]
        if unit not in floor:
            found.append(f"{name} has no floor")
            continue
        graph[name] = set(imports(path, known)) - {name}
        for target in graph[name]:
            if floor.get(target.partition(".")[0], -1) > floor[unit]:
                found.append(f"{name} imports {target} above it")
    units: dict[str, set[str]] = {}
    for name, targets in graph.items():
        unit = name.partition(".")[0]
        units.setdefault(unit, set()).update(t.partition(".")[0] for t in targets)
        units[unit].discard(unit)
    for level in (graph, units):
        try:
            graphlib.TopologicalSorter(level).prepare()
        except graphlib.CycleError as error:
            found.append(f"circle: {' -> '.join(error.args[1])}")
    return found


def test_imports_go_downwards_and_never_in_a_circle():
    assert faults(Path(harmaug.__file__).parent) == []


def test_every_floor_exists():
    known = {name.partition(".")[0] for name in modules(Path(harmaug.__file__).parent)}
    assert known >= set().union(*FLOORS) - {"__main__"}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"lut/ops.py": "from harmaug.nets import LutNet"}, "lut.ops imports nets above it"),
        ({"lut/ops.py": "import harmaug.nets.lite"}, "lut.ops imports nets.lite above it"),
        (
            {"lut/ops.py": "import torch\ndef f():\n    from harmaug import augment"},
            "augment above",
        ),
        ({"nets/lite.py": "from harmaug import SycoNetAugment"}, "imports __init__ above it"),
        (
            {"data/a.py": "import harmaug.adapters", "adapters/b.py": "import harmaug.data"},
            "circle",
        ),
        ({"lut/a.py": "from harmaug.lut import b", "lut/b.py": "import harmaug.lut.a"}, "circle"),
        ({"helpers.py": "import torch"}, "helpers has no floor"),
    ],
)
def test_this_test_can_fail(tmp_path, files, fault):
    for unit in ("lut", "nets", "data", "adapters"):
        (tmp_path / unit).mkdir()
        (tmp_path / unit / "__init__.py").touch()
    for name in ("__init__.py", "augment.py", "nets/lite.py"):
        (tmp_path / name).touch()
    assert faults(tmp_path) == []
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert fault in " ".join(faults(tmp_path))
