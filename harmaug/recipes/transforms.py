"""Collections of colour transforms on disk: looks, white balance, illuminants.

A collection is any mix of ``.cube`` files, Hald images (``.png``, ``.tif``) and ``.npz`` archives,
told apart by what they hold:

- ``luts`` (N, 3, D, D, D), uint8 or float in [0, 1], axes (n, channel, b, g, r): looks;
- ``maps`` (M, 9, 3): white-balance polynomials (`colour.map_white_balance`);
- ``to_standard`` and ``from_standard``, (S, 3, 11) each: illuminants (`colour.map_illuminant`).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harmaug.lut import identity_lut, read_cube, read_hald, resize_lut
from harmaug.recipes import colour

_HALD_SUFFIXES = (".png", ".tif", ".tiff")

# Arrays of an archive: how their layout is written, and the axes that follow the first.
_LAYOUTS = {
    "luts": ("(N, 3, D, D, D)", lambda last: (3, last, last, last)),
    "maps": ("(M, 9, 3)", lambda last: (9, 3)),
    "to_standard": ("(S, 3, 11)", lambda last: (3, 11)),
    "from_standard": ("(S, 3, 11)", lambda last: (3, 11)),
}


@dataclass(frozen=True)
class Transforms:
    """Colour transforms to put on a foreground; a field without any is None.

    Attributes:
        looks: (N, 3, D, D, D) LUTs.
        white_balance: (M, 9, 3) polynomials.
        to_standard: (S, 3, 11) polynomials from each scene's light to a standard one.
        from_standard: (S, 3, 11) polynomials back.
    """

    looks: Tensor | None = None
    white_balance: Tensor | None = None
    to_standard: Tensor | None = None
    from_standard: Tensor | None = None

    def split(self, every: int = 10) -> tuple[Transforms, Transforms]:
        """Two collections, the second holding each ``every``-th transform of a kind.

        Of fewer the last is set aside; a single one is in both.
        """
        parts = []
        for held in (False, True):
            chosen = {}
            for name, values in vars(self).items():
                if values is not None and len(values) > 1:
                    step = min(every, len(values))
                    aside = torch.arange(len(values)) % step == step - 1
                    chosen[name] = values[aside == held]
            parts.append(replace(self, **chosen))
        return parts[0], parts[1]

    def __len__(self) -> int:
        kept = (self.looks, self.white_balance, self.to_standard)
        return sum(len(values) for values in kept if values is not None)


def read_transforms(paths: Sequence[str | Path], size: int = 17) -> Transforms:
    """Read a collection; looks are resampled to ``size`` nodes an axis.

    Args:
        paths: files and folders (searched recursively).
        size: grid size D of the looks.
    """
    looks: list[Tensor] = []
    arrays: dict[str, Tensor] = {}
    for path in transform_files(paths):
        if path.suffix.lower() == ".npz":
            for name, values in _read_archive(path).items():
                if name == "luts":
                    looks.append(resize_lut(values, size))
                elif name in arrays:
                    raise ValueError(f"{path} holds {name!r}, and so does an earlier file.")
                else:
                    arrays[name] = values
        else:
            read = read_cube if path.suffix.lower() == ".cube" else read_hald
            looks.append(resize_lut(read(path), size).unsqueeze(0))
    found = Transforms(
        torch.cat(looks) if looks else None,
        arrays.get("maps"),
        arrays.get("to_standard"),
        arrays.get("from_standard"),
    )
    if not len(found):
        shown = ", ".join(map(str, paths))
        raise FileNotFoundError(
            f"{shown}: no .cube file, Hald image or .npz archive of transforms."
        )
    return found


def render_illuminants(
    transforms: Transforms, count: int, size: int = 17, generator: torch.Generator | None = None
) -> Tensor:
    """LUTs (<= count, 3, D, D, D) of random pairs of lights, without those that extrapolate."""
    if transforms.to_standard is None or transforms.from_standard is None:
        return torch.empty(0, 3, size, size, size)
    scenes = len(transforms.to_standard)
    source, target = torch.randint(scenes, (2, 2 * count), generator=generator)
    moved = colour.map_illuminant(node_colours(2 * count, size), transforms.to_standard[source])
    moved = colour.map_illuminant(moved.clamp(0, 1), transforms.from_standard[target])
    outside = ((moved < -0.05) | (moved > 1.05)).any(1).float().mean((1, 2))
    return as_luts(moved[outside < 0.3][:count])


def render_white_balance(
    transforms: Transforms, count: int, size: int = 17, generator: torch.Generator | None = None
) -> Tensor:
    """LUTs (count, 3, D, D, D) of random white-balance renderings."""
    if transforms.white_balance is None:
        return torch.empty(0, 3, size, size, size)
    drawn = torch.randint(len(transforms.white_balance), (count,), generator=generator)
    return as_luts(
        colour.map_white_balance(node_colours(count, size), transforms.white_balance[drawn])
    )


def node_colours(count: int, size: int) -> Tensor:
    """The colours of the nodes of ``count`` LUTs as images (count, 3, D, D^2)."""
    return identity_lut(size).flatten(2).expand(count, -1, -1, -1)


def as_luts(images: Tensor) -> Tensor:
    """What became of `node_colours`, (N, 3, D, D^2), as LUTs (N, 3, D, D, D)."""
    # A little beyond [0, 1] keeps slopes at the border; far beyond is extrapolation.
    size = images.shape[2]
    return images.reshape(-1, 3, size, size, size).clamp(-0.2, 1.2)


def transform_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files that `read_transforms` reads, folders searched; raise where a path is missing."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            suffixes = (".npz", ".cube", *_HALD_SUFFIXES)
            files += sorted(p for p in path.rglob("*") if p.suffix.lower() in suffixes)
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(f"there is no file or folder {path}.")
    return files


def _read_archive(path: Path) -> dict[str, Tensor]:
    arrays: dict[str, Tensor] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in _LAYOUTS.keys() & set(archive.files):
                values = archive[name]
                scale = 255 if values.dtype == np.uint8 else 1
                arrays[name] = torch.from_numpy(values.astype(np.float32) / scale)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no archive of colour transforms: {error}.") from None
    for name, values in arrays.items():
        shape = tuple(values.shape)
        size = shape[-1] if shape else 0
        if shape[1:] != _LAYOUTS[name][1](size):
            raise ValueError(f"{name!r} in {path} is {shape}, expected {_LAYOUTS[name][0]}.")
        if not values.isfinite().all():
            raise ValueError(f"{name!r} in {path} holds NaN or infinity.")
    lights = [len(arrays[name]) for name in ("to_standard", "from_standard") if name in arrays]
    if len(lights) == 1 or len(set(lights)) > 1:
        counts = " and ".join(map(str, lights))
        raise ValueError(
            f"{path} must hold a 'to_standard' and a 'from_standard' for every scene, got {counts}."
        )
    return arrays
