"""The released SycoNet weights as a net of this package: the one place that reads pickles."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harmaug.nets.syconet import SycoNet

_ENCODER_FILE, _LUTS_FILE = "pretrained_net_Er.pth", "pretrained_net_LUTs.pth"

# Layers within a block, ours -> released.
_LAYERS = {
    "norm1": "conv.0",
    "conv1": "conv.2",
    "norm2": "conv.3",
    "conv2": "conv.5.0",
    "shortcut": "shortcut.1",
}
_IMAGE_CHANNELS = 4  # photo and mask; the latent's channels follow them in the first layer


def convert(encoder: str | os.PathLike[str], luts: str | os.PathLike[str]) -> SycoNet:
    """Build a SycoNet from the two files its authors released, renaming keys and nothing else.

    The reconstruction branch was not released, so the net draws composites but cannot encode known
    ones. Code in the files is never run.

    Args:
        encoder: ``pretrained_net_Er.pth``, a flat state dict of 68 tensors.
        luts: ``pretrained_net_LUTs.pth``, ``{"0": {"LUT": (3, D, D, D)}, ..., "19": ...}``.

    Returns:
        The net, in eval.
    """
    weights = _encoder_weights(encoder)
    basis = _basis(luts)
    net = _empty_net(encoder, weights, basis)
    state = net.state_dict()
    ours = {released: name for name in state if (released := _released_name(name))}
    faults = [f"{name} is missing" for name in ours if name not in weights]
    faults += [f"{name} is unknown" for name in weights if name not in ours]
    for name in ours.keys() & weights.keys():
        got, expected = tuple(weights[name].shape), tuple(state[ours[name]].shape)
        if got != expected:
            faults.append(f"{name} is {got} where {expected} was expected")
        elif not weights[name].isfinite().all():
            faults.append(f"{name} holds NaN or infinity")
    if faults:
        raise _wrong_layout(encoder, _ENCODER_FILE, _few(sorted(faults)))
    renamed = {ours[name]: value for name, value in weights.items()}
    net.load_state_dict(state | renamed | {"basis": basis})
    return net.eval()


def _encoder_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    weights = _read(path)
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise _wrong_layout(path, _ENCODER_FILE, "it is no flat state dict of tensors")
    return {str(name): value for name, value in weights.items()}


def _basis(path: str | os.PathLike[str]) -> Tensor:
    entries = _read(path)
    if not isinstance(entries, dict) or not entries:
        raise _wrong_layout(path, _LUTS_FILE, "it is no dict of LUTs")
    entries = {str(key): value for key, value in entries.items()}
    unknown = [key for key in entries if not key.isdecimal()]
    if unknown:
        raise _wrong_layout(path, _LUTS_FILE, f"the keys {_few(unknown)} are no LUT indices")
    count = 1 + max(int(key) for key in entries)
    missing = [str(k) for k in range(count) if str(k) not in entries]
    if missing:
        raise _wrong_layout(path, _LUTS_FILE, f"of LUTs 0 to {count - 1} it lacks {_few(missing)}")
    luts: list[Tensor] = []
    for key in map(str, range(count)):
        lut = entries[key].get("LUT") if isinstance(entries[key], dict) else None
        if not isinstance(lut, Tensor) or lut.ndim != 4 or lut.shape != (3, *lut.shape[-1:] * 3):
            raise _wrong_layout(path, _LUTS_FILE, f"entry {key} has no 'LUT' of (3, D, D, D)")
        if luts and lut.shape != luts[0].shape:
            raise _wrong_layout(path, _LUTS_FILE, f"LUT {key} has another size than LUT 0")
        if not lut.isfinite().all():
            raise _wrong_layout(path, _LUTS_FILE, f"LUT {key} holds NaN or infinity")
        luts.append(lut)
    return torch.stack(luts).float()


def _empty_net(path: str | os.PathLike[str], weights: dict[str, Tensor], basis: Tensor) -> SycoNet:
    """A net of the sizes that the first and the last layer name."""
    first, last = weights.get("block0.weight"), weights.get("weight_predictor.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 4:
        reason = "it lacks the convolutions block0 and weight_predictor"
        raise _wrong_layout(path, _ENCODER_FILE, reason)
    width, channels = first.shape[:2]
    if width < 1 or channels <= _IMAGE_CHANNELS:
        reason = f"block0.weight is {tuple(first.shape)}, which leaves no channels for a latent"
        raise _wrong_layout(path, _ENCODER_FILE, reason)
    if len(last) != len(basis):
        reason = f"it mixes {len(last)} LUTs but {len(basis)} were given"
        raise _wrong_layout(path, _ENCODER_FILE, reason)
    return SycoNet(
        latent_dim=channels - _IMAGE_CHANNELS,
        basis_size=len(basis),
        lut_size=basis.shape[-1],
        width=width,
        reconstruction=False,
    )


def _released_name(name: str) -> str | None:
    """generation.blocks.0.norm1.bias -> block1.conv.0.bias; None for what is no encoder's."""
    layer, _, kind = name.rpartition(".")
    if layer == "generation.stem":
        return f"block0.{kind}"
    if layer == "mixing":
        return f"weight_predictor.{kind}"
    if block := re.fullmatch(r"generation\.blocks\.(\d+)\.(\w+)", layer):
        return f"block{int(block[1]) + 1}.{_LAYERS[block[2]]}.{kind}"
    return None


def _read(path: str | os.PathLike[str]) -> Any:
    """What a PyTorch file holds, if that is nothing but tensors and plain containers."""
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
            f"{path} is truncated or no file of PyTorch tensors; download it again."
        ) from error


def _wrong_layout(path: str | os.PathLike[str], released: str, reason: str) -> ValueError:
    return ValueError(f"{path} has not the layout of the released {released}: {reason}.")


def _few(faults: list[str]) -> str:
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return ", ".join(faults[:3]) + more
