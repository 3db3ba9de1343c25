"""Fields: the layout of composite, real and mask in a host codebase's batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from harmaug.adapters.containers import Path, PathLike
from harmaug.adapters.presets import PRESETS
from harmaug.adapters.views import Computed, View
from harmaug.inputs import SPACES, Space, SpaceLike

Reader = Callable[[Any], Any]
RealField = PathLike | Reader
MaskField = PathLike | Reader
CompositeField = PathLike | tuple[Reader, Callable[[Any, Any], Any]]


class Places(NamedTuple):
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
    these with a slice of channels: ``"inputs[:3]"``, ``(0, slice(3))``. Values that no path
    reaches are computed from the batch. Real and mask take one callable each. The composite takes
    two, ``(read, write)``: ``write(batch, composite)`` returns the batch with the new one.

    Attributes:
        composite: input of the harmonizer, (B, 3, H, W) or clips (B, T, 3, H, W); replaced.
        real: the ground truth; only read.
        mask: 1 is foreground, soft edges are kept; labels 0 and 1 of any integer type do too.
        space: scaling of the RGB values: "unit", "pm1", "imagenet" or ``(mean, std)``.
        layout: axes of every tensor with pictures: "chw", or "hwc" where the channels come last.
        views: further ``(composite, real, mask)`` of the same sample (other sizes, other frames:
            tensors or lists of tensors); they take the same LUT.
        copies: fields that repeat the composite and follow it.
        derive: fields computed from the composite: for each, a callable that takes the batch with
            its new composite and returns the field's new value.
        bound: the host relies on the batch size it configured; ``mode="append"`` is refused.
        where: a callable that takes the batch and returns bool (B,), the samples that may take a
            synthetic composite; None for all.
        per_sample: the fields are those of one sample before batching, for `SampleTransform`.
        places: the fields, parsed.
    """

    composite: CompositeField
    real: RealField
    mask: MaskField
    space: SpaceLike | None = None
    layout: Literal["chw", "hwc"] = "chw"
    views: Sequence[tuple[CompositeField, RealField, MaskField]] = ()
    copies: Sequence[PathLike] = ()
    derive: Mapping[Any, Callable[[Any], Any]] = field(default_factory=dict)
    bound: bool = False
    where: Callable[[Any], Any] | None = None
    per_sample: bool = False
    places: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.space is None:
            raise TypeError(
                f"space must be declared, one of {', '.join(map(repr, SPACES))} or (mean, std): "
                "the scaling of your loader's RGB values; it is never guessed."
            )
        if self.layout not in ("chw", "hwc"):
            raise ValueError(
                f"layout must be 'chw' or 'hwc', got {self.layout!r}; 'hwc' is for tensors whose "
                "channels come last."
            )
        for name in ("copies", "views"):
            if isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a sequence, got {getattr(self, name)!r}.")
        last = self.layout == "hwc"
        main = View.of(self.composite, self.real, self.mask, last)
        try:
            further = [View.of(*paths, last=last) for paths in self.views]
        except TypeError as error:
            raise TypeError(
                f"each view must be (composite, real, mask), got {self.views!r}: {error}"
            ) from None
        if isinstance(main.composite, Computed) and self.per_sample:
            raise TypeError("composite must be a path in the fields of one sample, got callables.")
        parsed = Places(
            Space.of(self.space),
            (main, *further),
            tuple(Path.of(path, last) for path in self.copies),
            tuple((Path.of(path, last), function) for path, function in self.derive.items()),
        )
        object.__setattr__(self, "places", parsed)

    @classmethod
    def preset(cls, host: str, **changes: Any) -> Fields:
        """Return the fields of a known codebase.

        Args:
            host: one of `Fields.presets()`, for example "dovenet", "issam" or "pctnet-cnn".
            **changes: attributes to replace.

        Raises:
            ValueError: no codebase of that name is known.
        """
        if host not in PRESETS:
            raise ValueError(f"host must be one of {', '.join(PRESETS)}, got {host!r}.")
        return cls(**{**PRESETS[host], **changes})

    @classmethod
    def presets(cls) -> tuple[str, ...]:
        """Return the names of the known codebases."""
        return tuple(PRESETS)
