"""README.md says what is so: its code runs, its commands are taken, what it names is there."""

from __future__ import annotations

import argparse
import configparser
import contextlib
import importlib.util
import io
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import harmaug
from harmaug.cli import _parser, main
from harmaug.inputs import Space

README = Path(__file__).parents[1] / "README.md"
ROOT = README.parent
DEMO = Path(harmaug.__file__).parent / "data" / "photos"
CHEAP = {"demo", "augment", "luts", "info"}  # what needs no data is not parsed alone but run
OPTIONAL = ("albumentations", "cv2", "lightning", "ray", "torchvision")

if not README.exists():
    pytest.skip("there is no README.md beside tests/", allow_module_level=True)


class Block(NamedTuple):
    """A fenced block of code; ``line`` is that of its fence."""

    language: str
    line: int
    code: str


class Command(NamedTuple):
    """What follows ``harmaug`` on a command line, and the block's place."""

    arguments: list[str]
    place: str

    def __str__(self) -> str:
        return shlex.join(["harmaug", *self.arguments])


def _text() -> str:
    """README without its comments, every line still in its place."""
    comment = re.compile("<!--.*?-->", re.S)
    return comment.sub(lambda found: "\n" * found[0].count("\n"), README.read_text("utf-8"))


def _blocks(*languages: str) -> list[Block]:
    fence = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.M | re.S)
    blocks = (
        Block(found[1], TEXT.count("\n", 0, found.start()) + 1, textwrap.dedent(found[2]))
        for found in fence.finditer(TEXT)
    )
    return [block for block in blocks if block.language in languages]


def _simple_commands(code: str) -> Iterator[list[str]]:
    """The words of each command of a shell script; operators stand between commands."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("();<>|&"):
                yield words
                words = []
            else:
                words.append(word)
        yield words


def _commands() -> list[Command]:
    """Each ``harmaug ...`` of the shell blocks once, by that name or as ``python -m harmaug``."""
    found: dict[str, Command] = {}
    for block in _blocks("bash", "sh", "shell", "console"):
        for words in _simple_commands(block.code):
            before, after = words, None
            if "harmaug" in words:
                at = words.index("harmaug")
                before, after = words[:at], words[at + 1 :]
            settings = all("=" in word for word in before)
            if after is not None and (settings or before[-1] == "-m"):
                command = Command(after, f"README.md, line {block.line}")
                found.setdefault(str(command), command)
    return list(found.values())


TEXT = _text()
COMMANDS = _commands()


def _parse(command: Command) -> tuple[argparse.Namespace | None, str]:
    """Options as `main` gets them, None where it would stop; and what was said on stderr."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            return _parser().parse_args(command.arguments), ""
        except SystemExit:  # an error, or --help and the like, which print and stop
            return None, said.getvalue()


def _made(*kinds: str) -> set[Path]:
    """What commands of these kinds (of any, if none is given) write to."""
    chosen = [command for command in COMMANDS if not kinds or command.arguments[0] in kinds]
    parsed = (_parse(command)[0] for command in chosen)
    outputs = (getattr(one, "output", None) for one in parsed)
    return {Path(output) for output in outputs if output is not None}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A user's folder: a photo, its mask, and a checkpoint wherever a command makes one."""
    monkeypatch.chdir(tmp_path)
    _copy_demo(Path("photo.jpg"), Path("mask.png"))
    stand_in = harmaug.SycoNetAugment.from_pretrained("unified")
    for path in _made("train", "convert"):
        path.parent.mkdir(parents=True, exist_ok=True)
        stand_in.save_pretrained(path)
    return tmp_path


def _copy_demo(photo: Path, mask: Path) -> None:
    for source, target in (("rocket.jpg", photo), ("rocket_mask.png", mask)):
        with Image.open(DEMO / source) as image:
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target)


def _names() -> dict[str, Any]:
    """What README's code takes as given: a batch, datasets, a loader, a host's trainer."""
    torch.manual_seed(0)
    real, mask = torch.rand(4, 3, 64, 64), (torch.rand(4, 1, 64, 64) > 0.5).float()
    dataset = [{"comp": r * 0.7, "real": r, "mask": m} for r, m in zip(real, mask, strict=True)]
    photos = [{"real": pair["real"], "mask": pair["mask"]} for pair in dataset]
    encode = Space.of("imagenet").encode
    issam = [
        {
            "images": encode(pair["comp"]),
            "masks": pair["mask"],
            "target_images": encode(pair["real"]),
        }
        for pair in dataset
    ]
    return {
        "torch": torch,
        "real": real,
        "mask": mask,
        "dataset": dataset,
        "photos": photos,
        "pairs": DataLoader(dataset, 2),  # type: ignore[arg-type]
        "trainer": SimpleNamespace(train_data=DataLoader(issam, 2)),  # type: ignore[arg-type]
    }


def _loaders(names: dict[str, Any]) -> dict[int, Any]:
    values = (*names.values(), getattr(names["trainer"], "train_data", None))
    kinds = (DataLoader, harmaug.AugmentedLoader)
    return {id(value): value for value in values if isinstance(value, kinds)}


def _lacks_a_library(block: Block, error: Exception) -> bool:
    return isinstance(error, ImportError) and any(
        re.search(rf"\b{name}\b", block.code) and importlib.util.find_spec(name) is None
        for name in OPTIONAL
    )


def test_python_blocks_run_one_after_the_other(workplace):
    names = _names()
    used = _loaders(names)
    for block in _blocks("python", "py"):
        # The empty lines make tracebacks show README's own lines.
        code = compile("\n" * block.line + block.code, str(README), "exec")
        try:
            exec(code, names)
            for key, loader in _loaders(names).items():
                if key not in used:
                    assert list(loader), "the loader that it makes is empty"
                    used[key] = loader
        except Exception as error:
            if not _lacks_a_library(block, error):
                raise AssertionError(
                    f"README.md, python block at line {block.line}: {error!r}\n\n{block.code}"
                ) from error


def test_readme_has_code_to_run():
    assert _blocks("python", "py")
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_is_taken(command):
    _, error = _parse(command)
    assert not error, f"{command.place}: {command}\n{error}"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command_names_checkpoints_that_exist_or_are_made(command):
    options = vars(_parse(command)[0] or argparse.Namespace())
    named = [options.get(name) for name in ("init", "basis")]
    several = (options.get(name) or [] for name in ("checkpoint", "against"))
    named += [name for names in several for name in ([names] if isinstance(names, str) else names)]
    for name in filter(None, named):
        known = name in harmaug.list_checkpoints() or Path(name) in _made()
        assert known, f"{command.place}: {command}\n{name} is neither packaged nor made."


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if command.arguments and command.arguments[0] in CHEAP],
    ids=str,
)
def test_command_runs(command, workplace, capsys):
    options, _ = _parse(command)
    if options is None:
        pytest.skip("it is not taken, or only prints")
    if command.arguments[0] == "augment":
        _copy_demo(options.real, options.mask)
    assert main(command.arguments) == 0, f"{command.place}: {command}\n{capsys.readouterr().err}"
    if "output" in options:
        assert list(options.output.iterdir()), f"{command.place}: {command} wrote nothing."


def test_every_command_of_the_help_is_mentioned(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z][a-z-]+)\b", capsys.readouterr().out, re.M)
    assert "augment" in listed
    assert [name for name in listed if f"harmaug {name}" not in TEXT] == []


def _first_cells(heading: str) -> set[str]:
    """Names in code spans in the first column of the table whose first column has this heading."""
    table = re.search(rf"^\| *{heading} *\|.*\n\|[ :|-]*\n((?:\|.*\n?)+)", TEXT, re.M)
    assert table, f"README.md has no table with the column {heading!r} first."
    return {
        name for row in table[1].splitlines() for name in re.findall("`(.+?)`", row.split("|")[1])
    }


def test_table_of_presets_names_each_and_no_other():
    assert _first_cells("preset") == set(harmaug.Fields.presets())


def test_packaged_checkpoints_are_named():
    assert [name for name in harmaug.list_checkpoints() if f"`{name}`" not in TEXT] == []


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
