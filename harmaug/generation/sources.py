"""Finding what to make composites of: photos with their masks, in the iHarmony4 layout or plain.

Sources are named for the output here. All codebases take an iHarmony4 name apart at its ``_``, some
from the left and some from the right, and some cut it at its first dot. So a name that is to be
read by all of them has neither in its parts: what has is replaced, and a few digits of its hash
keep apart what became alike.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harmaug.data.folder import HarmonyFolder, listed_splits, subset_folders

_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"}


class Source(NamedTuple):
    """A photo and the mask of one of its foregrounds.

    Attributes:
        subset: folder of the output.
        name: ``<real>_<foreground>``, as files of the output are named.
        key: the mask's name as its owner gave it, which the seed is folded with.
        photo: path of the photo, from the root of the sources where it is below that.
        mask: path of the mask, likewise.
    """

    subset: str
    name: str
    key: str
    photo: str
    mask: str

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.subset}/{self.key}"


class Found(NamedTuple):
    """Sources in order of their names, and a sentence for each file that has no counterpart."""

    sources: list[Source]
    problems: list[str]


def find_sources(
    root: Path, layout: str | None = None, masks: Path | None = None, split: str = "train"
) -> Found:
    """The photos with masks of a folder.

    Args:
        root: in the layout "iharmony4" a subset folder or a folder of them; in the layout "plain"
            photos at any depth.
        layout: "iharmony4" or "plain"; None looks for ``real_images``.
        masks: where the masks of plain photos are, each under the name of its photo or under that
            and ``_<foreground>``, at the same depth; ``masks`` in ``root`` if not given.
        split: of subsets that have list files, the list to take photos from.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder.")
    if layout is None:
        layout = "plain" if masks is not None or not _has_subsets(root) else "iharmony4"
    if layout == "iharmony4":
        if masks is not None:
            raise ValueError("the iHarmony4 layout has its own masks; leave --masks out.")
        found = _iharmony4(root, split)
    else:
        found = _plain(root, root / "masks" if masks is None else Path(os.path.abspath(masks)))
    sources = sorted(
        source._replace(photo=_below(root, source.photo), mask=_below(root, source.mask))
        for source in found.sources
    )
    if not sources:
        more = f": {found.problems[0]}" if found.problems else ""
        raise FileNotFoundError(f"{root} has no photo with a mask{more}.")
    names = [(source.subset, source.name) for source in sources]
    if len(set(names)) < len(names):
        twice = next(a for a, b in itertools.pairwise(sources) if a[:2] == b[:2])
        raise ValueError(f"two masks of {root} are named {twice.name}; rename one of them.")
    return Found(sources, sorted(found.problems))


def host_name(text: str) -> str:
    """A part of a name as every codebase reads it: ``my_photo.v2`` -> ``my-photo-v2-ab12cd``."""
    digest = hashlib.sha256(os.fsencode(text)).hexdigest()
    shown = re.sub(r"[^\w-]|_", "-", printable(text))
    return shown if shown == text else f"{shown}-{digest[:6]}"


def printable(text: str) -> str:
    """A path as text that can be written: bytes that are no UTF-8 are replaced."""
    return os.fsencode(text).decode("utf-8", "replace")


def _below(root: Path, path: str) -> str:
    prefix = os.path.join(root, "")
    return path.removeprefix(prefix)


def _has_subsets(root: Path) -> bool:
    try:
        return bool(subset_folders(root))
    except FileNotFoundError:
        return False


def _iharmony4(root: Path, split: str) -> Found:
    found = Found([], [])
    for folder in subset_folders(root):
        listed = any(folder.glob("*.[tT][xX][tT]")) or bool(listed_splits(folder))
        try:
            items = HarmonyFolder(
                folder, split if listed else None, composites=False, skip_missing=True
            )
        except FileNotFoundError as error:
            found.problems.append(f"{folder.name}: {str(error).rstrip('.')}")
            continue
        found.problems.extend(f"{absent}: the file is absent" for absent in items.missing)
        used = set()
        for item in items.items:
            real, mask = item.real.stem, item.mask.stem
            used.add(item.real.name)
            foreground = mask[len(real) + 1 :] or "1"
            name = f"{host_name(real)}_{host_name(foreground)}"
            found.sources.append(Source(folder.name, name, mask, str(item.real), str(item.mask)))
        if not listed:
            alone = {path.name for path in _pictures(folder / "real_images")} - used
            found.problems.extend(
                f"{folder.name}/real_images/{printable(name)}: the photo has no mask"
                for name in alone
            )
    return found


def _plain(root: Path, folder: Path) -> Found:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{root} has neither real_images (the iHarmony4 layout) nor the folder {folder} of "
            "masks; name the masks' folder with --masks."
        )
    subset = host_name(root.name) or "photos"
    photos = {
        _stem(path, root): path
        for path in _pictures(root)
        if root == folder or folder not in path.parents
    }
    found, used = Found([], []), set()
    for path in _pictures(folder):
        mask = _stem(path, folder)
        photo = next((stem for stem in (mask, mask.rpartition("_")[0]) if stem in photos), None)
        if photo is None:
            found.problems.append(f"{subset}/{printable(path.name)}: the mask has no photo")
            continue
        used.add(photo)
        name = f"{host_name(photo)}_{host_name(mask[len(photo) + 1 :] or '1')}"
        found.sources.append(Source(subset, name, mask, str(photos[photo]), str(path)))
    alone = (photos[stem] for stem in photos.keys() - used)
    found.problems.extend(
        f"{subset}/{printable(str(path.relative_to(root)))}: the photo has no mask"
        for path in alone
    )
    return found


def _pictures(folder: Path) -> Iterator[Path]:
    """Image files at any depth; hidden ones (``._a.jpg`` of macOS) are left out."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in _PICTURES:
                yield Path(place, name)


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
