"""The net that a training starts from: a checkpoint's, or a new one on a LUT basis."""

from __future__ import annotations

import safetensors
import torch
from torch import Tensor

from harmaug.checkpoints import find_checkpoint, open_checkpoint
from harmaug.lut import identity_lut
from harmaug.lut.fitting import simplex_least_squares
from harmaug.nets import ARCHITECTURES, LiteSycoNet, LutNet
from harmaug.nets.light import light_parts
from harmaug.nets.parts import with_parts
from harmaug.training.config import TrainConfig
from harmaug.training.pairs import PairSource

_BASIS = "unified"  # the checkpoint whose basis a new net starts from


def build_net(config: TrainConfig, source: PairSource) -> LutNet:
    """Return the net of ``init``, or a new one that leaves photos nearly as they are.

    Raises:
        ValueError: the checkpoint cannot be trained, or ``net`` does not fit the architecture.
    """
    if config.init is not None:
        net, _ = open_checkpoint(config.init)
        if net.config().get("reconstruction") is False:
            raise ValueError(
                f"{config.init} has no reconstruction branch (the released weights come without "
                "one), so it cannot be trained further; start from another checkpoint."
            )
        return with_parts(net, bool(config.spatial), config.light)
    basis = read_basis(config)
    architecture = config.architecture or "lite"
    settings = {"spatial": bool(config.spatial), "light": bool(config.light)} | config.net
    if architecture == "syconet":
        settings.setdefault("size", config.image_size)
    try:
        net = ARCHITECTURES[architecture](
            **settings, basis_size=len(basis), lut_size=basis.shape[-1]
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"no {architecture} net can be built with {settings}: {error}") from None
    with torch.no_grad():
        net.basis.copy_(basis)
    if net.light is not None:
        net.light.copy_(light_parts(config.light))
    if isinstance(net, LiteSycoNet):
        net.standardize(*source.draw(min(1024, config.round_pairs), config.generator("start")))
    flat, neutral = basis.flatten(1), identity_lut(basis.shape[-1]).flatten()
    nearest = simplex_least_squares(flat @ flat.mT, (neutral @ flat.mT).unsqueeze(0))[0]
    net.start_from(nearest)
    return net


def read_basis(config: TrainConfig) -> Tensor:
    """Return the LUTs (K, 3, D, D, D) that a training starts from."""
    path = find_checkpoint(config.init or config.basis or _BASIS)
    try:
        with safetensors.safe_open(path, "pt") as file:
            basis = file.get_tensor("basis").float()
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} holds no LUT basis: {error}.") from None
    if basis.ndim != 5 or basis.shape[1:] != (3, *basis.shape[-1:] * 3):
        raise ValueError(f"the basis in {path} is {tuple(basis.shape)}, not (K, 3, D, D, D).")
    if not basis.isfinite().all():
        raise ValueError(f"the basis in {path} holds NaN or infinity; fit it again.")
    return basis
