"""Fields: the layout of composite, real and mask in a host codebase's batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harmaug.adapters.containers import Path, PathLike
from harmaug.inputs import SPACES, Space, SpaceLike

MaskField = PathLike | Callable[[Any], Any]


class View(NamedTuple):
    """One view of the samples: paths of its composite, real and mask."""

    composite: Path
    real: Path
    mask: Path | Callable[[Any], Any]

    @classmethod
    def of(cls, composite: PathLike, real: PathLike, mask: MaskField) -> View:
        """Return the view with these fields; a mask may be a callable that computes it."""
        mask = mask if callable(mask) else Path.of(mask)
        return cls(Path.of(composite), Path.of(real), mask)

    def old_composite(self, batch: Any, may_lack: bool) -> Any:
        """Return the composite, or the real photo where a composite may be absent and is."""
        absent = may_lack and not self.composite.holds(batch)
        return (self.real if absent else self.composite).get(batch)

    @property
    def names(self) -> tuple[str, str]:
        """Names of real and mask for messages."""
        mask = f"mask {self.mask}" if isinstance(self.mask, Path) else f"mask of {self.real}"
        return f"real {self.real}", mask

    def mask_of(self, batch: Any) -> Any:
        """Return the mask, read at its path or computed from the batch."""
        return self.mask.get(batch) if isinstance(self.mask, Path) else self.mask(batch)


class Layout(NamedTuple):
    """Paths and space of `Fields`, parsed once.

    Attributes:
        space: value space of every photo.
        views: the main view first, then the further ones.
        copies: paths of the fields that repeat the composite.
        derived: paths of the fields computed from it, each with its function.
    """

    space: Space
    views: tuple[View, ...]
    copies: tuple[Path, ...]
    derived: tuple[tuple[Path, Callable[[Any], Any]], ...]


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Places of composite, real and mask in a host's batch, and of what follows the composite.

    A field is named by a dict key ``"comp"``, an index ``0``, a path ``(512, "comp")``, or any of
    these with a slice of channels: ``"inputs[:3]"``, ``(0, slice(3))``.

    Attributes:
        composite: input of the harmonizer; replaced.
        real: the ground truth; only read.
        mask: 1 is foreground, soft edges are kept; or a callable that computes it from the batch.
        space: scaling of the RGB values: "unit", "pm1", "imagenet" or ``(mean, std)``.
        views: further ``(composite, real, mask)`` of the same sample (other sizes, other frames:
            tensors or lists of tensors); they take the same LUT.
        copies: fields that repeat the composite and follow it.
        derive: fields computed from the composite: for each, a callable that takes the batch with
            its new composite and returns the field's new value.
        bound: the host relies on the batch size it configured; ``mode="append"`` is refused.
        where: a callable that takes the batch and returns bool (B,), the samples that may take a
            synthetic composite; None for all.
        per_sample: the fields are those of one sample before batching, for `SampleTransform`.
        layout: the fields, parsed.
    """

    composite: PathLike
    real: PathLike
    mask: MaskField
    space: SpaceLike | None = None
    views: Sequence[tuple[PathLike, PathLike, MaskField]] = ()
    copies: Sequence[PathLike] = ()
    derive: Mapping[Any, Callable[[Any], Any]] = field(default_factory=dict)
    bound: bool = False
    where: Callable[[Any], Any] | None = None
    per_sample: bool = False
    layout: Layout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.space is None:
            raise TypeError(
                f"space must be declared, one of {', '.join(map(repr, SPACES))} or (mean, std): "
                "the scaling of your loader's RGB values; it is never guessed."
            )
        for name in ("copies", "views"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a sequence, got {getattr(self, name)!r}.")
        try:
            further = [View.of(*paths) for paths in self.views]
        except TypeError as error:
            raise TypeError(
                f"each view must be (composite, real, mask), got {self.views!r}: {error}"
            ) from None
        parsed = Layout(
            Space.of(self.space),
            (View.of(self.composite, self.real, self.mask), *further),
            tuple(map(Path.of, self.copies)),
            tuple((Path.of(path), function) for path, function in self.derive.items()),
        )
        object.__setattr__(self, "layout", parsed)

    @classmethod
    def preset(cls, host: str, **changes: Any) -> Fields:
        """Return the fields of a known codebase.

        Args:
            host: one of `Fields.presets()`, for example "dovenet", "issam" or "pctnet-cnn".
            **changes: attributes to replace.

        Raises:
            ValueError: no codebase of that name is known.
        """
        from harmaug.adapters.presets import PRESETS

        if host not in PRESETS:
            raise ValueError(f"host must be one of {', '.join(PRESETS)}, got {host!r}.")
        return cls(**{**PRESETS[host], **changes})

    @classmethod
    def presets(cls) -> tuple[str, ...]:
        """Return the names of the known codebases."""
        from harmaug.adapters.presets import PRESETS

        return tuple(PRESETS)
