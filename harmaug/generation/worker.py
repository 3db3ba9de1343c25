"""A worker takes jobs through five steps: read, open, decide, encode, write.

Every engine uses the same worker. A source gives the same bytes in any order and in any process.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from harmaug.augment import open_augmenter
from harmaug.generation.job import Job, Settings
from harmaug.generation.jpeg import PatchedJpeg
from harmaug.generation.output import File, Writer
from harmaug.generation.pictures import PatchedPng, Picture, open_mask, open_photo
from harmaug.generation.records import Made, pack
from harmaug.generation.sources import SYNTHETIC, Source, original_name, printable
from harmaug.inputs import Inputs
from harmaug.lut.box import cropped_grid
from harmaug.lut.ops import lut_composite

TOGETHER = 4  # jobs that are taken side by side
_LARGE = 1 << 24  # pixels of open photos, above which no further one is opened
_MEMORY = 1 << 26  # bytes of composites that are made at once; of large photos one at a time


class Worker:
    """The five steps, for one job and for a few.

    Args:
        settings: what decides the bytes of the set.
        root: of the sources.
        writer: writes the files.
        device: where the nets are; LUTs are applied on the CPU.
    """

    def __init__(self, settings: Settings, root: Path, writer: Writer, device: str = "cpu") -> None:
        self.settings, self.root, self.writer = settings, root, writer
        self.augmenters = [open_augmenter(name, device) for name in settings.checkpoints]
        # Nets reduce pictures: one of this size tells them as much as a larger one.
        self._side = max(2 * augmenter.image_size for augmenter in self.augmenters)

    def __call__(self, sources: Iterable[Source]) -> Iterator[Job]:
        """Take all steps for sources, in order; a job that failed says why."""
        waiting = iter(sources)
        while some := list(islice(waiting, TOGETHER)):
            for jobs in self.compose(list(take(self.read, map(Job, some)))):
                yield from take(self.write, jobs)

    def compose(self, jobs: Iterable[Job]) -> Iterator[Iterator[Job]]:
        """Open and decide jobs, a few before the next step, and encode each as it is asked for.

        Deciding takes hundreds of small operations. Decoding or encoding a photo drives their code
        and weights out of the caches: four jobs in a row take a quarter less time than one by one.
        Large photos are encoded before further ones are opened, for memory's sake.
        """
        opened: list[Job] = []
        for job in take(self.open, jobs):
            opened.append(job)
            sizes = (job.photo.image.size for job in opened if job.error is None)
            if sum(map(math.prod, sizes)) > _LARGE:
                yield take(self.encode, list(take(self.decide, opened)))
                opened = []
        yield take(self.encode, list(take(self.decide, opened)))

    def read(self, job: Job) -> None:
        """Read the files of a source."""
        job.read = [path.read_bytes() for path in self._paths(job)]

    def open(self, job: Job) -> None:
        """Open the pictures of a source, and refuse those that do not belong together."""
        source, limit = job.source, self.settings.max_megapixels
        (photo, mask, *paths), (photo_data, mask_data, *datas) = self._paths(job), job.read
        del job.read
        job.photo = open_photo(str(photo), photo_data, limit)
        job.mask = open_mask(str(mask), mask_data, limit)
        _check_size(source, source.mask, job.mask, job.photo)
        job.notes, job.originals = [*job.photo.notes], []
        for path, data in zip(paths, datas, strict=True):
            original = open_photo(str(path), data, limit)
            _check_size(source, str(path), original, job.photo)
            job.notes += original.notes
            job.originals.append(original.file)
        job.view = None if source.carried else self._view(job)

    @torch.inference_mode()
    def decide(self, job: Job) -> None:
        """Decide the composites of a source, which take turns with the checkpoints."""
        settings, key = self.settings, job.source.key
        job.luts, job.made = [], []
        if job.view is None:
            return
        first = _fold(settings.seed, key) >> 31
        turns = [(first + k) % len(self.augmenters) for k in range(settings.n)]
        shares = {}
        for which in set(turns):
            share = turns.count(which)
            decision = self.augmenters[which].decide(
                job.view,
                share,
                generator=torch.Generator().manual_seed(_fold(settings.seed, key, which)),
                strength=settings.strength,
                spatial=settings.spatial,
                candidates=settings.candidates and settings.candidates * share // settings.n,
            )
            shares[which] = zip(*(values[0].cpu() for values in decision), strict=True)
        for which in turns:
            lut, latent, weights = next(shares[which])
            job.luts.append(lut)
            made: Made = {
                "checkpoint": which,
                "latent": pack(latent),
                "weights": pack(weights),
                "lut_shift": pack(_shift(lut)),
            }
            job.made.append(made)

    @torch.inference_mode()
    def encode(self, job: Job) -> None:
        """Encode the files of a source, the composites last, and make its record."""
        source, name = job.source, job.source.name
        composites = f"{source.subset}/composite_images"
        job.files = {
            f"{source.subset}/real_images/{name.rpartition('_')[0]}.jpg": job.photo.file,
            f"{source.subset}/masks/{name}.png": job.mask.file,
        }
        for path, original in zip(source.originals, job.originals, strict=True):
            job.files[f"{composites}/{original_name(source, path)}.jpg"] = original
        for k, data in enumerate(self._composites(job), start=1):
            file = f"{composites}/{name}_{SYNTHETIC}{k}.{self.settings.format}"
            job.files[file] = File(data)
        job.record = {
            "subset": source.subset,
            "name": name,
            "split": source.split,
            "photo": printable(source.photo),
            "mask": printable(source.mask),
            "files": {file: len(data) for file, (data, _) in job.files.items()},
            "composites": job.made,
            "notes": job.notes,
        }
        del job.photo, job.mask, job.originals, job.view, job.luts  # much memory

    def write(self, job: Job) -> None:
        """Write the files of a source."""
        self.writer.write(job.files)
        del job.files

    def _paths(self, job: Job) -> list[Path]:
        source = job.source
        return [self.root / path for path in (source.photo, source.mask, *source.originals)]

    @torch.inference_mode()
    def _view(self, job: Job) -> Inputs:
        """Return photo and mask of about the size that the nets see."""
        photo, mask = job.photo.image, job.mask.image
        least, most = mask.getextrema()
        if most == 0:
            raise ValueError(f"{job.source.mask} is empty: it is 0 everywhere, no foreground.")
        if least == 255:
            raise ValueError(f"{job.source.mask} is full: it is 1 everywhere, no background.")
        factor = max(max(mask.size) // self._side, 1)
        small, region = photo.reduce(factor), mask.reduce(factor)
        if region.getbbox() is None:  # a foreground of few pixels, lost in the reduction
            small, region = photo, mask
        first = self.augmenters[0]
        real, alpha = (torch.from_numpy(np.array(i)).to(first.device) for i in (small, region))
        return first.admit(real.permute(2, 0, 1) / 255, alpha / 255)

    def _composites(self, job: Job) -> Iterator[bytes]:
        """Yield the files of the composites that were decided."""
        if not job.luts:
            return
        (image, _, profile, _), mask = job.photo, job.mask.image
        patched = (
            PatchedJpeg(image, mask, self.settings.quality, profile)
            if self.settings.format == "jpg"
            else PatchedPng(image, mask, profile)
        )
        sheet = _tensors(patched.photo, patched.mask)
        # Of several checkpoints some may give one LUT, others a grid of them, or another size.
        for shape, alike in itertools.groupby(job.luts, key=lambda lut: lut.shape):
            luts, (real, alpha) = torch.stack([*alike]), sheet
            varies = len(shape) > 4
            if varies:  # the sheet has lost the places of its pixels
                edges = tuple(e / side for e, side in zip(patched.box, 2 * image.size, strict=True))
                luts = cropped_grid(luts, edges)
                real, alpha = _tensors(*(np.array(i.crop(patched.box)) for i in (image, mask)))
            for some in luts.split(max(_MEMORY // real.numel(), 1)):
                made = lut_composite(real, alpha, some.unsqueeze(0))[0].permute(0, 2, 3, 1).numpy()
                yield from patched.encode(patched.arranged(made) if varies else made)


def _tensors(photo: np.ndarray, mask: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return a photo (1, 3, H, W), uint8, and its mask (1, 1, H, W) in [0, 1]."""
    real = torch.from_numpy(photo).permute(2, 0, 1).unsqueeze(0)
    return real, torch.from_numpy(mask)[None, None].float() / 255


def take(step: Callable[[Job], None], jobs: Iterable[Job]) -> Iterator[Job]:
    """Take a step for each job when it is asked for; of a job that fails the error is left."""
    for job in jobs:
        if job.error is None:
            try:
                step(job)
            except Exception as error:  # decoders raise anything, and the next job is not to blame
                job = Job(job.source, _sentence(error, job.source))
        yield job


def _sentence(error: Exception, source: Source) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or source.photo}: {error.strerror}"
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _shift(lut: Tensor) -> Tensor:
    """Return the mean change (3,) of a LUT, or of the LUTs of a grid."""
    return lut.mean((-3, -2, -1)).reshape(-1, 3).mean(0) - 0.5  # the mean of the identity


def _fold(*parts: object) -> int:
    """Return 63 bits that depend on the parts and on nothing else."""
    joined = "\0".join(map(str, parts)).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(joined).digest()[:8], "big") >> 1


def _check_size(source: Source, path: str, picture: Picture, photo: Picture) -> None:
    (width, height), expected = picture.image.size, photo.image.size
    if (width, height) != expected:
        raise ValueError(
            f"{path} is {width} x {height} pixels but its photo {source.photo} is "
            f"{expected[0]} x {expected[1]}; they must have one size."
        )
