"""Static sets: composites of any number of photos, in files that every codebase reads.

A photo goes from `run` (finds sources, keeps account) through `engines` (processes) and `worker`
(read, open, decide, encode, write) with its `pictures` and `jpeg` codecs to the folder, `output`.
"""

from harmaug.generation.job import Settings
from harmaug.generation.run import Report, generate

__all__ = ["Report", "Settings", "generate"]
