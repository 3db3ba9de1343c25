"""Settings that must stand before any test module imports its libraries."""

import os

import pytest
import torch

# The tests run in two processes, whose threads would wait for each other; and trainings here are
# compared bit for bit with those of processes that have one thread.
torch.set_num_threads(1)

# Triton settles at its first import whether kernels run on a GPU or in its interpreter.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip slow tests unless they are asked for: all of them, or one by its name."""
    if config.getoption("--slow") or any("::" in argument for argument in config.args):
        return
    skip = pytest.mark.skip(reason="slow: pytest --slow")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run in two processes where pytest-xdist is there and nothing else was asked for."""
    options = config.option
    worker = "PYTEST_XDIST_WORKER" in os.environ
    alone = worker or options.usepdb or options.collectonly
    if not alone and getattr(options, "numprocesses", 0) is None:
        options.numprocesses, options.dist = 2, "loadfile"
