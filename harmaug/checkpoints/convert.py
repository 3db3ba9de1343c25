"""The released SycoNet weights as a net of this package; no other module reads pickles."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harmaug.checkpoints.files import few, new_net, plain_tensors, state_faults
from harmaug.nets.lut_net import LutNet

_Path = str | os.PathLike[str]

# Names of layers, ours -> released; the second table within a block.
_LAYERS = {"generation.stem": "block0", "mixing": "weight_predictor"}
_BLOCK = {
    "norm1": "conv.0",
    "conv1": "conv.2",
    "norm2": "conv.3",
    "conv2": "conv.5.0",
    "shortcut": "shortcut.1",
}
_IMAGE_CHANNELS = 4  # photo and mask; in the first layer the channels of the latent follow them


@plain_tensors()
def convert(encoder: _Path, luts: _Path) -> LutNet:
    """Return the SycoNet of the two files that its authors released; only the names change.

    The reconstruction branch was not released, so the net draws composites but cannot encode known
    ones. Code in the files is never run.

    Args:
        encoder: ``pretrained_net_Er.pth``, a flat state dict of 68 tensors.
        luts: ``pretrained_net_LUTs.pth``, ``{"0": {"LUT": (3, D, D, D)}, ..., "19": ...}``.

    Returns:
        The net, in eval.

    Raises:
        ValueError: a file is damaged, holds code, or has another layout.
    """
    weights = _read(encoder)
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise _wrong_layout(encoder, "pretrained_net_Er.pth", "it is not a flat dict of tensors")
    weights = {str(name): value for name, value in weights.items()}
    basis = _basis(luts)
    # The first layer tells the sizes; if it is not as released, the comparison below says so.
    first = weights.get("block0.weight")
    width, channels = first.shape[:2] if first is not None and first.ndim == 4 else (1, 0)
    config = {
        "latent_dim": max(channels - _IMAGE_CHANNELS, 1),
        "basis_size": len(basis),
        "lut_size": basis.shape[-1],
        "width": max(width, 1),
        "reconstruction": False,
    }
    net = new_net("syconet", config)
    state = net.state_dict()
    ours = {released: name for name in state if (released := _released_name(name))}
    if faults := state_faults(weights, {released: state[name] for released, name in ours.items()}):
        raise _wrong_layout(encoder, "pretrained_net_Er.pth", few(sorted(faults)))
    renamed = {ours[name]: value for name, value in weights.items()}
    net.load_state_dict(state | renamed | {"basis": basis})
    return net.eval()


def _basis(path: _Path) -> Tensor:
    entries, released = _read(path), "pretrained_net_LUTs.pth"
    if not isinstance(entries, dict) or not entries:
        raise _wrong_layout(path, released, "it is not a dict of LUTs")
    luts: dict[str, Tensor] = {}
    for key, entry in entries.items():
        lut = entry.get("LUT") if isinstance(entry, dict) else None
        if not isinstance(lut, Tensor) or lut.ndim != 4 or lut.shape != (3, *lut.shape[-1:] * 3):
            raise _wrong_layout(path, released, f"entry {key} has no 'LUT' of (3, D, D, D)")
        luts[f"LUT {key}"] = lut
    names = [f"LUT {k}" for k in range(len(luts))]
    if faults := state_faults(luts, dict.fromkeys(names, next(iter(luts.values())))):
        raise _wrong_layout(path, released, few(faults))
    return torch.stack([luts[name] for name in names]).float()


def _released_name(name: str) -> str | None:
    """generation.blocks.0.norm1.bias -> block1.conv.0.bias; None for other parts of the net."""
    layer, _, kind = name.rpartition(".")
    if block := re.fullmatch(r"generation\.blocks\.(\d+)\.(\w+)", layer):
        return f"block{int(block[1]) + 1}.{_BLOCK[block[2]]}.{kind}"
    return f"{_LAYERS[layer]}.{kind}" if layer in _LAYERS else None


def _read(path: _Path) -> Any:
    """Return the content of a PyTorch file of nothing but tensors and plain containers."""
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything here, from EOFError to OSError
        if code := re.search(r"GLOBAL (\S+)", str(error)):
            raise ValueError(
                f"{path} holds Python code ({code[1]}), which is never run: only files of plain "
                "tensors can be converted."
            ) from None
        raise ValueError(
            f"{path} is cut short or not a file of PyTorch tensors; download it again."
        ) from error


def _wrong_layout(path: _Path, released: str, reason: str) -> ValueError:
    return ValueError(f"{path} does not have the layout of the released {released}: {reason}.")
