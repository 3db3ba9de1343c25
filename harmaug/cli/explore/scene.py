"""A photo and its foreground: files of a visitor, a drawing, or a packaged photo."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.cli.composites import admit
from harmaug.data.demo import demo_photos
from harmaug.inputs import Inputs
from harmaug.io.photos import Photo, read_mask, read_photo

SIDE = 768  # pixels of a side on the page
_DIM = 0.3  # of the background, where the page shows the foreground


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo and mask that passed the door.

    Attributes:
        name: the start of file names.
        photo: the photo.
        inputs: photo and mask at full size.
        view: both at the size that the page shows.
        files: names of the files of photo and mask, None for those that come with the package.
        drawing: the drawn mask as a PNG file.
    """

    name: str
    photo: Photo
    inputs: Inputs
    view: Inputs
    files: tuple[str | None, str | None]
    drawing: bytes | None = None

    def foreground(self) -> Image.Image:
        """Return the photo with a dark background."""
        return picture(self.view.real[0] * (_DIM + (1 - _DIM) * self.view.mask[0]))


def demo_scene(name: str, drawing: Mapping[str, Any] | None = None) -> Scene:
    """Return a packaged photo, with its own mask or a drawn one."""
    photo, mask = next((photo, mask) for found, photo, mask in demo_photos() if found == name)
    if drawing is None:
        return _scene(name, photo, mask, (None, None))
    return _drawn(name, photo, drawing, None)


def own_scene(
    photo: str | None,
    mask: str | None,
    megapixels: float,
    drawing: Mapping[str, Any] | None = None,
) -> Scene:
    """Return the photo in a file, with the mask in another one or a drawn one.

    Args:
        photo: the file, None where none was given yet.
        mask: the file, None where none was given yet.
        megapixels: refuse larger photos.
        drawing: what `drawn_mask` takes; the mask's file is then not read.

    Raises:
        ValueError: something is missing, unreadable, or does not fit, in one sentence.
    """
    if photo is None:
        raise ValueError("Give a photo.")
    path = Path(photo)
    content = read_photo(path.name, megapixels, data=path.read_bytes())
    if drawing is not None:
        return _drawn(path.stem, content, drawing, path.name)
    if mask is None:
        raise ValueError("Give its mask, in which the foreground is white, or draw one.")
    place = Path(mask)
    values = read_mask(place.name, megapixels, data=place.read_bytes())
    height, width = content.pixels.shape[:2]
    if values.shape != (height, width):
        raise ValueError(
            f"The mask {place.name} has {values.shape[1]} x {values.shape[0]} pixels, but the "
            f"photo {path.name} has {width} x {height}: give a mask of the photo's size."
        )
    # Two files of one name lie in two folders.
    file = f"masks/{place.name}" if place.name == path.name else place.name
    return _scene(path.stem, content, values, (path.name, file))


def drawn_mask(drawing: Mapping[str, Any], height: int, width: int) -> bytes:
    """Return a drawing as a mask of a photo's size, in a PNG file.

    Args:
        drawing: ``"layers"`` are pictures (h, w, 4), uint8; what has any opacity is foreground.
        height: of the photo.
        width: of the photo.
    """
    mask = np.zeros((1, 1), bool)
    for layer in drawing["layers"] or []:
        mask = mask | (np.asarray(layer)[..., 3] > 0)
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    file = io.BytesIO()
    image.resize((width, height), Image.Resampling.BILINEAR).save(file, "PNG")
    return file.getvalue()


def photo_picture(name: str | None, file: str | None, megapixels: float) -> Image.Image:
    """Return a packaged photo, or the one in a file, at the size to draw on."""
    if name is not None:
        photo = next(photo for found, photo, _ in demo_photos() if found == name)
    else:
        path = Path(str(file))
        photo = read_photo(path.name, megapixels, data=path.read_bytes())
    return picture(photo.tensor())


def picture(image: Tensor, side: int = SIDE) -> Image.Image:
    """Return (3, H, W) in [0, 1] as a picture of 8 bits that fits ``side`` x ``side``."""
    codes = _smaller(image[None], side)[0].clamp(0, 1).mul(255).add(0.5).byte()
    return Image.fromarray(codes.permute(1, 2, 0).contiguous().numpy())


def _drawn(name: str, photo: Photo, drawing: Mapping[str, Any], file: str | None) -> Scene:
    data = drawn_mask(drawing, *photo.pixels.shape[:2])
    mask_file = f"{name}_mask.png"
    mask = read_mask(mask_file, data=data)
    if not mask.any():
        raise ValueError("Draw over the foreground, then press the button below the drawing.")
    return _scene(name, photo, mask, (file, mask_file), data)


def _scene(
    name: str,
    photo: Photo,
    mask: Tensor,
    files: tuple[str | None, str | None],
    drawing: bytes | None = None,
) -> Scene:
    inputs = admit(photo, mask, files[0] or "the photo", files[1] or "the mask")
    view = replace(inputs, real=_smaller(inputs.real), mask=_smaller(inputs.mask))
    return Scene(name, photo, inputs, view, files, drawing)


def _smaller(images: Tensor, side: int = SIDE) -> Tensor:
    """Return (B, C, H, W) scaled down to fit ``side`` x ``side``."""
    scale = side / max(images.shape[2:])
    if scale >= 1:
        return images
    size = [max(round(length * scale), 1) for length in images.shape[2:]]
    return torch.nn.functional.interpolate(images, size=size, mode="area")
