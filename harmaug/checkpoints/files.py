"""A checkpoint on disk: ``NAME.safetensors`` holds the weights, ``NAME.json`` is its card.

The card names the net (architecture and config), its training data, its figures and the sha256 of
the weights. Reading is strict: nothing may be missing, unknown or NaN.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.nets import ARCHITECTURES
from harmaug.nets.lut_net import LutNet

FORMAT = 1


def save_checkpoint(path: str | os.PathLike[str], net: LutNet, card: dict[str, Any]) -> Path:
    """Write a net, in float32, and its card; return the path of the weights.

    Args:
        path: a ``.safetensors`` file, or a folder, which gets ``model.safetensors``; the card lies
            beside it.
        net: the net.
        card: facts about it (``trained_on``, ``licence``, ``figures``, ``training``, ...); format,
            architecture, config, size and sha256 are filled in.

    Raises:
        ValueError: the net holds NaN or infinity; nothing was written.
    """
    # All that can fail comes before the first byte is written.
    state = {}
    for name, value in net.state_dict().items():
        if not value.isfinite().all():
            raise ValueError(f"{name} of the net holds NaN or infinity; nothing was written.")
        value = value.detach().cpu().contiguous()
        state[name] = value.float() if value.is_floating_point() else value
    data = safetensors.torch.save(state)
    filled = {
        "format": FORMAT,
        "architecture": next(name for name, kind in ARCHITECTURES.items() if type(net) is kind),
        "config": net.config(),
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(card | filled, indent=2, ensure_ascii=False) + "\n"
    encoded = text.encode("utf-8", "replace")  # a file's name may hold what UTF-8 cannot
    path = Path(path)
    if path.suffix != ".safetensors":
        path = path / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    for place, content in ((path, data), (path.with_suffix(".json"), encoded)):
        with atomic_write(place) as temporary:
            temporary.write_bytes(content)
    return path


def read_card(path: Path) -> dict[str, Any]:
    """Return the card of a weights file; raise if it is not one that this version reads."""
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} has no card {card_path.name} beside it; a harmaug checkpoint is a "
            ".safetensors file and a .json card (for the released files use harmaug convert)."
        ) from None
    except ValueError as error:
        raise ValueError(f"{card_path} is not valid JSON: {error}.") from None
    if not isinstance(card, dict):
        raise ValueError(f"{card_path} is not a checkpoint card: it holds no JSON object.")
    missing = [key for key in ("format", "architecture", "config", "sha256") if key not in card]
    if missing:
        raise ValueError(f"{card_path} is not a checkpoint card: it lacks {', '.join(missing)}.")
    if card["format"] != FORMAT or card["architecture"] not in list(ARCHITECTURES):
        raise ValueError(
            f"{card_path} is of format {card['format']} and architecture "
            f"{card['architecture']!r}; this version reads format {FORMAT} and "
            f"{', '.join(ARCHITECTURES)}. Upgrade harmaug."
        )
    return card


@contextmanager
def plain_tensors() -> Iterator[None]:
    """Make real float32 tensors on the CPU, whatever defaults the host has set.

    Frameworks build models under the meta device, another default dtype or inference mode.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"), torch.inference_mode(False):
            if type(torch.zeros(1)) is not Tensor:
                raise RuntimeError(
                    "a checkpoint cannot be loaded in FakeTensorMode; load it outside."
                )
            yield
    finally:
        torch.set_default_dtype(dtype)


@plain_tensors()
def load_checkpoint(path: Path) -> tuple[LutNet, dict[str, Any]]:
    """Return a net, on the CPU, in float32 and in eval, and its card; raise if they do not fit."""
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
        raise ValueError(f"{path} is not a safetensors file: {error}.") from None
    try:
        net = new_net(card["architecture"], card["config"])
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"the card of {path} has a config that builds no net: {reason}.") from None
    if faults := state_faults(state, net.state_dict()):
        raise ValueError(f"{path} does not fit its card: {few(faults)}.")
    net.load_state_dict(state)
    return net.eval(), card


def new_net(architecture: str, config: dict[str, Any]) -> LutNet:
    """Return a net whose weights are still to be loaded."""
    if not all(
        type(value) is bool or (type(value) is int and value > 0) for value in config.values()
    ):
        raise ValueError(f"its values must be switches or whole numbers above 0, got {config}")
    # The first weights are drawn: that must not move the host's random generator.
    with torch.random.fork_rng(devices=[]):
        net = ARCHITECTURES[architecture](**config)
    # accelerate moves each new parameter to the meta device, where loading would change nothing.
    net._apply(lambda value: torch.empty_like(value, device="cpu") if value.is_meta else value)
    return net


def state_faults(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> list[str]:
    """Return each name, shape or value of a state dict that is wrong."""
    faults = [f"{name} is missing" for name in expected if name not in state]
    for name, value in state.items():
        if name not in expected:
            faults.append(f"{name} is unknown")
        elif value.shape != expected[name].shape:
            faults.append(f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}")
        elif not value.isfinite().all():
            faults.append(f"{name} holds NaN or infinity")
    return faults


def few(faults: Sequence[str]) -> str:
    """Return the first three faults and the number of the others."""
    return ", ".join(faults[:3]) + (f" and {len(faults) - 3} more" if faults[3:] else "")
