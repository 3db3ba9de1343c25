"""Hand-made ways to make composites: ``recipe(real, mask, generator)``.

``real`` is (B, 3, H, W) in [0, 1], ``mask`` (B, 1, H, W) in [0, 1], ``generator`` a
``torch.Generator`` on the CPU; the result is (B, 3, H, W). The background stays as it is.
"""

from harmaug.recipes.filters import RandomFilters
from harmaug.recipes.handmade import ColorTransfer, Illuminant, Mixture, Recipe, Retouch
from harmaug.recipes.transplant import Transplant

__all__ = [
    "ColorTransfer",
    "Illuminant",
    "Mixture",
    "RandomFilters",
    "Recipe",
    "Retouch",
    "Transplant",
]
