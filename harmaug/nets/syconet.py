"""SycoNet as published: a convolutional encoder over photo, mask and latent, and its posterior.

Architecture, inputs and losses: "Deep Image Harmonization with Learnable Augmentation" (ICCV 2023,
arXiv:2308.00376) and the authors' inference code. The paper leaves three things open, which are
chosen here: the trunk of the reconstruction branch, its two heads, and the start of the basis.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harmaug.lut.tensors import resize_lut
from harmaug.nets import sampling
from harmaug.nets.light import LIGHT_DIM
from harmaug.nets.lut_net import LutNet
from harmaug.nets.spatial import PARTS
from harmaug.nets.trunk import Trunk

_CODE_DIM = 32
_HALVINGS = 5  # of the trunk: input size 256 -> 8


class SycoNet(LutNet):
    """The published net: a generation branch of 3,299,796 parameters over 294,780 LUT values.

    The encoder sees photo and mask at ``size`` x ``size`` (bilinear, antialiased, aspect not kept),
    the mask made hard at 0.5. In eval, mixing weights are computed in the sampling form
    (`sampling.py`), the same function for about half the work.

    Args:
        latent_dim: Z; 32, or 128 of a spatial net, if not given; with light 13 more.
        basis_size: K, the number of LUTs that are mixed.
        lut_size: D, grid nodes an axis of a LUT.
        width: channels after the first layer.
        size: input resolution of the encoders, a multiple of 32.
        reconstruction: with the branch that encodes known composites; the released weights have
            none.
        spatial: whether the mixture varies across the foreground; then a composite takes four
            passes of the encoder, one a corner.
        light: whether there are gains on top of the mixture (`nets.light`).
    """

    def __init__(
        self,
        latent_dim: int | None = None,
        basis_size: int = 20,
        lut_size: int = 17,
        width: int = 64,
        size: int = 256,
        reconstruction: bool = True,
        spatial: bool = False,
        light: bool = False,
    ) -> None:
        latent_dim = latent_dim or _CODE_DIM * (PARTS if spatial else 1) + LIGHT_DIM * light
        super().__init__(latent_dim, basis_size, lut_size, spatial=spatial, light=light)
        if size < 1 or size % 2**_HALVINGS:
            raise ValueError(f"size must be a positive multiple of {2**_HALVINGS}, got {size}.")
        self.width = width
        self.size = size
        self.generation = Trunk(4, self.code_dim, width)
        self.mixing = nn.Conv2d(self.generation.out_channels, basis_size, 1)
        self.reconstruction: Trunk | None = None
        if reconstruction:
            self.reconstruction = Trunk(7, 0, width)
            self.mean = nn.Linear(self.reconstruction.out_channels, self.code_dim)
            self.log_variance = nn.Linear(self.reconstruction.out_channels, self.code_dim)
            # Little noise at first, so that the decoder learns to use its code.
            nn.init.constant_(self.log_variance.bias, -4.0)
        with torch.no_grad():
            # Equal LUTs would give the mixing weights no gradient: bend each differently, smoothly.
            bends = torch.randn(basis_size, 3, 3, 3, 3).mul(0.1)
            self.basis.add_(resize_lut(bends, lut_size))

    def config(self) -> dict[str, Any]:
        return {
            "latent_dim": self.latent_dim,
            "basis_size": self.basis.shape[0],
            "lut_size": self.basis.shape[-1],
            "width": self.width,
            "size": self.size,
            "reconstruction": self.reconstruction is not None,
            "spatial": self.spatial,
            "light": self.light is not None,
        }

    def condition(self, real: Tensor, mask: Tensor) -> Tensor:
        """Return the encoder's input, (B, 4, size, size): the photo and its hard mask."""
        # Resizing by powers of two gives many values of exactly one half; rounding must not decide.
        hard = (self._resized(mask) >= 0.5 - 1e-4).to(self.basis.dtype)
        return torch.cat((self._resized(real), hard), 1)

    def decode(self, condition: Tensor, code: Tensor) -> Tensor:
        if self.training:
            images = condition.repeat_interleave(code.shape[1], 0)
            features = self.generation(images, code.flatten(0, 1)).unflatten(0, code.shape[:2])
        else:
            features = sampling.features(self.generation, condition, code)
        weight = self.mixing.weight.flatten(1)
        return F.linear(features, weight, self.mixing.bias).softmax(-1)

    @torch.no_grad()
    def start_from(self, weights: Tensor) -> None:
        assert self.mixing.bias is not None
        self.mixing.bias.copy_((weights + 1e-3).log())
        self.mixing.weight.mul_(0.1)

    def change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        """Return the composite as the reconstruction branch sees it, (B, 3, size, size)."""
        return self._resized(composite)

    def posterior(self, condition: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        if self.reconstruction is None:
            raise RuntimeError(
                "This SycoNet has no reconstruction branch (the released weights come without "
                "one), so it cannot encode known composites; use a checkpoint trained with one."
            )
        features = self.reconstruction(torch.cat((condition, change), 1))
        return self.mean(features), self.log_variance(features).clamp(-12, 4)

    def _resized(self, image: Tensor) -> Tensor:
        image = image.to(self.basis.dtype)
        if image.shape[2:] == (self.size, self.size):
            return image
        return F.interpolate(image, (self.size, self.size), mode="bilinear", antialias=True)
