"""README.md says what is so: its code runs, its commands are taken, what it names is there."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import page_code
import pytest
from page_code import CHEAP, Command

import harmaug
from harmaug.cli import main

README = Path(__file__).parents[1] / "README.md"
ROOT = README.parent
LONGEST = 130  # lines: a reader in a hurry reads one screen or two

if not README.exists():
    pytest.skip("there is no README.md beside tests/", allow_module_level=True)

TEXT = page_code.without_comments(README.read_text("utf-8"))
COMMANDS = page_code.commands({"README.md": TEXT})
OUTPUTS = page_code.made(COMMANDS)


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A user's folder: a photo, its mask, and a checkpoint wherever a command makes one."""
    monkeypatch.chdir(tmp_path)
    page_code.furnish(COMMANDS)
    return tmp_path


def test_readme_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= LONGEST


def test_python_blocks_run_one_after_the_other(workplace):
    page_code.run_blocks("README.md", TEXT)


def test_readme_has_code_to_run():
    assert page_code.blocks(TEXT, "python", "py")
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_is_taken(command: Command):
    _, error = page_code.parse(command)
    assert not error, f"{command.place}: {command}\n{error}"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_names_checkpoints_that_exist_or_are_made(command: Command):
    for name in page_code.named_checkpoints(command):
        known = name in harmaug.list_checkpoints() or Path(name) in OUTPUTS
        assert known, f"{command.place}: {command}\n{name} is neither packaged nor made."


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if command.arguments and command.arguments[0] in CHEAP],
    ids=str,
)
def test_command_runs(command: Command, workplace, capsys):
    options, _ = page_code.parse(command)
    if options is None:
        pytest.skip("it is not taken, or only prints")
    if command.arguments[0] == "augment":
        page_code.copy_demo(options.real, options.mask)
    assert main(command.arguments) == 0, f"{command.place}: {command}\n{capsys.readouterr().err}"
    if "output" in options:
        assert list(options.output.iterdir()), f"{command.place}: {command} wrote nothing."


def test_extras_that_are_named_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    named = {
        extra
        for extras in re.findall(r"(?:\bharmaug|'\.)\[([\w,-]+)\](?!\()", TEXT)
        for extra in extras.split(",")
    }
    assert named <= set(setup["options.extras_require"])


def test_local_links_images_and_files_exist():
    prose = re.sub(r"^ *```.*?^ *```", "", TEXT, flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.M)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    targets = re.findall(r"\]\(([^)\s]+)|\b(?:src|href|srcset)=\"([^\"]+)\"", prose)
    missing = set()
    for target in (inline or attribute for inline, attribute in targets):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        if path and not (ROOT / path).exists():
            missing.add(target)
        if anchor and not path and anchor not in anchors:
            missing.add(target)
    named = re.findall(r"(?<![\w/.-])(?:benchmarks|examples|harmaug|tests)/[\w./*-]*\w", TEXT)
    missing.update(name for name in named if not any(ROOT.glob(name)))
    assert not missing


def test_links_on_a_package_index_are_absolute(monkeypatch):
    monkeypatch.chdir(ROOT)
    source = (ROOT / "setup.py").read_text("utf-8").rpartition("\nsetup(")[0]
    names: dict[str, Any] = {}
    exec(compile(source, "setup.py", "exec"), names)
    text = names["readme"]()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) == len(re.findall(r"\]\(([^)]+)\)", README.read_text("utf-8")))
    assert [link for link in links if not link.startswith("https://")] == []
    assert any(link.endswith("/docs/_static/sheet.jpg") for link in links)
    assert any(link.endswith("/guides/loop.html") for link in links)
