"""Contact sheets: pictures in rows, each above its caption."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from harmaug.io.pixels import to_8_bits

_PAPER, _INK = (238, 238, 238), (32, 32, 32)  # neutral, so as not to tint what is judged on it
_GAP, _FONT_SIZE = 8, 15


def thumbnail(pixels: np.ndarray, side: int = 240) -> Image.Image:
    """Return (H, W, 3) or (H, W), uint8 or uint16, scaled down to fit ``side`` x ``side``."""
    image = Image.fromarray(to_8_bits(pixels))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image.convert("RGB")


def contact_sheet(rows: Sequence[Sequence[tuple[str, Image.Image]]]) -> Image.Image:
    """Return rows of captions and pictures laid out as one, each picture at its own size."""
    if not rows or not all(rows):
        raise ValueError("a contact sheet needs at least one row and no empty row.")
    font = ImageFont.load_default(_FONT_SIZE)
    caption_height = round(font.getbbox("Ágjp|")[3]) + 3
    heights = [max(picture.height for _, picture in row) for row in rows]
    widths = [
        max(row[column][1].width for row in rows if column < len(row))
        for column in range(max(map(len, rows)))
    ]
    size = (
        _GAP + sum(width + _GAP for width in widths),
        _GAP + sum(height + caption_height + _GAP for height in heights),
    )
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for (caption, picture), width in zip(row, widths, strict=False):
            sheet.paste(picture, (left, top))
            draw.text((left, top + picture.height), _fitted(caption, width, font), _INK, font)
            left += width + _GAP
        top += height + caption_height + _GAP
    return sheet


def _fitted(caption: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the caption, cut until it fits."""
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(caption + "…") > width:
        caption = caption[:-1]
    return caption + "…"
