"""Datasets in the iHarmony4 layout: pairs of photo and composite, or photos with masks alone.

A subset is a folder

    real_images/<real>.jpg
    masks/<real>_<foreground>.png
    composite_images/<real>_<foreground>_<k>.jpg     (may be missing: photos without composites)
    <set>_<split>.txt                                (optional lists, one file name a line)

and names are taken apart from the right, on the file name only: real names of ccHarmony hold
``_`` themselves, and so may any folder above.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

_PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")
_MASK_SUFFIXES = (".png",)
_EXIF_ORIENTATION = 0x0112


def mask_name(composite: str) -> str:
    """File name of the mask of a composite: ``a_b_1_2.jpg`` -> ``a_b_1.png``."""
    return _drop_last_part(composite) + ".png"


def real_name(mask: str, suffix: str = ".jpg") -> str:
    """File name of the photo a mask belongs to: ``a_b_1.png`` -> ``a_b.jpg``."""
    return _drop_last_part(mask) + suffix


@dataclass(frozen=True)
class HarmonyItem:
    """The files of one sample; ``composite`` is None for a photo with a mask alone."""

    subset: str
    real: Path
    mask: Path
    composite: Path | None

    @property
    def name(self) -> str:
        """The file name that list files use: the composite's, or else the mask's."""
        return (self.composite or self.mask).name


class HarmonyFolder(Dataset[dict[str, Any]]):
    """Samples of one iHarmony4 subset folder, or of a root that holds several.

    A sample is a dict that torch's default collate takes (give ``size`` for batches):

    - ``real``: (3, H, W), sRGB in [0, 1].
    - ``mask``: (1, H, W) in [0, 1], 1 is foreground, soft edges kept.
    - ``composite``: (3, H, W), sRGB in [0, 1]; only where the subset has composites.
    - ``name``, ``subset``: file name (as in list files) and folder name.

    Args:
        root: a subset folder, or a folder of subset folders.
        split: keep what ``<set>_<split>.txt`` of each subset names (composites, or masks where
            there are no composites). None: everything that is there, no list needed. A subset
            whose lists are of other splits only has no samples in this one.
        composites: True keeps only subsets that have composites, False gives photos and masks of
            every subset, one sample a mask; None takes each subset as it is.
        size: resize to ``(size, size)``, antialiased, aspect not kept; None keeps full size.
        skip_missing: go on without entries whose files are absent; ``missing`` lists them.

    Attributes:
        items: one `HarmonyItem` a sample.
        missing: one sentence for each entry that was skipped.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | None = None,
        *,
        composites: bool | None = None,
        size: int | None = None,
        skip_missing: bool = False,
    ) -> None:
        if size is not None and size < 1:
            raise ValueError(f"size must be a positive number of pixels, got {size}.")
        self.root = Path(os.path.abspath(root))
        self.size = size
        self.items: list[HarmonyItem] = []
        self.missing: list[str] = []
        folders = subset_folders(self.root)
        if composites:
            folders = [folder for folder in folders if (folder / "composite_images").is_dir()]
        for folder in folders:
            for entry in _entries(folder, split, composites is not False):
                if isinstance(entry, HarmonyItem):
                    self.items.append(entry)
                else:
                    self.missing.append(entry)
        if self.missing and not skip_missing:
            shown = "; ".join(self.missing[:3])
            raise FileNotFoundError(
                f"{len(self.missing)} of {len(self.missing) + len(self.items)} entries of "
                f"{self.root} name absent files: {shown}{'; ...' * (len(self.missing) > 3)}. "
                "Restore them, or pass skip_missing=True (--skip-missing) to go on without them."
            )
        if not self.items:
            wanted = "composites with their masks and photos" if composites else "masks with photos"
            listed = "" if split is None else f" in the lists *_{split}.txt"
            raise FileNotFoundError(f"{self.root} has no {wanted}{listed}.")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.items[index]
        real, shape = _read(item.real, "RGB", self.size)
        sample: dict[str, Any] = {"real": real}
        others = [("mask", item.mask, "L")]
        if item.composite is not None:
            others.append(("composite", item.composite, "RGB"))
        for key, path, mode in others:
            sample[key], other = _read(path, mode, self.size)
            if other != shape:
                raise ValueError(
                    f"{path} is {other[0]}x{other[1]} pixels but its photo {item.real.name} is "
                    f"{shape[0]}x{shape[1]}; they must have one size."
                )
        return sample | {"name": item.name, "subset": item.subset}

    @property
    def subsets(self) -> list[str]:
        """Names of the subset folders that have samples, in order."""
        return list(dict.fromkeys(item.subset for item in self.items))


def _drop_last_part(name: str) -> str:
    stem = Path(name).stem
    if _stem_above(stem) == stem:
        raise ValueError(
            f"{name!r} is no iHarmony4 name: masks are <real>_<foreground>.png and composites "
            "<real>_<foreground>_<k>.jpg."
        )
    return _stem_above(stem)


def _stem_above(stem: str) -> str:
    """A stem without its last ``_`` part, or as it is where it has none."""
    return stem.rpartition("_")[0] or stem


def subset_folders(root: Path) -> list[Path]:
    """``root`` itself if it is a subset, else the subsets right below it."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder.")
    children = sorted(path for path in root.iterdir() if path.is_dir())
    for folders in ([root], children):
        found = [p for p in folders if (p / "real_images").is_dir() and (p / "masks").is_dir()]
        if found:
            return found
    names = ", ".join(path.name for path in children[:5]) or "none"
    raise FileNotFoundError(
        f"{root} is not in the iHarmony4 layout: looked for the folders real_images and masks "
        f"(and composite_images, if there are composites) in it and in each of its subfolders "
        f"({names})."
    )


def _index(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Image files by stem, in order of name; hidden files (``._a.jpg`` of macOS) are left out."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in files:
            raise ValueError(
                f"{folder} has both {files[path.stem].name} and {path.name}; keep one of them."
            )
        files[path.stem] = path
    return files


def _entries(folder: Path, split: str | None, pairs: bool) -> Iterator[HarmonyItem | str]:
    """The samples of a subset; for one with an absent file, a sentence that says which."""
    reals = _index(folder / "real_images", _PHOTO_SUFFIXES)
    masks = _index(folder / "masks", _MASK_SUFFIXES)
    composite_folder = folder / "composite_images"
    composites = _index(composite_folder, _PHOTO_SUFFIXES) if composite_folder.is_dir() else None

    listed = masks if composites is None else composites
    names = list(listed) if split is None else _read_list(folder, split)
    if composites is not None and not pairs:
        # One sample a mask: those of the listed composites, or all there are.
        names = list(masks) if split is None else list(dict.fromkeys(map(_stem_above, names)))
        composites = None

    for name in names:
        mask = name if composites is None else _stem_above(name)
        # A photo with a single mask may share its name with it: real_images/a.jpg, masks/a.png.
        real = next((stem for stem in (_stem_above(mask), mask) if stem in reals), None)
        if composites is not None and name not in composites:
            yield f"{folder.name}/composite_images/{name}.jpg"
        elif mask not in masks:
            yield f"{folder.name}/masks/{mask}.png"
        elif real is None:
            yield f"{folder.name}/real_images/{_stem_above(mask)}.jpg (photo of {mask}.png)"
        else:
            composite = None if composites is None else composites[name]
            yield HarmonyItem(folder.name, reals[real], masks[mask], composite)


def _read_list(folder: Path, split: str) -> list[str]:
    """Stems of the file names in the subset's list of this split, without repeats."""
    lists = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt")
    if not lists:
        raise FileNotFoundError(
            f"{folder} has no list file {folder.name}_{split}.txt; write one, or leave out split."
        )
    found = [path for path in lists if path.stem == split or path.stem.endswith(f"_{split}")]
    if len(found) > 1:
        found = [path for path in found if path.stem == f"{folder.name}_{split}"] or found
    if len(found) > 1:
        raise ValueError(
            f"{folder} has several lists for the split {split!r}: "
            f"{', '.join(path.name for path in found)}; keep one of them."
        )
    lines = found[0].read_text(encoding="utf-8-sig").splitlines() if found else []
    # Some lists hold paths, with either separator; the file name alone counts.
    names = (line.strip().replace("\\", "/").rpartition("/")[2] for line in lines)
    return list(dict.fromkeys(_without_suffix(name) for name in names if name))


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in _PHOTO_SUFFIXES else name


def _read(path: Path, mode: str, size: int | None) -> tuple[Tensor, tuple[int, int]]:
    """(C, H, W) in [0, 1], and the (width, height) the file has."""
    try:
        with Image.open(path) as file:
            quarter_turned = file.getexif().get(_EXIF_ORIENTATION, 1) >= 5
            shape = file.size[::-1] if quarter_turned else file.size
            if file.mode[0] in "IF":
                raise ValueError(f"it is of {file.mode} values, and only 8 bits a channel serve")
            if size is not None:
                # Large JPEGs are decoded at a fraction of their size, still twice what is wanted.
                file.draft(None, (2 * size, 2 * size))
            image = ImageOps.exif_transpose(file).convert(mode)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise OSError(f"cannot read the image {path}: {error}.") from error
    if size is not None:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    values = np.array(image, dtype=np.float32, ndmin=3) / 255
    planar = values if mode == "L" else values.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planar)), shape
