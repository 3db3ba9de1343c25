"""Photos and masks to make composites of, in the iHarmony4 layout or plain.

Sources get their names in the set here. All codebases split an iHarmony4 name at its ``_``, some
from the left and some from the right, and some cut it at its first dot. So no part of a name may
hold ``_`` or a dot. Both are replaced, and a few digits of a hash keep apart names that would
become the same.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from harmaug.data.folder import HarmonyFolder, HarmonyItem, listed_splits, subset_folders
from harmaug.generation.output import is_set

Layout = Literal["iharmony4", "plain"]

SYNTHETIC = "aug"  # begins the number of a synthetic composite; iHarmony4's are digits alone
_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}


class Source(NamedTuple):
    """A photo and the mask of one of its foregrounds.

    Attributes:
        subset: folder of the set.
        name: ``<real>_<foreground>``, for the names of its files in the set.
        key: name of the mask as its owner gave it; the seed is folded with it.
        photo: path of the photo, from the root of the sources if it is below that.
        mask: path of the mask, likewise.
        split: the list that its composites are in.
        originals: paths of its own composites that go into the set.
        carried: whether its files go into the set, but no composites are made of it.
    """

    subset: str
    name: str
    key: str
    photo: str
    mask: str
    split: str = "train"
    originals: tuple[str, ...] = ()
    carried: bool = False

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.subset}/{self.key}"


class Found(NamedTuple):
    """Sources, in order of their names, and a sentence for each file that is left out."""

    sources: list[Source]
    problems: list[str]


def find_sources(
    root: Path,
    layout: Layout | None = None,
    masks: Path | None = None,
    split: str = "train",
    originals: bool = False,
) -> Found:
    """Find the photos with masks of a folder; arguments as in `run.generate`.

    Raises:
        FileNotFoundError: there is no such folder, or no photo with a mask in it.
        ValueError: two files have one name, or the layout has no such option.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder.")
    if layout is None:
        subsets = itertools.chain(root.glob("real_images"), root.glob("*/real_images"))
        layout = "plain" if masks is not None or not any(subsets) else "iharmony4"
    if layout == "iharmony4":
        if masks is not None:
            raise ValueError("the iHarmony4 layout has its own masks; leave --masks out.")
        found = _iharmony4(root, split, originals)
        if originals and not any(source.originals for source in found.sources):
            raise FileNotFoundError(f"{root} has no composites; leave --with-originals out.")
    elif originals:
        raise ValueError("plain photos have no composites; leave --with-originals out.")
    else:
        folder = root / "masks" if masks is None else Path(os.path.abspath(masks))
        found = _plain(root, folder, split)
    sources = sorted(found.sources)
    if not sources:
        more = f": {found.problems[0]}" if found.problems else ""
        raise FileNotFoundError(f"{root} has no photo with a mask{more}.")
    for one, other in itertools.pairwise(sources):
        if (one.subset, one.name) == (other.subset, other.name):
            raise ValueError(f"two masks of {root} are named {one.name}; rename one of them.")
    return Found(sources, sorted(found.problems))


def original_name(source: Source, path: str) -> str:
    """Return the stem in the set of a composite that the source has."""
    number = Path(path).stem[len(source.key) + 1 :]
    taken = number.removeprefix(SYNTHETIC).isdecimal() and number.startswith(SYNTHETIC)
    return f"{source.name}_{host_name(number, taken)}"


def host_name(text: str, taken: bool = False) -> str:
    """Return a part of a name for all codebases: ``my_photo.v2`` -> ``my-photo-v2-ab12cd``."""
    shown = re.sub(r"[^\w-]|_", "-", printable(text))
    digits = hashlib.sha256(os.fsencode(text)).hexdigest()[:6]
    return shown if shown == text and not taken else f"{shown}-{digits}"


def printable(text: str) -> str:
    """Return a path as text that can be written: bytes that are not UTF-8 are replaced."""
    return os.fsencode(text).decode("utf-8", "replace")


def _iharmony4(root: Path, split: str, originals: bool) -> Found:
    found = Found([], [])
    for folder in subset_folders(root):
        splits = listed_splits(folder)
        listed = bool(splits) or any(folder.glob("*.[tT][xX][tT]"))
        held: set[Path] = set()  # photos of other lists: test photos never get into training
        for part in (*(name for name in splits if name != split), split):
            carried = part != split
            items, problems = _items(folder, part if listed else None, composites=False)
            own: dict[Path, list[str]] = defaultdict(list)
            if originals and (folder / "composite_images").is_dir():
                pairs, absent = _items(folder, part if listed else None, composites=True)
                problems = list(dict.fromkeys([*problems, *absent]))
                for item in pairs:
                    own[item.mask].append(_below(root, item.composite or item.mask))
            for item in items:
                name, key = _name(item.real.stem, item.mask.stem), item.mask.stem
                paths = _below(root, item.real), _below(root, item.mask)
                source = Source(
                    folder.name, name, key, *paths, part, tuple(own[item.mask]), carried
                )
                if item.real in held:
                    problems.append(f"{source.label}: its photo is in another list than {part} too")
                elif source.originals or not carried:
                    found.sources.append(source)
            held.update(item.real for item in items)
            if originals or not carried:
                found.problems.extend(problems)
        if not listed:
            alone = set(_pictures(folder / "real_images")) - held
            found.problems.extend(_without_mask(folder.name, folder, alone))
    return found


def _items(
    folder: Path, split: str | None, composites: bool
) -> tuple[list[HarmonyItem], list[str]]:
    """Return the samples of a subset, and a sentence for each that lacks a file."""
    try:
        found = HarmonyFolder(folder, split, composites=composites, skip_missing=True)
    except FileNotFoundError as error:
        return [], [f"{folder.name}: {str(error).rstrip('.')}"]
    return found.items, [f"{absent}: the file is absent" for absent in found.missing]


def _plain(root: Path, folder: Path, split: str) -> Found:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{root} has neither real_images (the iHarmony4 layout) nor the folder {folder} of "
            "masks; name the masks' folder with --masks."
        )
    subset = host_name(root.name) or "photos"
    photos: dict[str, list[Path]] = defaultdict(list)
    for path in _pictures(root):
        if root == folder or folder not in path.parents:
            photos[_stem(path, root)].append(path)
    found, used = Found([], []), set()
    for path in _pictures(folder):
        mask = _stem(path, folder)
        photo = next((stem for stem in (mask, mask.rpartition("_")[0]) if stem in photos), None)
        if photo is None:
            found.problems.append(f"{subset}/{printable(path.name)}: the mask has no photo")
            continue
        if len(photos[photo]) > 1:
            names = " and ".join(printable(path.name) for path in photos[photo])
            raise ValueError(f"{root} has the photos {names} for one mask; keep one of them.")
        used.add(photo)
        paths = _below(root, photos[photo][0]), _below(root, path)
        found.sources.append(Source(subset, _name(photo, mask), mask, *paths, split))
    alone = (path for stem in photos.keys() - used for path in photos[stem])
    found.problems.extend(_without_mask(subset, root, alone))
    return found


def _pictures(folder: Path) -> Iterator[Path]:
    """Yield image files at any depth, but none of hidden folders and files or of sets."""
    for place, folders, names in os.walk(folder, followlinks=True):
        visible = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in visible if not is_set(Path(place, name))]
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in _SUFFIXES:
                yield Path(place, name)


def _name(real: str, mask: str) -> str:
    """Return ``<real>_<foreground>`` for two stems; a mask named as its photo is the first."""
    return f"{host_name(real)}_{host_name(mask[len(real) + 1 :] or '1')}"


def _without_mask(subset: str, folder: Path, photos: Iterable[Path]) -> Iterator[str]:
    for path in photos:
        yield f"{subset}/{printable(_below(folder, path))}: the photo has no mask"


def _below(root: Path, path: Path) -> str:
    return str(path).removeprefix(os.path.join(root, ""))


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
