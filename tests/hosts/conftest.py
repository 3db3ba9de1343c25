"""The option that says where checkouts of host codebases lie."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--checkouts", help="folder of checkouts: PIH/, RainNet/, DCCF/, ...")
