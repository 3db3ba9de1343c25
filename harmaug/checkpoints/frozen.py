"""FrozenNet: a trained net that a user holds, loaded from a checkpoint and never trained."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from harmaug.checkpoints.files import save_checkpoint
from harmaug.checkpoints.registry import open_checkpoint
from harmaug.nets import LutNet

_Self = TypeVar("_Self", bound="FrozenNet")


class FrozenNet(nn.Module):
    """A net in eval, without gradients, that a host model may store without a trace of it.

    It is no submodule: the host's parameters, state dict and DistributedDataParallel do not
    contain it. It follows the host to another device, but keeps float32.

    Args:
        net: a trained net.
        card: facts about the net, as its checkpoint's JSON file holds them.
        checkpoint: the name or path that loads this net again.
    """

    if TYPE_CHECKING:  # torch.jit.script of a host module cannot read annotations of a class
        net: LutNet
    __jit_unused_properties__ = ("basis", "latent_dim", "device", "image_size", "varies")

    def __init__(
        self, net: LutNet, card: dict[str, Any] | None = None, checkpoint: str | None = None
    ) -> None:
        super().__init__()
        self.card = dict(card or {})
        self.checkpoint = checkpoint
        # Past nn.Module's registration, see the class.
        object.__setattr__(self, "net", net.float().eval().requires_grad_(False))
        self.training = False

    @classmethod
    def from_pretrained(
        cls: type[_Self],
        name: str | os.PathLike[str] = "unified",
        device: torch.device | str | None = None,
    ) -> _Self:
        """Load a checkpoint by packaged name, ``.safetensors`` file, folder or Hub id.

        Args:
            name: a name of `harmaug.list_checkpoints`, a path, or ``owner/name`` or
                ``owner/name@revision`` of the Hugging Face Hub (extra ``hub``), fetched once.
            device: where to put it; the CPU if not given.

        Raises:
            ValueError: there is no such checkpoint, or its file is damaged.
        """
        net, card = open_checkpoint(name)
        return cls(net.to(device or "cpu"), card, os.fspath(name))

    def save_pretrained(self, path: str | os.PathLike[str]) -> Path:
        """Write weights and card to a folder or ``.safetensors`` file for `from_pretrained`."""
        return save_checkpoint(path, self.net, self.card)

    @property
    def basis(self) -> Tensor:
        """The LUTs that are mixed, (K, 3, D, D, D)."""
        return self.net.basis.detach()

    @property
    def latent_dim(self) -> int:
        """Z, the length of a latent."""
        return self.net.latent_dim

    @property
    def device(self) -> torch.device:
        """Device of the net; inputs must be there too."""
        return self.net.basis.device

    def train(self: _Self, mode: bool = True) -> _Self:
        """Change nothing: the net is frozen, in eval."""
        return self

    def extra_repr(self) -> str:
        """Return what ``print`` shows."""
        return f"checkpoint={self.checkpoint!r}, Z={self.latent_dim}, K={len(self.basis)}"

    def _apply(self: _Self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Self:
        # How nn.Module moves and casts: the device is followed, the dtype is not.
        self.net.to(fn(torch.empty(0, device=self.device)).device)
        return self
