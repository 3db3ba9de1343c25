"""Checkpoints: the weights of a net as safetensors, and a JSON card that describes them."""

from harmaug.checkpoints.files import load_checkpoint, save_checkpoint
from harmaug.checkpoints.registry import (
    CheckpointInfo,
    find_checkpoint,
    list_checkpoints,
    open_checkpoint,
)

__all__ = [
    "CheckpointInfo",
    "find_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "open_checkpoint",
    "save_checkpoint",
]
