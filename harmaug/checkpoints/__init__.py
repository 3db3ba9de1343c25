"""Checkpoints: safetensors weights with a JSON card, packaged or on disk."""

from harmaug.checkpoints.files import load_checkpoint, save_checkpoint
from harmaug.checkpoints.registry import find_checkpoint, list_checkpoints, open_checkpoint

__all__ = [
    "find_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "open_checkpoint",
    "save_checkpoint",
]
