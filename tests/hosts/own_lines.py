"""The lines of examples/hosts as they stand, and sources of hosts with lines added to them."""

from __future__ import annotations

import ast
import importlib.util
import runpy
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from checks import Place

EXAMPLES = Path(__file__).parents[2] / "examples/hosts"


def example(name: str) -> Any:
    """Return a module of examples/hosts, whose lines are tried as they stand."""
    sys.path.append(str(EXAMPLES))
    return Namespace(**runpy.run_path(str(EXAMPLES / f"{name}.py")))


def loader_lines(loader: str, preset: str) -> list[str]:
    """Return the lines of the pages that wrap a loader."""
    return [
        "import harmaug",
        'aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()',
        f'fields = harmaug.Fields.preset("{preset}")',
        f'{loader} = harmaug.AugmentedLoader({loader}, aug, fields, p="auto")',
    ]


def keys(*names: Any) -> tuple[Place, ...]:
    """Return the places of keys at the top of a batch."""
    return tuple((name,) for name in names)


def patched(
    path: str,
    added: Mapping[str, Sequence[str]],
    replaced: Mapping[str, str] | None = None,
    name: str | None = None,
) -> Any:
    """Return a host's module with lines below some of its own; its file is left as it is.

    Args:
        path: the module's file.
        added: for each line of it, by what stands in it once, the lines to add below.
        replaced: for each text that stands in it once, another.
        name: of the module; its file's if not given.
    """
    source = Path(path).read_text("utf-8")
    for below, lines in added.items():
        assert source.count(below) == 1, f"{below!r} is not once in {path}"
        start = source.index(below)
        line = source[source.rindex("\n", 0, start) + 1 :]
        indent = line[: len(line) - len(line.lstrip())]
        at = source.index("\n", start) + 1
        source = source[:at] + "".join(f"{indent}{each}\n" for each in lines) + source[at:]
    for text, other in (replaced or {}).items():
        assert source.count(text) == 1, f"{text!r} is not once in {path}"
        source = source.replace(text, other)
    name = name or Path(path).stem
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    sys.modules[name] = module
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def patched_training(folder: Path, preset: str) -> None:
    """Patch IIH's ``train_net.py``, and those made of it, without their test.

    Args:
        folder: where the shortened module goes.
        preset: of the host.
    """
    first = "def test(cfg):"  # the same line stands in its test
    source = Path("train_net.py").read_text("utf-8")
    training = folder / "train_net.py"
    training.write_text(source[: source.index(first)])
    lines = {"dataset = create_dataset(cfg)  #": loader_lines("dataset", preset)}
    patched(str(training), lines, name="train_net")


def inner_function(path: str, name: str) -> Any:
    """Return a function that a host defines inside another one, with torch at hand."""
    for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            space: dict[str, Any] = {"torch": torch}
            exec(compile(ast.Module([node], []), path, "exec"), space)
            return space[name]
    raise LookupError(f"{path} has no function {name}.")
