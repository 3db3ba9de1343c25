"""A training set and its test pairs as files: iHarmony4 as the codebases read it."""

from __future__ import annotations

from pathlib import Path

from cache import Photos, picture
from sets import Data, scene_of
from trial import half

SUBSET, EMPTY = "HCOCO", "HFlickr"  # the pairs, and a subset with empty lists
TEST = "unseen photos"
_QUALITY = 95  # of JPEG files, as iHarmony4 has them


def written(data: Data, name: str, size: int, seed: int, root: Path, tests: int | None) -> Path:
    """Return a folder of subsets, with the pairs of a set in one of them; write it if need be.

    Args:
        data: photos and recipes.
        name: a domain, see `Data.training_set`.
        size: photos of the training set, one composite each.
        seed: draws photos and composites of the training set; test pairs are always the same.
        root: of all such folders.
        tests: take only so many test pairs; None takes all.
    """
    folder = root / f"{name}-{size}-{tests or 'all'}-{seed}"
    done = folder / "done"
    if done.exists():
        return folder
    pairs = data.training_set(name, size, seed).pairs
    unseen = data.tests(name)[TEST].photos
    unseen = unseen if tests is None else unseen.take(range(min(tests, len(unseen))))
    for kind in ("composite_images", "real_images", "masks"):
        (folder / SUBSET / kind).mkdir(parents=True, exist_ok=True)
    (folder / EMPTY).mkdir(exist_ok=True)
    for split, photos in (("train", pairs), ("test", unseen)):
        names = _write(photos, folder / SUBSET)
        (folder / SUBSET / f"{SUBSET}_{split}.txt").write_text("\n".join(names) + "\n")
        (folder / EMPTY / f"{EMPTY}_{split}.txt").touch()
    done.write_text(f"{pairs.digest()} {unseen.digest()}")
    return folder


def digests(folder: Path) -> tuple[str, str]:
    """Return sixteen hexadecimal digits of the training pairs, and of the test pairs."""
    train, test = (folder / "done").read_text().split()
    return train, test


def scenes(folder: Path) -> dict[str, str]:
    """Return the scene of each test composite, by its name."""
    names = (folder / SUBSET / f"{SUBSET}_test.txt").read_text().split()
    return {name: scene_of(name) for name in names}


def _write(photos: Photos, folder: Path) -> list[str]:
    """Write pairs, return the names of the composites."""
    assert photos.composite is not None
    names = []
    reals, composites, masks = map(half, (photos.real, photos.composite, photos.mask))
    for name, real, composite, mask in zip(photos.names, reals, composites, masks, strict=True):
        stem = name.rpartition(".")[0]  # <photo>_<foreground>
        names.append(f"{stem}_1.jpg")
        picture(mask.byte() * 255).save(folder / "masks" / f"{stem}.png")
        photo = f"{stem.rpartition('_')[0]}.jpg"
        for kind, image, file in (
            ("real_images", real, photo),
            ("composite_images", composite, names[-1]),
        ):
            picture(image).save(folder / kind / file, quality=_QUALITY, subsampling=0)
    return names
