"""A net with other parts: with or without a spatial part, with or without light."""

from __future__ import annotations

from harmaug.nets.light import LIGHT_DIM, light_parts
from harmaug.nets.lut_net import LutNet
from harmaug.nets.spatial import PARTS


def with_parts(net: LutNet, spatial: bool, light: float) -> LutNet:
    """Return the net with these parts and the same weights, itself where it has no others.

    Args:
        net: what it learnt is kept.
        spatial: whether the mixture varies across the foreground; a new part varies nothing yet.
        light: deviation of the log gains, as in `light_parts`; 0 for none.
    """
    wanted = {"spatial": spatial, "light": light > 0}
    if net.config() != net.config() | wanted:
        size = net.code_dim * (PARTS if spatial else 1) + LIGHT_DIM * (light > 0)
        other = type(net)(**net.config() | wanted | {"latent_dim": size})
        kept = {k: v for k, v in net.state_dict().items() if k not in ("spread", "light")}
        other.load_state_dict(other.state_dict() | kept)
        net = other
    if net.light is not None:
        net.light.copy_(light_parts(light))
    return net
