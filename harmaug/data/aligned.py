"""Aligned sequences: frames of one viewpoint under many lights, such as those of a webcam.

A scene is a folder

    <scene>/<frame>.jpg     frames of one size, pixel on pixel; their names give the order of time
    <scene>/masks/*.png     (may be missing) foregrounds, each of them in all frames

and a root is a scene, or a folder of scenes. Where there are no masks, static segments serve.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from harmaug.data.segments import static_segments
from harmaug.data.sized import read_sized_mask, read_sized_photo
from harmaug.data.structure import SIDE, Agreement, compare, edge_fields, measure_shifts

_SUFFIXES = (".jpg", ".jpeg", ".png")
_FARTHEST = 0.5  # pixels of SIDE that a frame may be shifted by
_SURE, _SURER = 0.15, 1.25  # correlation at a shift that is one, and over that without a shift
_NAMED = 5  # frames, in one warning

_TILE = 4  # pixels a side of the tiles in which something passing is looked for
_PASSING = 0.15  # of a segment, that may show what no other frame shows
_SEEN = 0.25  # correlation of edges, below which a frame does not show a segment
_SHOWN = 0.05  # mean length of edges, below which there is nothing to correlate
_BLACK, _WHITE = 8 / 255, 247 / 255
_LOST = 0.7  # of a segment, that may be black or white


@dataclass(frozen=True)
class AlignedScene:
    """Frames of one viewpoint, and regions that any of them can lend to another.

    Attributes:
        name: that of its folder.
        frames: (T, 3, S, S) uint8.
        masks: (K, S, S) bool, regions that do not move.
        usable: (T, K) bool, whether a frame shows a region, not in black or white, and nothing
            that passes before it.
    """

    name: str
    frames: Tensor
    masks: Tensor
    usable: Tensor

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, rows: slice) -> AlignedScene:
        """Return the scene with some of its frames."""
        return replace(self, frames=self.frames[rows], usable=self.usable[rows])


def scene_folders(root: Path) -> list[Path]:
    """Return ``root`` itself if it holds frames, else the folders of frames in it, or none.

    A folder in the iHarmony4 layout holds none.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        return []
    children = sorted(path for path in root.iterdir() if path.is_dir())
    if any((path / "real_images").is_dir() for path in (root, *children)):  # as iHarmony4 is
        return []
    if len(own := _images(root)) > 1:
        return [root]
    found = [path for path in children if path.name != "masks" and _images(path)]
    return found or [root] * bool(own)


def read_scenes(folders: Iterable[Path], size: int, *, progress: bool = True) -> list[AlignedScene]:
    """Read scenes into memory, resized to ``size`` x ``size``.

    Frames of another size than most, and frames that lie elsewhere than the others, are left out
    with one warning that names them.

    Args:
        folders: of `scene_folders`.
        size: pixels a side.
        progress: show a bar on a terminal.

    Raises:
        ValueError: a scene has fewer than two frames, or no masks and nothing static; or a file
            cannot be read, or a mask has another size.
    """
    scenes: list[AlignedScene] = []
    left_out: list[str] = []
    for folder in tqdm(list(folders), desc="read scenes", disable=None if progress else True):
        scenes.append(_read_scene(folder, size, left_out))
    if left_out:
        more = f"; and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        warnings.warn(
            f"{len(left_out)} frames are left out: {'; '.join(left_out[:_NAMED])}{more}.",
            stacklevel=2,
        )
    return scenes


def _images(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]


def _read_scene(folder: Path, size: int, left_out: list[str]) -> AlignedScene:
    """Read one scene; add a few words on each frame that is left out."""
    paths = _images(folder)
    read = [read_sized_photo(path, size) for path in paths]
    shapes = Counter(shape for _, shape in read)
    (height, width), _ = shapes.most_common(1)[0]
    kept = [row for row, (_, shape) in enumerate(read) if shape == (height, width)]
    for path, (_, shape) in zip(paths, read, strict=True):
        if shape != (height, width):
            size_of = f"{shape[1]}x{shape[0]} pixels, the others {width}x{height}"
            left_out.append(f"{folder.name}/{path.name} ({size_of})")
    frames = torch.stack([(read[row][0] * 255).round().to(torch.uint8) for row in kept])
    small = _shrink(frames.float() / 255)
    fields = edge_fields(small)
    aligned = torch.arange(len(kept))
    while len(aligned) > 1:
        shifts, there, here = measure_shifts(fields[:, aligned])
        distance = shifts.norm(dim=1) * ((there > _SURE) & (there > _SURER * here))
        # Frames far away pull the measure of the others: they go first.
        away = distance > max(_FARTHEST, 0.75 * distance.max().item())
        if not away.any():
            break
        pixels = (shifts * torch.tensor([height / SIDE, width / SIDE])).norm(dim=1)
        for row in away.nonzero().flatten().tolist():
            name = f"{folder.name}/{paths[kept[aligned[row]]].name}"
            left_out.append(f"{name} (shifted by {pixels[row]:.1f} pixels)")
        aligned = aligned[~away]
    frames, small, fields = frames[aligned], small[aligned], fields[:, aligned]
    if len(frames) < 2:
        why = f"; left out: {'; '.join(left_out[:_NAMED])}" if len(paths) > len(frames) else ""
        raise ValueError(
            f"{folder} has {len(frames)} of {len(paths)} frames of one size and viewpoint, "
            f"expected at least 2{why}. Add frames of other times of day; photos of other kinds "
            "go to the folders real_images and masks."
        )
    agreement = compare(fields)
    given = sorted((folder / "masks").glob("*.png")) if (folder / "masks").is_dir() else []
    if given:
        masks = torch.stack([_read_mask(path, size, (height, width)) for path in given])
        regions = _shrink(masks.unsqueeze(1).float())[:, 0]
    else:
        segments = static_segments(small, agreement)
        if not len(segments):
            raise ValueError(
                f"{folder} has no static content: nothing of 1 % of the frame or more is the same "
                f"in all frames but for its light. Give masks of what is, in {folder / 'masks'}; "
                "photos that are not of one viewpoint go to the folders real_images and masks."
            )
        regions = segments.float()
        masks = F.interpolate(regions.unsqueeze(1), (size, size), mode="bilinear")[:, 0] >= 0.5
    return AlignedScene(folder.name, frames, masks, usable_regions(small, agreement, regions))


def _read_mask(path: Path, size: int, shape: tuple[int, int]) -> Tensor:
    mask, found = read_sized_mask(path, size)
    if found != shape:
        raise ValueError(
            f"{path} is {found[1]}x{found[0]} pixels but the frames are {shape[1]}x{shape[0]}; "
            "they must have one size."
        )
    return mask[0] >= 0.5


def _shrink(images: Tensor) -> Tensor:
    if images.shape[2:] == (SIDE, SIDE):
        return images
    sized = F.interpolate(images, (SIDE, SIDE), mode="bilinear", antialias=True)
    return sized.clamp(0, 1)


def usable_regions(frames: Tensor, agreement: Agreement, regions: Tensor) -> Tensor:
    """Return whether (T, K) frames show regions as the other frames do, but for their light.

    Args:
        frames: (T, 3, H, W) in [0, 1].
        agreement: of the structure of these frames.
        regions: (K, H, W) in [0, 1].
    """
    weights = (regions / regions.sum((1, 2), keepdim=True).clamp_min(1e-6)).flatten(1).T
    pooled = agreement.pooled(weights)
    nothing = (pooled.own[0] < _SHOWN) & (pooled.own[0].mean(0) < _SHOWN)
    seen = nothing | (pooled.correlation() > _SEEN)

    around = Agreement(*(F.avg_pool2d(part, 3 * _TILE, _TILE, _TILE) for part in agreement))
    alike = around.correlation()  # (T, h, w), of the surroundings of each tile
    usual = alike.median(0).values
    passing = (around.own[0] > _SHOWN) & (alike < (usual / 2).clamp_min(_SEEN / 2))
    shares = F.avg_pool2d(weights.T.view(-1, 1, *regions.shape[1:]), _TILE).flatten(1) * _TILE**2
    free = passing.flatten(1).float() @ shares.T < _PASSING

    lost = (frames.amax(1) < _BLACK) | (frames.amin(1) > _WHITE)
    return seen & free & (lost.flatten(1).float() @ weights < _LOST)
