"""Checkpoints by packaged name, file, folder or Hub id."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, TypedDict, cast

from harmaug.checkpoints.files import load_checkpoint, read_card
from harmaug.checkpoints.hub import fetch, is_hub_id
from harmaug.nets.lut_net import LutNet

_PACKAGED = Path(__file__).parent / "weights"


class CheckpointInfo(TypedDict):
    """Facts about a packaged checkpoint; None where its card states none."""

    size: int  # of the weights file, in bytes
    sha256: str  # of the weights file
    architecture: str  # "lite" or "syconet"
    trained_on: dict[str, int] | None  # data sets and their numbers of photos
    licence: str | None
    figures: dict[str, Any] | None  # measured on pairs that were held out


def list_checkpoints() -> dict[str, CheckpointInfo]:
    """Return the packaged checkpoints by name, with size, sha256, net, data, licence, figures."""
    cards = {name: read_card(find_checkpoint(name)) for name in _packaged_names()}
    shown = CheckpointInfo.__annotations__
    return {
        name: cast("CheckpointInfo", {key: card.get(key) for key in shown})
        for name, card in cards.items()
    }


def open_checkpoint(name: str | os.PathLike[str]) -> tuple[LutNet, dict[str, Any]]:
    """Return the net, in eval, and the card of a packaged name, file, folder or Hub id."""
    return load_checkpoint(find_checkpoint(name))


def find_checkpoint(name: str | os.PathLike[str]) -> Path:
    """Return the weights of a packaged name, file, folder or Hub id; raise if there is none."""
    packaged = _packaged_names()
    if isinstance(name, str) and name in packaged:
        return _PACKAGED / f"{name}.safetensors"
    path = Path(name)
    if path.is_dir():
        if (path / "model.safetensors").is_file():
            return path / "model.safetensors"
        found = sorted(path.glob("*.safetensors"))
        if len(found) == 1:
            return found[0]
        several = "several .safetensors files" if found else "no .safetensors file"
        raise ValueError(f"the folder {path} holds {several}; name the checkpoint file itself.")
    if path.suffix == ".safetensors" and path.is_file():
        return path
    if isinstance(name, str) and is_hub_id(name):
        return fetch(name)
    close = difflib.get_close_matches(str(name), packaged, 1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(
        f"unknown checkpoint {str(name)!r}{hint}: neither a packaged one "
        f"({', '.join(packaged) or 'none'}) nor a .safetensors file or folder that exists."
    )


def _packaged_names() -> list[str]:
    return sorted(path.stem for path in _PACKAGED.glob("*.safetensors"))
