"""Photos and masks as arguments: the door that checks them once, and their value spaces."""

from harmaug.inputs.clips import check_clips
from harmaug.inputs.door import Inputs, check_inputs
from harmaug.inputs.opacity import opacity
from harmaug.inputs.shapes import as_masks, as_photos
from harmaug.inputs.space import SPACES, Space, SpaceLike
from harmaug.inputs.transfer import constant, keep_for, move, row_index

__all__ = [
    "SPACES",
    "Inputs",
    "Space",
    "SpaceLike",
    "as_masks",
    "as_photos",
    "check_clips",
    "check_inputs",
    "constant",
    "keep_for",
    "move",
    "opacity",
    "row_index",
]
