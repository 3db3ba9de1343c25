"""Static sets: composites of any number of photos in files that every codebase reads.

`run.generate` is the whole of it. `sources` finds photos and masks, `pictures` reads and encodes
them, `compose` makes the bytes of one photo's files, `pool` and `cluster` do that on many cores or
machines, `output` keeps what is done through any interruption, `summary` writes list files,
manifest and sheet.
"""

from harmaug.generation.compose import Settings
from harmaug.generation.run import Report, generate

__all__ = ["Report", "Settings", "generate"]
