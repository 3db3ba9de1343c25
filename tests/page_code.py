"""Code and commands in Markdown pages, and what a reader has beside them: photos, loaders."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch.utils.data import DataLoader

import harmaug
from harmaug.cli import _parser
from harmaug.inputs import Space

DEMO = Path(harmaug.__file__).parent / "data" / "photos"
CHEAP = {"demo", "augment", "luts", "info"}  # what needs no data is not parsed alone but run
OPTIONAL = ("albumentations", "cv2", "lightning", "ray", "torchdata", "torchvision")
SHELLS = ("bash", "sh", "shell", "console")


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


def without_comments(text: str) -> str:
    """Return a page without its comments, every line still in its place."""
    comment = re.compile("<!--.*?-->", re.S)
    return comment.sub(lambda found: "\n" * found[0].count("\n"), text)


def blocks(text: str, *languages: str) -> list[Block]:
    """Return the fenced blocks of these languages."""
    fence = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.M | re.S)
    found = (
        Block(block[1], text.count("\n", 0, block.start()) + 1, textwrap.dedent(block[2]))
        for block in fence.finditer(text)
    )
    return [block for block in found if block.language in languages]


def commands(pages: dict[str, str]) -> list[Command]:
    """Return each ``harmaug ...`` of the shell blocks once, by name or as ``python -m harmaug``."""
    found: dict[str, Command] = {}
    for page, text in pages.items():
        for block in blocks(text, *SHELLS):
            for words in _simple_commands(block.code):
                before, after = words, None
                if "harmaug" in words:
                    at = words.index("harmaug")
                    before, after = words[:at], words[at + 1 :]
                settings = all("=" in word for word in before)
                if after is not None and (settings or before[-1] == "-m"):
                    command = Command(after, f"{page}, line {block.line}")
                    found.setdefault(str(command), command)
    return list(found.values())


def parse(command: Command) -> tuple[argparse.Namespace | None, str]:
    """Return options as `main` gets them, None where it would stop; and what stderr was told."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            return _parser().parse_args(command.arguments), ""
        except SystemExit:  # an error, or --help and the like, which print and stop
            return None, said.getvalue()


def made(found: Iterable[Command], *kinds: str) -> set[Path]:
    """Return what commands of these kinds (of any, if none is given) write to."""
    chosen = [command for command in found if not kinds or command.arguments[0] in kinds]
    outputs = (getattr(parse(one)[0], "output", None) for one in chosen)
    return {Path(output) for output in outputs if output is not None}


def saved(pages: Iterable[str]) -> set[Path]:
    """Return what Python blocks of these pages save checkpoints to."""
    code = (block.code for page in pages for block in blocks(page, "python"))
    return {Path(name) for text in code for name in re.findall(r'save_pretrained\("(.+?)"\)', text)}


def named_checkpoints(command: Command) -> list[str]:
    """Return the checkpoints that a command reads."""
    options = vars(parse(command)[0] or argparse.Namespace())
    named = [options.get(name) for name in ("init", "basis")]
    several = (options.get(name) or [] for name in ("checkpoint", "against"))
    named += [name for names in several for name in ([names] if isinstance(names, str) else names)]
    return [str(name) for name in named if name]


def furnish(found: Iterable[Command]) -> None:
    """Put into this folder a photo, its mask, and a checkpoint wherever a command makes one."""
    copy_demo(Path("photo.jpg"), Path("mask.png"))
    stand_in = harmaug.SycoNetAugment.from_pretrained("unified")
    for path in made(found, "train", "convert"):
        path.parent.mkdir(parents=True, exist_ok=True)
        stand_in.save_pretrained(path)


def copy_demo(photo: Path, mask: Path) -> None:
    """Write a packaged photo and its mask to these files."""
    for source, target in (("rocket.jpg", photo), ("rocket_mask.png", mask)):
        with Image.open(DEMO / source) as image:
            target.parent.mkdir(parents=True, exist_ok=True)
            image.save(target)


def given_names() -> dict[str, Any]:
    """Return what pages take as given: a batch, datasets, loaders, a host's trainer."""
    torch.manual_seed(0)
    real, mask = torch.rand(4, 3, 64, 64), (torch.rand(4, 1, 64, 64) > 0.5).float()
    dataset = [
        {"comp": r * 0.7, "real": r, "mask": m, "img_path": "HCOCO/composite_images/c1_1_1.jpg"}
        for r, m in zip(real, mask, strict=True)
    ]
    encode = Space.of("imagenet").encode
    issam = [
        {
            "images": encode(pair["comp"]),
            "masks": pair["mask"],
            "target_images": encode(pair["real"]),
        }
        for pair in dataset
    ]
    clips = [
        {key: pair[key].expand(5, -1, -1, -1) for key in ("comp", "real", "mask")}
        for pair in dataset
    ]
    return {
        "real": real,
        "mask": mask,
        "composite": real * 0.7 * mask + real * (1 - mask),
        "dataset": dataset,
        "photos": [{"real": pair["real"], "mask": pair["mask"]} for pair in dataset],
        "loader": DataLoader(dataset, 2),  # type: ignore[arg-type]
        "samples": dataset,
        "clip_loader": DataLoader(clips, 2),  # type: ignore[arg-type]
        "clips": torch.stack([clip["real"] for clip in clips]),
        "masks": torch.stack([clip["mask"] for clip in clips]),
        "trainer": SimpleNamespace(train_data=DataLoader(issam, 2)),  # type: ignore[arg-type]
    }


def run_blocks(page: str, text: str) -> None:
    """Run the Python blocks of a page one after the other; iterate each loader that they make."""
    names = given_names()
    used = _loaders(names)
    for block in blocks(text, "python", "py"):
        # The empty lines make tracebacks show the page's own lines.
        code = compile("\n" * block.line + block.code, page, "exec")
        try:
            exec(code, names)
            for key, loader in _loaders(names).items():
                if key not in used:
                    assert list(loader), "the loader that it makes is empty"
                    used[key] = loader
        except Exception as error:
            if not _lacks_a_library(block, error):
                raise AssertionError(
                    f"{page}, python block at line {block.line}: {error!r}\n\n{block.code}"
                ) from error


def first_cells(text: str, heading: str) -> set[str]:
    """Return names in code spans in the first column of the table headed by this column."""
    table = re.search(rf"^\| *{heading} *\|.*\n\|[ :|-]*\n((?:\|.*\n?)+)", text, re.M)
    assert table, f"no table has the column {heading!r} first."
    return {
        name for row in table[1].splitlines() for name in re.findall("`(.+?)`", row.split("|")[1])
    }


def _simple_commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell script; operators stand between commands."""
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


def _loaders(names: dict[str, Any]) -> dict[int, Any]:
    values = (*names.values(), getattr(names["trainer"], "train_data", None))
    kinds = (DataLoader, harmaug.AugmentedLoader)
    return {id(value): value for value in values if isinstance(value, kinds)}


def _lacks_a_library(block: Block, error: Exception) -> bool:
    return isinstance(error, ImportError) and any(
        re.search(rf"\b{name}\b", block.code) and importlib.util.find_spec(name) is None
        for name in OPTIONAL
    )
