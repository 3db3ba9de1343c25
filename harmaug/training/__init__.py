"""Training of the nets: pairs, losses, the loop and its figures, and fitting of a LUT basis."""

from typing import TYPE_CHECKING, Any

from harmaug.training.config import TrainConfig

if TYPE_CHECKING:
    from harmaug.training.trainer import train

__all__ = ["TrainConfig", "train"]


def __getattr__(name: str) -> Any:
    if name != "train":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harmaug.training import trainer  # when first used: the command line needs settings alone

    return trainer.train
