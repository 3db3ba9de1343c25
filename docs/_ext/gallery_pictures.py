"""Pictures of the gallery: each block of an example shows the variable ``sheet``; their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from sphinx_gallery.scrapers import figure_rst

ORDER = (
    "checkpoints",
    "views",
    "latents",
    "strength",
    "looks",
    "basis",
    "encode",
    "recipes",
    "wrapped_batch",
    "region_localization",
    "self_blended",
    "composition",
    "matting",
    "inside_mask",
)


class Order:
    """Sorts the files of the gallery as `ORDER` has them; others come last."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        """Return the place of a file."""
        stem = Path(name).stem
        return ORDER.index(stem) if stem in ORDER else len(ORDER), stem


class SheetScraper:
    """Saves the picture in ``sheet`` after each block that has made a new one."""

    def __init__(self) -> None:
        self.last: Image.Image | None = None

    def __repr__(self) -> str:
        return type(self).__name__

    def __call__(self, block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
        """Return the text that shows the picture, or nothing."""
        sheet = block_vars["example_globals"].get("sheet")
        if not isinstance(sheet, Image.Image) or sheet is self.last:
            return ""
        self.last = sheet
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(".jpg")
        sheet.convert("RGB").save(path, quality=90)
        text: str = figure_rst([str(path)], gallery_conf["src_dir"])
        return text
