"""Contact sheets: pictures in rows, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK = (238, 238, 238), (32, 32, 32)  # neutral, so as not to tint what is judged on it
_GAP = 8


def contact_sheet(rows: Sequence[Sequence[tuple[str, np.ndarray]]], cell: int = 240) -> Image.Image:
    """Lay pictures out in rows, scaled down to one width, with captions beneath.

    Args:
        rows: captions and pictures, each picture (H, W, 3) or (H, W) uint8; a row may be shorter
            than others.
        cell: width of a column in pixels; no picture becomes wider or higher, none is enlarged.
    """
    if not rows or not all(rows):
        raise ValueError("a contact sheet needs at least one row and no empty row.")
    font = ImageFont.load_default(size=max(11, cell // 16))
    caption_height = sum(font.getmetrics()) if isinstance(font, ImageFont.FreeTypeFont) else 14
    thumbnails = [
        [(caption, _thumbnail(picture, cell)) for caption, picture in row] for row in rows
    ]
    heights = [max(picture.height for _, picture in row) for row in thumbnails]
    widths = [
        max(row[column][1].width for row in thumbnails if column < len(row))
        for column in range(max(map(len, thumbnails)))
    ]
    size = (
        _GAP + sum(width + _GAP for width in widths),
        _GAP + sum(height + caption_height + _GAP for height in heights),
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, height in zip(thumbnails, heights, strict=True):
        left = _GAP
        for (caption, picture), width in zip(row, widths, strict=False):
            sheet.paste(picture, (left, top))
            draw.text((left, top + picture.height), _fitted(caption, width, font), _INK, font)
            left += width + _GAP
        top += height + caption_height + _GAP
    return sheet


def _thumbnail(picture: np.ndarray, cell: int) -> Image.Image:
    image = Image.fromarray(picture).convert("RGB")
    image.thumbnail((cell, cell), Image.Resampling.LANCZOS)
    return image


def _fitted(caption: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The caption, shortened until it fits."""
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(caption + "…") > width:
        caption = caption[:-1]
    return caption + "…"
