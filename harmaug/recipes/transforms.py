"""Collections of colour transforms on disk: looks, white balance, illuminants.

A collection is any mix of LUT files (``.cube``, ``.3dl``, ``.csp``, ``.spi1d``, ``.spi3d``), Hald
images (``.png``, ``.tif``) and ``.npz`` archives.
The names of its arrays say what an archive holds:

- ``luts`` (N, 3, D, D, D), uint8 or float in [0, 1], axes (n, channel, b, g, r): looks;
- ``maps`` (N, 9, 3), float: white-balance polynomials (`color.map_white_balance`);
- ``to_standard``, ``from_standard`` (N, 3, 11), float: illuminants (`color.map_illuminant`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from harmaug.lut import LUT_SUFFIXES, read_lut, resize_lut
from harmaug.lut.tensors import check_values

_SUFFIXES = (".npz", *LUT_SUFFIXES)
_BROKEN = (OSError, ValueError, TypeError, RuntimeError, EOFError, KeyError, BadZipFile, zlib.error)

# The axes that follow the first in the arrays of an archive; "D" stands for any size.
_AXES: dict[str, tuple[int | str, ...]] = {
    "luts": (3, "D", "D", "D"),
    "maps": (9, 3),
    "to_standard": (3, 11),
    "from_standard": (3, 11),
}


@dataclass(frozen=True)
class Transforms:
    """Colour transforms to put on a foreground; a kind without any is None.

    Attributes:
        looks: (N, 3, D, D, D), LUTs.
        white_balance: (N, 9, 3), polynomials.
        to_standard: (S, 3, 11), polynomials from each scene's light to a standard one.
        from_standard: (S, 3, 11), polynomials back.
    """

    looks: Tensor | None = None
    white_balance: Tensor | None = None
    to_standard: Tensor | None = None
    from_standard: Tensor | None = None

    def split(self, every: int = 10) -> tuple[Transforms, Transforms]:
        """Return two collections, the second with each ``every``-th transform of a kind.

        Of fewer transforms the last goes into the second; a single one is in both.
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


def pick(table: Tensor, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw a row of a table (N, ...) for each photo of a batch ``like``: (B, ...)."""
    return table[torch.randint(len(table), (len(like),), generator=generator)].to(like)


def read_transforms(paths: Sequence[str | Path], size: int = 17) -> Transforms:
    """Read a collection; looks are resampled to ``size`` nodes an axis.

    Args:
        paths: files, and folders (searched recursively).
        size: grid size D of the looks.

    Raises:
        FileNotFoundError: a path is missing, or there are no transforms.
        ValueError: a file is no LUT or no such archive; the message names it.
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
            looks.append(read_lut(path).sampled(size).unsqueeze(0))
    found = Transforms(
        torch.cat(looks) if looks else None,
        arrays.get("maps"),
        arrays.get("to_standard"),
        arrays.get("from_standard"),
    )
    if not len(found):
        shown = ", ".join(map(str, paths))
        raise FileNotFoundError(f"no LUT file, Hald image or .npz archive in {shown}.")
    return found


def transform_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the files that `read_transforms` reads; raise where a path is missing."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = (p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
            files += sorted(found)
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(f"there is no file or folder {path}.")
    return files


def _read_archive(path: Path) -> dict[str, Tensor]:
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it holds a single array")
        with archive:
            stored = {name: archive[name] for name in _AXES if name in archive.files}
    except _BROKEN as error:
        raise ValueError(f"{path} is no archive of colour transforms: {error}.") from None
    arrays = {name: _checked(values, name, path) for name, values in stored.items()}
    lights = [len(arrays[name]) for name in ("to_standard", "from_standard") if name in arrays]
    if len(lights) == 1 or len(set(lights)) > 1:
        counts = " and ".join(map(str, lights))
        raise ValueError(
            f"{path} must hold a 'to_standard' and a 'from_standard' for every scene, got {counts}."
        )
    return arrays


def _checked(values: np.ndarray, name: str, path: Path) -> Tensor:
    """Return an array of an archive as float32, bytes as [0, 1]; raise if it is of no use."""
    title, looks = f"{name!r} in {path}", name == "luts"
    codes = looks and values.dtype == np.uint8
    if not codes and values.dtype.kind != "f":
        kinds = "floating point or uint8" if looks else "floating point"
        raise ValueError(f"{title} is {values.dtype}, expected {kinds}.")
    size = values.shape[-1] if values.ndim else 0
    expected = tuple(size if axis == "D" else axis for axis in _AXES[name])
    if values.shape[1:] != expected or not values.size or size < 2:
        layout = ", ".join(map(str, ("N", *_AXES[name])))
        raise ValueError(f"{title} is {values.shape}, expected ({layout}).")
    tensor = torch.from_numpy(values.astype(np.float32) / (255 if codes else 1))
    if looks:
        check_values(tensor, title)
    elif not tensor.isfinite().all():
        raise ValueError(f"{title} holds NaN or infinity.")
    return tensor
