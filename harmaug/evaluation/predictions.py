"""A harmonizer's output folder: which file is the prediction for which composite."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harmaug.data.folder import HarmonyItem

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_NAMED = 3  # missing files that an error names


def find_predictions(
    root: str | os.PathLike[str], items: Sequence[HarmonyItem], *, skip_missing: bool = False
) -> list[tuple[HarmonyItem, Path]]:
    """Pair composites with predictions of the same name, whatever their suffix.

    Predictions may lie in one folder or in any folders below it; where one is named like a subset,
    what lies in it belongs to that subset.

    Args:
        root: the output folder.
        items: the composites.
        skip_missing: leave out composites without a prediction instead of raising.
    """
    root = Path(root)
    files = _index(root)
    subsets = {item.subset for item in items}
    found: list[tuple[HarmonyItem, Path]] = []
    missing: list[str] = []
    owner: dict[Path, HarmonyItem] = {}
    for item in items:
        path = _choose(item, files, root, subsets)
        if path is None:
            missing.append(f"{item.subset}/{item.name}")
            continue
        if path in owner:
            raise ValueError(
                f"{path} could be the prediction for {owner[path].subset}/{item.name} and for "
                f"{item.subset}/{item.name}; sort predictions into folders named like the subsets."
            )
        owner[path] = item
        found.append((item, path))
    if missing and not (skip_missing and found):
        raise FileNotFoundError(_missing(root, files, missing, len(items)))
    return found


def _index(root: Path) -> dict[str, list[Path]]:
    """Image files below a folder by their stem; hidden ones are left out."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder of predictions.")
    files: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if path.suffix.lower() in _SUFFIXES and not hidden:
            files.setdefault(path.stem, []).append(path)
    if not files:
        raise FileNotFoundError(f"{root} holds no image ({', '.join(_SUFFIXES)}).")
    return files


def _choose(
    item: HarmonyItem, files: dict[str, list[Path]], root: Path, subsets: set[str]
) -> Path | None:
    assert item.composite is not None
    mine: list[Path] = []
    common: list[Path] = []
    for path in files.get(item.composite.stem, ()):
        above = subsets.intersection(path.relative_to(root).parts[:-1])
        if item.subset in above:
            mine.append(path)
        elif not above:
            common.append(path)
    chosen = mine or common
    if len(chosen) > 1:
        raise ValueError(
            f"{item.subset}/{item.name} has several predictions: "
            f"{', '.join(str(path.relative_to(root)) for path in chosen)}; keep one of them."
        )
    return chosen[0] if chosen else None


def _missing(root: Path, files: dict[str, list[Path]], missing: list[str], total: int) -> str:
    shown = ", ".join(missing[:_NAMED]) + (", ..." if missing[_NAMED:] else "")
    message = f"{len(missing)} of {total} composites have no prediction in {root} ({shown})"
    if len(missing) == total:
        example = next(iter(files.values()))[0].relative_to(root)
        return f"{message}; predictions are named like the composites, and there is {example}."
    return f"{message}; name a split, or go on without them by --skip-missing."
