"""The pages of docs/ say what is so: their code runs, and what is made of the code is whole."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import page_code
import pytest
from page_code import CHEAP, Command

import harmaug
from harmaug.augment import FILTERS
from harmaug.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
if not DOCS.exists():
    pytest.skip("there is no docs/ beside tests/", allow_module_level=True)
yaml = pytest.importorskip("yaml")
sys.path.append(str(DOCS / "_ext"))

import checkpoint_pages  # noqa: E402
import command_pages  # noqa: E402
import host_pages  # noqa: E402
import result_tables  # noqa: E402
import situations  # noqa: E402

HOSTS = host_pages.pages()
MADE = {*HOSTS, *command_pages.pages(), "results/benchmarks.md", "results/downstream.md"}
PAGES = {
    path.relative_to(DOCS).as_posix(): page_code.without_comments(path.read_text("utf-8"))
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).as_posix() not in MADE
}
OTHERS = HOSTS | command_pages.pages()
COMMANDS = page_code.commands(PAGES | {name: text for name, text in OTHERS.items()})
OUTPUTS = page_code.made(COMMANDS) | page_code.saved(PAGES.values())
SCREEN = 24  # lines of a first screen


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A user's folder: a photo, its mask, and a checkpoint wherever a command makes one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    page_code.furnish(COMMANDS)
    return tmp_path


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page_code.blocks(PAGES[page], "python")]
)
def test_python_blocks_of_a_page_run_one_after_the_other(page: str, workplace):
    page_code.run_blocks(page, PAGES[page])


@pytest.mark.parametrize("page", [*PAGES, *(name for name in OTHERS if name.endswith(".md"))])
def test_first_screen_of_a_page_shows_code_or_a_picture(page: str):
    text = (PAGES | OTHERS)[page]
    start = "\n".join(text.splitlines()[:SCREEN])
    include = re.match(r"```\{include\} (\S+)", text)  # a page that is another file
    if include:
        start = "\n".join(
            (DOCS / page).parent.joinpath(include[1]).read_text().splitlines()[:SCREEN]
        )
    assert re.search(r"^(```[a-z]|!\[)", start, re.M), f"{page} begins with words alone."


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_is_taken(command: Command):
    _, error = page_code.parse(command)
    assert not error, f"{command.place}: {command}\n{error}"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_names_checkpoints_that_exist_or_are_made(command: Command):
    for name in page_code.named_checkpoints(command):
        packaged = (*harmaug.list_checkpoints(), FILTERS)
        known = name in packaged or Path(name) in OUTPUTS
        assert known, f"{command.place}: {command}\n{name} is neither packaged nor made."


@pytest.mark.parametrize(
    "command",
    [
        command
        for command in COMMANDS
        if command.arguments and command.arguments[0] in CHEAP - {"demo"}
    ],
    ids=str,
)
def test_command_runs(command: Command, workplace, capsys):
    options, _ = page_code.parse(command)
    if options is None:
        pytest.skip("it only prints")
    if command.arguments[0] == "augment":
        page_code.copy_demo(options.real, options.mask)
    assert main(command.arguments) == 0, f"{command.place}: {command}\n{capsys.readouterr().err}"


def test_command_line_page_has_each_command_and_option(capsys):
    (text,) = command_pages.pages().values()
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z][a-z-]+)\b", capsys.readouterr().out, re.M)
    assert "augment" in listed
    for name in listed:
        assert f"\n## harmaug {name}\n" in text
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    for option in re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.M):
        assert option in text


def test_each_preset_has_one_page_and_each_page_its_lines():
    hosts = host_pages.read_hosts()
    named = [name for host in hosts for name in host["presets"]]
    assert sorted(named) == sorted(harmaug.Fields.presets())
    for host in hosts:
        lines = host_pages.added_lines(host)
        ast.parse("\n".join(line for line in lines if "return" not in line))
        assert lines[0] == "import harmaug"
        assert any("from_pretrained" in line for line in lines)
        assert f'"{host["presets"][0]}"' in "\n".join(lines)
        assert host["title"] in HOSTS[f"hosts/{host['page']}.md"].splitlines()[0]


def test_lines_of_pages_stand_where_the_examples_say():
    for host in host_pages.read_hosts():
        example = (host_pages.EXAMPLES / f"{host['example']}.py").read_text("utf-8")
        below = host.get("below", "")
        if below.startswith("#"):
            below = re.sub(r"^# (below|before|at the end of) ", "", below)
        for word in re.findall(r"[A-Za-z_.]{6,}", below):
            if word not in ("trainer", "dataset"):
                assert word in example, f"{host['page']}: {host['example']}.py does not name {word}"


def test_each_checkpoint_has_its_section():
    assert set(checkpoint_pages.IMITATES) == set(harmaug.list_checkpoints())
    text = checkpoint_pages.pages()["checkpoints-cards.txt"]
    assert re.findall(r"^## (.+)$", text, re.M) == list(checkpoint_pages.cards())


def test_tables_of_results_have_rows_of_one_length():
    for rows in (
        result_tables.true_pairs(),
        result_tables.cameras(),
        result_tables.speed(),
        result_tables.cases(),
        result_tables.gpu(),
        situations.situations(),
    ):
        head, *body = rows
        assert body
        assert {len(row) for row in body} == {len(head)}


def test_the_guide_has_eight_rows_and_each_figure_an_interval():
    _, *rows = situations.situations()
    assert len(rows) <= 8
    for *_, gain in rows:
        assert gain.count("[") == len(
            re.findall(r"[+-][\d.]+ (?:% )?\[[+-][\d.]+, [+-][\d.]+\]", gain)
        )
    assert sum(bool(gain) for *_, gain in rows) == len(rows) - 1  # flips and crops


def test_extras_on_the_page_of_installing_are_those_that_exist():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    assert page_code.first_cells(PAGES["install.md"], "extra") == set(
        setup["options.extras_require"]
    )


def test_the_place_of_the_project_is_written_once():
    listed = subprocess.run(
        ["git", "grep", "-lI", "OWNER/"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode > 1:
        pytest.skip(f"this is no checkout: {listed.stderr}")
    assert set(listed.stdout.split()) - {"tests/test_docs.py"} == {"setup.cfg"}
