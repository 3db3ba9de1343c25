"""SycoNetAugment: the object a user holds, from photo and mask to composites."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from harmaug.augment.lut_augment import LutAugment, like_real
from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.inputs import Inputs, SpaceLike
from harmaug.nets import LutNet
from harmaug.nets.decision import Decision, decide
from harmaug.nets.parts import with_parts

_Self = TypeVar("_Self", bound="SycoNetAugment")


class SycoNetAugment(LutAugment):
    """Learnt augmentation for image harmonization: recolours foregrounds into composites.

    The net is frozen and stays in eval. It is no submodule: an augmenter stored on a host model
    adds nothing to the host's parameters, state dict or DistributedDataParallel. It follows the
    host to another device, and computes in float32 whatever the host's dtype.

    The values that methods take are those of `LutAugment`.

    Args:
        net: a trained net; `from_pretrained` reads one.
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
        # Past nn.Module's registration.
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

    @property
    def image_size(self) -> int:
        """Pixels a side at which the net sees photos; more add nothing."""
        config = self.net.config()
        size: int = config.get("thumbnail") or config["size"]
        return size

    def without_light(self) -> SycoNetAugment:
        """Return an augmenter that draws the learnt changes alone, itself where there is no light.

        Its composites are as bright as those that the net learnt from, and the change is the same
        for the whole foreground. Use it beside original composites that were made so. Latents have
        13 numbers fewer. `save_pretrained` keeps it for commands and other processes.
        """
        if self.net.light is None:
            return self
        net = with_parts(self.net, spatial=False, light=0.0)
        return type(self)(net.to(self.device), self.card)

    @property
    def varies(self) -> bool:
        """True if the checkpoint has a spatial part or light that varies."""
        return self.net.varies

    def encode(
        self, real: Tensor, mask: Tensor, composite: Tensor, *, space: SpaceLike = "unit"
    ) -> Tensor:
        """Return the latent (B, Z) of known composites: the posterior's mean, refined per pair.

        Args:
            real: as for the class.
            mask: as for the class.
            composite: the shape and space of ``real``.
            space: value space of both.
        """
        inputs = self.admit(real, mask, space)
        if isinstance(composite, Tensor) and composite.shape != real.shape:
            raise ValueError(
                f"composite must have the shape of real, {tuple(real.shape)}, "
                f"got {tuple(composite.shape)}."
            )
        known = self.admit(composite, mask, space, names=("composite", "mask"))
        with torch.autocast(self.device.type, enabled=False):
            latent = self.net.encode(inputs.photo, inputs.mask.float(), known.photo)
        return like_real(latent, inputs)

    def decide(
        self,
        inputs: Inputs,
        n: int = 1,
        *,
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Decision:
        """Return LUTs, latents and mixing weights for checked photos; arguments as in `augment`.

        They are tensors of inference mode unless something asks for a gradient.
        """
        return decide(
            self.net,
            inputs,
            n,
            latent=latent,
            generator=generator,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
        )
