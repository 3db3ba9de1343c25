"""A checkpoint on disk: ``NAME.safetensors`` with the weights, ``NAME.json`` with its card.

The card says what the net is (architecture and config), what it was trained on and how well it did,
and the sha256 of the weights. Reading is strict: nothing missing, nothing unknown, no NaN.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from harmaug.io.atomic import atomic_write
from harmaug.nets import ARCHITECTURES
from harmaug.nets.lut_net import LutNet

FORMAT = 1


def save_checkpoint(path: str | os.PathLike[str], net: LutNet, card: dict[str, Any]) -> Path:
    """Write a net and its card.

    Args:
        path: a ``.safetensors`` file, or a folder, which gets ``model.safetensors``.
        net: the net.
        card: what is known of it (``trained_on``, ``licence``, ``figures``, ``training``, ...);
            format, architecture, config, size and sha256 are filled in.

    Returns:
        The path of the weights; the card lies beside it.
    """
    # All that can fail comes before the first byte is written.
    state = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    for name, value in state.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} of the net holds NaN or infinity; nothing was written.")
    data = safetensors.torch.save(state)
    names = {kind: name for name, kind in ARCHITECTURES.items()}
    written = {
        "format": FORMAT,
        "architecture": names[type(net)],
        "config": net.config(),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(card | written, indent=2, ensure_ascii=False) + "\n"
    path = Path(path)
    if path.suffix != ".safetensors":
        path = path / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_bytes(text.encode())  # UTF-8, whatever the locale
    return path


def read_card(path: Path) -> dict[str, Any]:
    """The card beside a weights file; raise where it is missing or not one of ours."""
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} has no card {card_path.name} beside it; a harmaug checkpoint is a "
            ".safetensors file and a .json card (the released files want harmaug convert)."
        ) from None
    except ValueError as error:
        raise ValueError(f"{card_path} is not valid JSON: {error}.") from None
    if not isinstance(card, dict):
        raise ValueError(f"{card_path} is no checkpoint card: it holds no JSON object.")
    missing = [key for key in ("format", "architecture", "config", "sha256") if key not in card]
    if missing:
        raise ValueError(f"{card_path} is no checkpoint card: it lacks {', '.join(missing)}.")
    if card["format"] != FORMAT or card["architecture"] not in list(ARCHITECTURES):
        raise ValueError(
            f"{card_path} is of format {card['format']} and architecture "
            f"{card['architecture']!r}; this version reads format {FORMAT} and "
            f"{', '.join(ARCHITECTURES)}. Upgrade harmaug."
        )
    return card


def load_checkpoint(path: Path) -> tuple[LutNet, dict[str, Any]]:
    """Read a net, in eval, and its card; raise where a byte is not as the card says."""
    card = read_card(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no checkpoint file {path}.") from None
    digest = hashlib.sha256(data).hexdigest()
    if digest != card["sha256"]:
        raise ValueError(
            f"{path} is damaged or not the file of its card: {len(data)} bytes with sha256 "
            f"{digest[:12]}..., expected {str(card['sha256'])[:12]}...; fetch or write it again."
        )
    try:
        state = safetensors.torch.load(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file: {error}.") from None
    net = _untrained(card, path)
    expected = net.state_dict()
    faults = [f"{name} is missing" for name in expected if name not in state]
    for name, value in state.items():
        if name not in expected:
            faults.append(f"{name} is unknown")
        elif value.shape != expected[name].shape:
            faults.append(f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}")
        elif not value.isfinite().all():
            faults.append(f"{name} holds NaN or infinity")
    if faults:
        shown = "; ".join(faults[:3]) + ("; ..." if faults[3:] else "")
        raise ValueError(f"{path} does not fit its card: {shown}.")
    net.load_state_dict(state)
    return net.eval(), card


def _untrained(card: dict[str, Any], path: Path) -> LutNet:
    """A net of the card's architecture and config, its weights yet to be read."""
    try:
        # Weights are drawn first and then replaced: that must not shift the host's random stream.
        with torch.random.fork_rng(devices=[]):
            return ARCHITECTURES[card["architecture"]](**card["config"])
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"the card of {path} has a config that builds no net: {reason}.") from None
