"""Networks that predict mixing weights over a LUT basis."""

from harmaug.nets.generator import Generator
from harmaug.nets.lite import LiteSycoNet
from harmaug.nets.prior import Prior
from harmaug.nets.syconet import SycoNet

# What a checkpoint's card calls them.
ARCHITECTURES: dict[str, type[Generator]] = {"lite": LiteSycoNet, "syconet": SycoNet}

__all__ = ["ARCHITECTURES", "Generator", "LiteSycoNet", "Prior", "SycoNet"]
