"""A job: a source on its way from its files to the files of the set, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from harmaug.generation.output import File
from harmaug.generation.pictures import Picture
from harmaug.generation.records import Made, Record
from harmaug.generation.sources import Source
from harmaug.inputs import Inputs

Format = Literal["jpg", "png"]


@dataclass(frozen=True)
class Settings:
    """The settings that decide the bytes of a set.

    Attributes:
        n: composites a photo and mask.
        checkpoints: names or paths, or "filters" for hand-made filters; composites are spread over
            them evenly.
        strength: 0 leaves photos as they are, 1 takes the sampled colours.
        spatial: how much the change varies across a foreground; 0: not at all.
        candidates: latents sampled a photo, of which the n hardest are kept; None takes n.
        format: of composites.
        quality: of JPEG composites, 1 to 100.
        seed: another seed gives other composites.
        max_megapixels: larger photos are skipped.
    """

    n: int = 10
    checkpoints: tuple[str, ...] = ("unified",)
    strength: float = 1.0
    spatial: float = 1.0
    candidates: int | None = None
    format: Format = "jpg"
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


@dataclass(eq=False, repr=False)
class Job:
    """A source on its way; each step of `worker.Worker` adds what the next ones take.

    Attributes:
        source: the source.
        error: a sentence that says why a step failed; no further step is taken then.
        read: bytes of the photo, the mask and the originals.
        photo: the photo.
        mask: its mask.
        originals: its own composites.
        notes: a sentence for each thing that was lost.
        view: photo and mask as the nets see them; None where they have nothing to decide.
        luts: for each composite that is to be made, (3, D, D, D) or (2, 2, 3, D, D, D).
        made: what the record keeps of each of them.
        files: name in the set -> file.
        record: what the journal keeps of a source that is done.
    """

    source: Source
    error: str | None = None
    read: list[bytes] = field(init=False)
    photo: Picture = field(init=False)
    mask: Picture = field(init=False)
    originals: list[File] = field(init=False)
    notes: list[str] = field(init=False)
    view: Inputs | None = field(init=False)
    luts: list[Tensor] = field(init=False)
    made: list[Made] = field(init=False)
    files: dict[str, File] = field(init=False)
    record: Record | None = None
