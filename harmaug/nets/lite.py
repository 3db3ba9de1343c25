"""The small net: colour statistics and a latent through an MLP."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from harmaug.nets import statistics
from harmaug.nets.light import LIGHT_DIM
from harmaug.nets.lut_net import LutNet
from harmaug.nets.spatial import PARTS

_CODE_DIM = 20


class LiteSycoNet(LutNet):
    """SycoNet's contract without convolutions.

    Colour statistics of foreground and background (`nets.statistics`) are taken once from a
    thumbnail, and an MLP joins them with each latent. So n composites of a photo cost hardly more
    than n LUT lookups.

    Args:
        latent_dim: Z; 20, or 80 of a spatial net, if not given; with light 13 more.
        basis_size: K.
        lut_size: D.
        width: units of the hidden layers.
        thumbnail: longest side, in pixels, of the picture that statistics are taken from.
        spatial: whether the mixture varies across the foreground.
        light: whether there are gains on top of it (`nets.light`).
    """

    cheap = True
    refinement_steps = 300

    photo_mean: Tensor
    photo_std: Tensor
    change_mean: Tensor
    change_std: Tensor

    def __init__(
        self,
        latent_dim: int | None = None,
        basis_size: int = 32,
        lut_size: int = 17,
        width: int = 256,
        thumbnail: int = 64,
        spatial: bool = False,
        light: bool = False,
    ) -> None:
        photo, change = statistics.PHOTO_SIZE, statistics.REGION_SIZE + statistics.CHANGE_SIZE
        latent_dim = latent_dim or _CODE_DIM * (PARTS if spatial else 1) + LIGHT_DIM * light
        super().__init__(latent_dim, basis_size, lut_size, photo, spatial, light)
        self.width = width
        self.thumbnail = thumbnail
        self.register_buffer("photo_mean", torch.zeros(photo))
        self.register_buffer("photo_std", torch.ones(photo))
        self.register_buffer("change_mean", torch.zeros(change))
        self.register_buffer("change_std", torch.ones(change))
        self.encoder = _mlp(photo + change, width, 2 * self.code_dim)
        self.decoder = _mlp(photo + self.code_dim, width, basis_size)

    def config(self) -> dict[str, Any]:
        return {
            "latent_dim": self.latent_dim,
            "basis_size": self.basis.shape[0],
            "lut_size": self.basis.shape[-1],
            "width": self.width,
            "thumbnail": self.thumbnail,
            "spatial": self.spatial,
            "light": self.light is not None,
        }

    def condition(self, real: Tensor, mask: Tensor) -> Tensor:
        photo = statistics.describe_photo(real, mask, self.thumbnail)
        return (photo - self.photo_mean) / self.photo_std

    def describe(self, condition: Tensor) -> Tensor:
        return condition

    def decode(self, condition: Tensor, code: Tensor) -> Tensor:
        seen = condition.unsqueeze(1).expand(-1, code.shape[1], -1)
        return self.decoder(torch.cat((seen, code), 2)).softmax(2)

    def change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        return (self._describe_change(real, mask, composite) - self.change_mean) / self.change_std

    def posterior(self, condition: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        joined = torch.cat((condition, change.clamp(-8, 8)), 1)
        mean, log_variance = self.encoder(joined).chunk(2, 1)
        # Near a plain autoencoder at the start; clamped, so that nothing overflows.
        return mean, (log_variance - 4).clamp(-12, 4)

    @torch.no_grad()
    def standardize(self, real: Tensor, mask: Tensor, composite: Tensor) -> None:
        """Set mean and deviation of the statistics to those of a large batch of training pairs."""
        photo = statistics.describe_photo(real, mask, self.thumbnail)
        change = self._describe_change(real, mask, composite)
        for name, values in (("photo", photo), ("change", change)):
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            getattr(self, f"{name}_std").copy_(values.std(0).clamp_min(1e-2))

    @torch.no_grad()
    def start_from(self, weights: Tensor) -> None:
        last = self.decoder[-1]
        assert isinstance(last, nn.Linear)
        last.bias.copy_((weights + 1e-3).log())
        last.weight.mul_(0.1)

    def _describe_change(self, real: Tensor, mask: Tensor, composite: Tensor) -> Tensor:
        colours, weights = statistics.thumbnail(real, mask, self.thumbnail)
        changed, _ = statistics.thumbnail(composite, mask, self.thumbnail)
        region = statistics.describe_region(changed, weights)
        return torch.cat((region, statistics.describe_change(colours, changed, weights)), 1)


def _mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width),
        nn.SiLU(),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Linear(width, outputs),
    )
