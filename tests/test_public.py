"""The public names and signatures, so that a change of one is seen and meant.

``python tests/test_public.py`` writes ``public.txt`` anew, after a change that the changelog names.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import harmaug
from harmaug import lut, recipes
from harmaug.evaluation import metrics

STORED = Path(__file__).with_name("public.txt")


def members(name: str, value: object) -> list[str]:
    """Lines on a public object: its signature, and those of a class's public methods."""
    if inspect.isclass(value):
        if getattr(value, "_is_protocol", False):
            return [name]
        found = [f"{name}{inspect.signature(value)}"]
        own = [base for base in reversed(value.__mro__) if base.__module__.startswith("harmaug")]
        everything = {method: each for base in own for method, each in vars(base).items()}
        for method, each in sorted(everything.items()):
            if method.startswith("_"):
                continue
            if isinstance(each, property):
                found.append(f"{name}.{method}")
            elif callable(each) or isinstance(each, (classmethod, staticmethod)):
                found.append(f"{name}.{method}{inspect.signature(getattr(value, method))}")
        return found
    if callable(value):
        return [f"{name}{inspect.signature(value)}"]
    return []


def surface() -> list[str]:
    """Every public name with its signature, one a line."""
    lines = [f"version {harmaug.__version__}"]
    for name in harmaug.__all__:
        lines += members(name, getattr(harmaug, name))
    for module in (lut, recipes, metrics):
        short = module.__name__.rpartition(".")[2]
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        for name in sorted(names):
            if not name.startswith("_"):
                lines += members(f"{short}.{name}", getattr(module, name))
    lines = [re.sub(r" at 0x[0-9a-f]+", "", line) for line in lines]  # of functions as defaults
    return [re.sub(r"ForwardRef\(('\w+')[^)]*\)", r"\1", line) for line in lines]  # of tuples


def test_public_names_and_signatures_are_the_stored_ones() -> None:
    assert surface() == STORED.read_text(encoding="utf-8").splitlines()


def test_design_names_are_there() -> None:
    for name in (
        "SycoNetAugment", "AugmentedLoader", "AugmentCollate", "SampleTransform", "Fields",
        "apply_lut", "composite_lut", "mix_luts", "identity_lut", "read_cube", "write_cube",
        "read_hald", "write_hald", "backends", "list_checkpoints", "recipes", "metrics", "train",
        "generate", "evaluate_augmenter", "evaluate_harmonizer", "__version__",
    ):  # fmt: skip
        assert hasattr(harmaug, name), name
        assert name in dir(harmaug), name


if __name__ == "__main__":
    STORED.write_text("\n".join(surface()) + "\n", encoding="utf-8")
