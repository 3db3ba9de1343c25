"""Finding checkpoints: packaged ones by name, others by file, folder or Hub id."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from harmaug.checkpoints.files import load_checkpoint, read_card
from harmaug.checkpoints.hub import fetch, is_hub_id
from harmaug.nets.lut_net import LutNet

_PACKAGED = Path(__file__).parent / "weights"
_SHOWN = ("size", "sha256", "architecture", "trained_on", "licence", "figures")


def list_checkpoints() -> dict[str, dict[str, Any]]:
    """The packaged checkpoints: name -> size in bytes, sha256, net, data, licence, figures."""
    cards = {path.stem: read_card(path) for path in sorted(_PACKAGED.glob("*.safetensors"))}
    return {name: {key: card.get(key) for key in _SHOWN} for name, card in cards.items()}


def open_checkpoint(name: str | os.PathLike[str]) -> tuple[LutNet, dict[str, Any]]:
    """Read a checkpoint by packaged name, ``.safetensors`` file, folder that holds one, or Hub id.

    Returns:
        The net, in eval, and its card.
    """
    return load_checkpoint(find_checkpoint(name))


def find_checkpoint(name: str | os.PathLike[str]) -> Path:
    """The weights file of a packaged name, file, folder or Hub id; raise where there is none."""
    packaged = _PACKAGED / f"{name}.safetensors"
    if isinstance(name, str) and os.path.basename(name) == name and packaged.is_file():
        return packaged
    path = Path(name)
    if path.is_dir():
        if (path / "model.safetensors").is_file():
            return path / "model.safetensors"
        found = sorted(path.glob("*.safetensors"))
        if len(found) == 1:
            return found[0]
        what = "several .safetensors files" if found else "no .safetensors file"
        raise ValueError(f"the folder {path} holds {what}; name the checkpoint file itself.")
    if path.suffix == ".safetensors" and path.is_file():
        return path
    if isinstance(name, str) and is_hub_id(name):
        return fetch(name)
    known = [path.stem for path in sorted(_PACKAGED.glob("*.safetensors"))]
    close = difflib.get_close_matches(str(name), known, 1)
    raise ValueError(
        f"unknown checkpoint {str(name)!r}"
        + (f" (did you mean {close[0]!r}?)" if close else "")
        + f": neither a packaged one ({', '.join(known) or 'none'}) nor a .safetensors file or "
        "folder that exists."
    )
