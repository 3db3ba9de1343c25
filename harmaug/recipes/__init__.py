"""Hand-made ways to make composites: ``composite = recipe(real, mask, generator)``.

Each recipe imitates how one kind of dataset is made. ``real`` is (B, 3, H, W) in [0, 1], ``mask``
(B, 1, H, W) in [0, 1], ``generator`` a ``torch.Generator`` on the CPU (torch's own if not given);
the composite is (B, 3, H, W) in [0, 1], and its background keeps the bits of ``real``.
"""

from harmaug.recipes.color_transfer import ColorTransfer
from harmaug.recipes.filters import Filters, RandomFilters
from harmaug.recipes.illuminant import Illuminant
from harmaug.recipes.mixture import Composition, Mixture, Recipe, build_recipe
from harmaug.recipes.relight import Relight
from harmaug.recipes.rendering import render_illuminants, render_tone_curves, render_white_balance
from harmaug.recipes.retouch import Retouch
from harmaug.recipes.transforms import Transforms, read_transforms, transform_files
from harmaug.recipes.transplant import Transplant

__all__ = [
    "ColorTransfer",
    "Composition",
    "Filters",
    "Illuminant",
    "Mixture",
    "RandomFilters",
    "Recipe",
    "Relight",
    "Retouch",
    "Transforms",
    "Transplant",
    "build_recipe",
    "read_transforms",
    "render_illuminants",
    "render_tone_curves",
    "render_white_balance",
    "transform_files",
]
