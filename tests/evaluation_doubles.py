"""A small net, pairs and samplers for tests of evaluations."""

from __future__ import annotations

import torch

from harmaug.evaluation.pairs import Pair
from harmaug.evaluation.samplers import Draws
from harmaug.lut import composite_lut, identity_lut, mix_luts
from harmaug.nets import LiteSycoNet
from harmaug.nets.light import light_parts


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small_net(seed=0, latent_dim=3, basis_size=4, lut_size=5, spatial=False, light=0.0):
    """A random net over a basis of gains and tints, which refines latents in few steps."""
    torch.manual_seed(seed)
    sizes = {"basis_size": basis_size, "lut_size": lut_size, "width": 16, "thumbnail": 16}
    size = latent_dim * (4 if spatial else 1) + (13 if light else 0)
    net = LiteSycoNet(size, spatial=spatial, light=bool(light), **sizes)
    if spatial:
        net.spread.copy_(torch.eye(latent_dim))
    if light:
        net.light.copy_(light_parts(light))
    gain = torch.linspace(0.5, 1.6, basis_size).view(-1, 1, 1, 1, 1)
    tint = torch.rand(basis_size, 3, 1, 1, 1) * 0.4 + 0.8
    with torch.no_grad():
        net.basis.copy_(identity_lut(lut_size) * gain * tint)
        net.decoder[-1].weight.mul_(8)
    net.refinement_steps = 20
    return net.eval().requires_grad_(False)


def random_pair(seed=0, height=20, width=24, basis=None):
    """A photo, a soft mask, and a composite: of random convex weights of a basis, or darker."""
    draw = generator(seed)
    real = torch.rand(1, 3, height, width, generator=draw) * 0.8 + 0.1
    mask = (torch.rand(1, 1, height, width, generator=draw) * 2 - 0.7).clamp(0, 1)
    mask[..., : width // 3] = 0
    if basis is None:
        return Pair(real, mask, torch.lerp(real, real * 0.7, mask))
    weights = torch.rand(1, len(basis), generator=draw)
    lut = mix_luts(weights / weights.sum(), basis)
    return Pair(real, mask, composite_lut(real, mask, lut))


class FixedDraws:
    """Draws that are the photo's own pictures: its composite, or its photo."""

    def __init__(self, which, roughness=None):
        self.which, self.roughness = which, roughness

    def __call__(self, photo, places, n, generator):
        view = photo if places is None else photo.at(places)
        for name in (self.which[k % len(self.which)] for k in range(n)):
            rough = None if self.roughness is None else torch.tensor([self.roughness])
            yield Draws(getattr(view, name), rough)
