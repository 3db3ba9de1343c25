"""Settings of a training, saved beside its weights."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal, get_args

from harmaug.nets import ARCHITECTURES

_COUNTS = (
    "size",
    "rounds",
    "round_pairs",
    "passes",
    "batch",
    "pixels",
    "heldout_pairs",
    "validate_every",
)
Precision = Literal["32-true", "bf16-mixed"]
_SEEDS = 1 << 32  # each is the start of many streams of random numbers


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training's result.

    A round makes ``round_pairs`` pairs, looks at them once, and trains on them for ``passes``
    passes in batches; state, log and figures are written after rounds.

    Attributes:
        data: folders in the iHarmony4 layout, with or without composites.
        transforms: collections of looks, white balance and illuminants for the recipes.
        recipes: how often each recipe makes a composite (names of `recipes.build_recipe`).
        pair_share: share of true pairs where recipes make composites too.
        jitter: chance that a photo is itself retouched before a recipe takes it.
        init: checkpoint to start from (packaged name, file or folder), or None.
        basis: what a new net's LUTs start from: a file of ``harmaug fit-luts`` or a checkpoint;
            None takes those of ``unified``.
        architecture: "lite" or "syconet".
        net: keyword arguments of the architecture, but for the sizes of the basis.
        precision: "32-true", or "bf16-mixed" for the nets to compute in 16 bits on a GPU.
        size: pixels a side that photos are resized to.
        rounds: how many.
        round_pairs: pairs made a round.
        passes: passes over the pairs of a round.
        batch: pairs a step, over all devices.
        pixels: foreground pixels a pair the loss is taken on.
        learning_rate: of Adam at its peak, with a cosine down to 0.
        basis_learning_rate: of the LUT basis.
        kl_weight: lambda, weight of the divergence summed over latent dimensions.
        warmup: share of the training over which lambda and the learning rate rise.
        heldout_pairs: pairs of each recipe that figures are taken on.
        validate_every: rounds between figures.
        patience: stop after so many figures without a better score (`health.measure`);
            None never stops.
        seed: of everything drawn.
        skip_missing: go on without samples whose files are absent.
    """

    data: tuple[str, ...]
    transforms: tuple[str, ...] = ()
    recipes: dict[str, float] = dataclasses.field(default_factory=dict)
    pair_share: float = 0.1
    jitter: float = 0.5
    init: str | None = None
    basis: str | None = None
    architecture: str = "lite"
    net: dict[str, Any] = dataclasses.field(default_factory=dict)
    precision: Precision = "32-true"
    size: int = 96
    rounds: int = 80
    round_pairs: int = 2048
    passes: int = 20
    batch: int = 64
    pixels: int = 256
    learning_rate: float = 1.5e-3
    basis_learning_rate: float = 1e-4
    kl_weight: float = 5e-4
    warmup: float = 0.1
    heldout_pairs: int = 128
    validate_every: int = 5
    patience: int | None = None
    seed: int = 0
    skip_missing: bool = False

    def __post_init__(self) -> None:
        if not self.data:
            raise ValueError("data must name at least one folder, got none.")
        if self.architecture not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise ValueError(f"architecture must be one of {known}, got {self.architecture!r}.")
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise ValueError(f"precision must be one of {known}, got {self.precision!r}.")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.round_pairs < self.batch:
            raise ValueError(
                f"round_pairs must be at least a batch of {self.batch}, got {self.round_pairs}."
            )
        for name in ("pair_share", "jitter", "warmup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in [0, 1], got {getattr(self, name)}.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1, or None, got {self.patience}.")
        if not 0 <= self.seed < _SEEDS:
            raise ValueError(f"seed must be a whole number from 0 to 2^32 - 1, got {self.seed}.")
        if self.init is not None and (self.basis is not None or self.net):
            raise ValueError("init brings its own net and basis; leave out net and basis.")

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> TrainConfig:
        """Read what `save` wrote."""
        values = json.loads(path.read_text())
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := values.keys() - known:
            raise ValueError(f"{path} has unknown settings: {', '.join(sorted(unknown))}.")
        for name in ("data", "transforms"):
            values[name] = tuple(values[name])
        return cls(**values)
