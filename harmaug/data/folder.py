"""Datasets in the iHarmony4 layout: pairs of photo and composite, or photos with masks alone.

A subset is a folder

    real_images/<real>.jpg
    masks/<real>_<foreground>.png
    composite_images/<real>_<foreground>_<k>.jpg     (may be missing: photos without composites)

and names are split at their last ``_``, because a real name may hold ``_`` too. Its splits are in
lists of file names, one a line: ``<subset>_<split>.txt`` in the subset, or else ``IHD_<split>.txt``
beside it, with the subset in each line (``<subset>/composite_images/<name>``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from harmaug.data.sized import read_sized_mask, read_sized_photo

SPLITS = ("train", "val", "test")
_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class HarmonyItem:
    """The files of one sample; ``composite`` is None for a photo with a mask alone."""

    subset: str
    real: Path
    mask: Path
    composite: Path | None

    @property
    def name(self) -> str:
        """The file name in lists: of the composite, or of the mask where there is none."""
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
        split: keep the samples in the lists of this split; None keeps all and needs no list. A
            subset whose lists are of other splits has no samples in this one.
        composites: True keeps only subsets that have composites, False gives photos and masks of
            every subset, one sample a mask; None takes each subset as it is.
        size: resize to ``(size, size)`` in 8 bits, antialiased, aspect not kept; None keeps size
            and depth.
        skip_missing: leave out entries whose files are absent; ``missing`` lists them.

    Attributes:
        items: one `HarmonyItem` a sample.
        missing: one sentence for each entry that was left out.

    Raises:
        FileNotFoundError: no subset, no list of the split, no samples, or absent files.
        ValueError: files of a sample differ in size or cannot be read, or a list is ambiguous.
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
        for folder in subset_folders(self.root):
            if composites and not (folder / "composite_images").is_dir():
                continue
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
                "Restore them, or pass skip_missing=True (--skip-missing) to leave them out."
            )
        if not self.items:
            wanted = "composites with their masks and photos" if composites else "masks with photos"
            listed = "" if split is None else f" in the lists *_{split}.txt"
            raise FileNotFoundError(f"{self.root} has no {wanted}{listed}.")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.items[index]
        files = [("real", item.real, read_sized_photo), ("mask", item.mask, read_sized_mask)]
        if item.composite is not None:
            files.append(("composite", item.composite, read_sized_photo))
        sample: dict[str, Any] = {}
        shape: tuple[int, ...] = ()
        for key, path, read in files:
            sample[key], found = read(path, self.size)
            shape = shape or found
            if found != shape:
                raise ValueError(
                    f"{path} is {found[1]}x{found[0]} pixels but its photo {item.real.name} is "
                    f"{shape[1]}x{shape[0]}; they must have one size."
                )
        return sample | {"name": item.name, "subset": item.subset}

    @property
    def subsets(self) -> list[str]:
        """Names of the subset folders that have samples, in order."""
        return list(dict.fromkeys(item.subset for item in self.items))


def subset_folders(root: Path) -> list[Path]:
    """Return ``root`` itself if it is a subset, else the subsets in it.

    Raises:
        FileNotFoundError: neither it nor a folder in it is in the iHarmony4 layout.
    """
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


def listed_splits(folder: Path) -> list[str]:
    """Return the splits, of train, val and test, that lists give for a subset folder."""
    folder = Path(os.path.abspath(folder))
    return [split for split in SPLITS if _read_lists(folder, split) is not None]


def _stem_above(stem: str) -> str:
    """Return a stem without its last ``_`` part, or as it is where it has none."""
    return stem.rpartition("_")[0] or stem


def _index(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return image files by stem, in order of name, without hidden ones (``._a.jpg`` of macOS)."""
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
    """Yield the samples of a subset; for one with an absent file, a sentence that names it."""
    reals = _index(folder / "real_images", _SUFFIXES)
    masks = _index(folder / "masks", (".png",))
    composite_folder = folder / "composite_images"
    composites = _index(composite_folder, _SUFFIXES) if composite_folder.is_dir() else None

    names = list(masks if composites is None else composites)
    if split is not None:
        listed = _read_lists(folder, split)
        if listed is None and not listed_splits(folder):
            raise FileNotFoundError(
                f"{folder} has no list file {folder.name}_{split}.txt, and no IHD_{split}.txt "
                "beside it names its files; write one, or leave out split."
            )
        names = listed or []
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


def _read_lists(folder: Path, split: str) -> list[str] | None:
    """Return the stems that lists give this split of a subset, without repeats; None without."""
    own = _lists(folder, split)
    if len(own) > 1:
        own = [path for path in own if path.stem == f"{folder.name}_{split}"] or own
    if len(own) > 1:
        raise ValueError(
            f"{folder} has several lists for the split {split!r}: "
            f"{', '.join(path.name for path in own)}; keep one of them."
        )
    found = [
        parts[-1]
        for path in own or _lists(folder.parent, split)
        for parts in _lines(path)
        if own or folder.name in parts[-3:-1] or (len(parts) == 1 and _has(folder, parts[0]))
    ]
    stems = (Path(name).stem if Path(name).suffix.lower() in _SUFFIXES else name for name in found)
    return list(dict.fromkeys(stems)) if own or found else None


def _lists(folder: Path, split: str) -> list[Path]:
    paths = sorted(folder.glob("*.[tT][xX][tT]"))
    return [path for path in paths if path.stem == split or path.stem.endswith(f"_{split}")]


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a list as parts of a path; either separator may stand between them."""
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = data.decode(encoding, "replace")
    if "\0" in text or "\ufffd" in text:
        raise ValueError(f"{path} is not a text file in UTF-8 or UTF-16; save it as UTF-8.")
    for line in text.splitlines():
        if line.strip():
            yield line.strip().replace("\\", "/").split("/")


def _has(folder: Path, name: str) -> bool:
    return any((folder / part / name).exists() for part in ("composite_images", "masks"))
