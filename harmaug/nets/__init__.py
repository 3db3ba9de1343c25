"""Networks that predict mixing weights over a LUT basis."""

from harmaug.nets.lite import LiteSycoNet
from harmaug.nets.lut_net import LutNet
from harmaug.nets.prior import Codes, Prior
from harmaug.nets.syconet import SycoNet

# The nets by the names that cards of checkpoints give them.
ARCHITECTURES: dict[str, type[LutNet]] = {"lite": LiteSycoNet, "syconet": SycoNet}

__all__ = ["ARCHITECTURES", "Codes", "LiteSycoNet", "LutNet", "Prior", "SycoNet"]
