"""All files of one photo as a pure function: source and settings in, bytes and a record out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.augment import SycoNetAugment
from harmaug.generation.jpeg import PatchedJpeg
from harmaug.generation.pictures import PatchedPng, Picture, open_mask, open_photo
from harmaug.generation.sources import Source, printable
from harmaug.lut import composite_lut

_MEMORY = 1 << 26  # bytes of composites that are made at once; of large photos one at a time


@dataclass(frozen=True)
class Settings:
    """What decides the bytes of a set.

    Attributes:
        n: composites a photo and mask.
        checkpoints: names or paths; composites are spread over them evenly.
        strength: 0 leaves photos as they are, 1 takes the sampled colours.
        candidates: latents sampled a photo, of which the n hardest are kept; None takes n.
        format: of composites, "jpg" or "png".
        quality: of JPEG composites, 1 to 100.
        seed: another seed, other composites.
        max_megapixels: larger photos are skipped.
    """

    n: int = 10
    checkpoints: tuple[str, ...] = ("unified",)
    strength: float = 1.0
    candidates: int | None = None
    format: str = "jpg"
    quality: int = 95
    seed: int = 0
    max_megapixels: float = 100.0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be at least 1, got {self.n}.")
        if self.candidates is not None and self.candidates < self.n:
            raise ValueError(f"candidates must be at least n = {self.n}, got {self.candidates}.")
        if self.format not in ("jpg", "png"):
            raise ValueError(f"format must be jpg or png, got {self.format!r}.")
        if not 1 <= self.quality <= 100:
            raise ValueError(f"quality must be from 1 to 100, got {self.quality}.")
        if not self.checkpoints:
            raise ValueError("name at least one checkpoint.")


class Opened(NamedTuple):
    """The pictures of a source.

    Attributes:
        picture: the photo.
        region: its mask.
        real: (3, h, w) in [0, 1], the photo at about the size that the nets look at.
        alpha: (h, w) in [0, 1], the mask there.
    """

    picture: Picture
    region: Picture
    real: Tensor
    alpha: Tensor


class Decided(NamedTuple):
    """What one composite is to be.

    Attributes:
        checkpoint: its number in the settings.
        lut: (3, D, D, D).
        latent: (Z,).
        weights: (K,).
    """

    checkpoint: int
    lut: Tensor
    latent: Tensor
    weights: Tensor


class Composed(NamedTuple):
    """What came of a source.

    Attributes:
        files: name in the output -> bytes; the composites come last.
        originals: of files that are a file of the source as it is, the path of that.
        record: what the journal keeps of it.
    """

    files: dict[str, bytes]
    originals: dict[str, str]
    record: dict[str, Any]


class Composer:
    """Makes the files of a source in steps; the same bytes in whatever order or process.

    Args:
        settings: see there.
        root: of the sources.
        device: where the nets are; the LUTs are applied on the CPU.
    """

    def __init__(self, settings: Settings, root: Path, device: str = "cpu") -> None:
        self.settings = settings
        self.root = root
        self.augmenters = [
            SycoNetAugment.from_pretrained(name, device) for name in settings.checkpoints
        ]
        self._device = device
        # A picture that large shows the nets all that they would make of a larger one.
        self._side = max(2 * _resolution(augmenter) for augmenter in self.augmenters)

    def read(self, source: Source) -> tuple[bytes, bytes]:
        """The files of photo and mask."""
        return (self.root / source.photo).read_bytes(), (self.root / source.mask).read_bytes()

    def open(self, source: Source, photo: bytes, mask: bytes) -> Opened:
        """The pictures of a source whose files were read before."""
        limit = self.settings.max_megapixels
        picture = open_photo(str(self.root / source.photo), photo, limit)
        region = open_mask(str(self.root / source.mask), mask, limit)
        _check_mask(source, region.image, picture.image)
        return Opened(picture, region, *self._view(picture.image, region.image))

    @torch.inference_mode()
    def decide(self, source: Source, opened: Opened) -> list[Decided]:
        """What each composite is to be."""
        settings, count = self.settings, len(self.augmenters)
        first = int(_digest(settings.seed, source.key)[:8], 16)
        turns = [(first + k) % count for k in range(settings.n)]
        decided = {}
        for which in set(turns):
            share = turns.count(which)
            candidates = settings.candidates and settings.candidates * share // settings.n
            digest = _digest(settings.seed, source.key, which)
            augmenter = self.augmenters[which]
            inputs = augmenter.admit(opened.real, opened.alpha)
            decision = augmenter.decide(
                inputs,
                share,
                generator=torch.Generator().manual_seed(int(digest[:16], 16) >> 1),
                strength=settings.strength,
                candidates=candidates,
            )
            decided[which] = zip(*(values[0].cpu() for values in decision), strict=True)
        return [Decided(which, *next(decided[which])) for which in turns]

    @torch.inference_mode()
    def encode(self, source: Source, opened: Opened, decided: list[Decided]) -> Composed:
        """The files of a source, and its record."""
        picture, region = opened.picture, opened.region
        subset, name = source.subset, source.name
        real_file = f"{subset}/real_images/{name.rpartition('_')[0]}.jpg"
        mask_file = f"{subset}/masks/{name}.png"
        files = {real_file: picture.file, mask_file: region.file}
        originals = {}
        if picture.kept:
            originals[real_file] = str(self.root / source.photo)
        if region.kept:
            originals[mask_file] = str(self.root / source.mask)

        luts = [one.lut for one in decided]
        composites = _composites(picture, region.image, luts, self.settings)
        for k, composite in enumerate(composites, start=1):
            files[f"{subset}/composite_images/{name}_{k}.{self.settings.format}"] = composite
        record = {
            "subset": subset,
            "name": name,
            "photo": printable(source.photo),
            "mask": printable(source.mask),
            "files": {file: len(data) for file, data in files.items()},
            "composites": [
                {
                    "checkpoint": one.checkpoint,
                    "latent": pack(one.latent),
                    "weights": pack(one.weights),
                    "lut_shift": pack(one.lut.mean((1, 2, 3)) - 0.5),  # the identity's mean
                }
                for one in decided
            ],
            "notes": picture.notes,
        }
        return Composed(files, originals, record)

    @torch.inference_mode()
    def _view(self, photo: Image.Image, mask: Image.Image) -> tuple[Tensor, Tensor]:
        """A photo (3, h, w) and mask (h, w) of about the size that the nets look at."""
        factor = max(max(mask.size) // self._side, 1)
        small, region = photo.reduce(factor), mask.reduce(factor)
        if region.getbbox() is None:  # a foreground of few pixels, lost in the reduction
            small, region = photo, mask
        real, alpha = (torch.from_numpy(np.array(i)).to(self._device) for i in (small, region))
        return real.permute(2, 0, 1) / 255, alpha / 255


def _resolution(augmenter: SycoNetAugment) -> int:
    """The longest side of what a net takes a photo down to."""
    config = augmenter.net.config()
    return config.get("thumbnail") or config["size"]


def _digest(*parts: object) -> str:
    """Digits that depend on the parts and on nothing else."""
    joined = "\0".join(map(str, parts))
    return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()


def pack(values: Tensor) -> str:
    """Numbers as JSON keeps them exact and short: their float32 bytes in base 64."""
    return base64.b64encode(values.numpy().astype("<f4").tobytes()).decode("ascii")


def unpack(text: str) -> np.ndarray:
    """The numbers again, float32."""
    return np.frombuffer(base64.b64decode(text), "<f4")


def _composites(
    picture: Picture, mask: Image.Image, luts: list[Tensor], settings: Settings
) -> Iterator[bytes]:
    """The file of the composite that each LUT (3, D, D, D) makes."""
    image, profile = picture.image, picture.icc_profile
    patched = (
        PatchedJpeg(image, mask, settings.quality, profile)
        if settings.format == "jpg"
        else PatchedPng(image, mask, profile)
    )
    real = torch.from_numpy(patched.photo).permute(2, 0, 1).unsqueeze(0)
    alpha = torch.from_numpy(patched.mask).unsqueeze(0).float() / 255
    at_once = max(_MEMORY // real.numel(), 1)
    for start in range(0, len(luts), at_once):
        some = torch.stack(luts[start : start + at_once]).unsqueeze(0)
        yield from patched.encode(composite_lut(real, alpha, some)[0].permute(0, 2, 3, 1).numpy())


def _check_mask(source: Source, mask: Image.Image, photo: Image.Image) -> None:
    if mask.size != photo.size:
        raise ValueError(
            f"{source.mask} is {mask.width} x {mask.height} pixels but its photo {source.photo} "
            f"is {photo.width} x {photo.height}; they must have one size."
        )
    least, most = mask.getextrema()
    if most == 0:
        raise ValueError(f"{source.mask} is empty: it is 0 everywhere and marks no foreground.")
    if least == 255:
        raise ValueError(f"{source.mask} is full: it is 1 everywhere and leaves no background.")
