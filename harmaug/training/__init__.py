"""Training of the nets: pairs, losses, the loop and its figures, and fitting of a LUT basis."""

from harmaug.training.config import TrainConfig
from harmaug.training.trainer import train

__all__ = ["TrainConfig", "train"]
