"""Settings of the page's composites."""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = 8  # composites; file numbers then have one digit
LARGEST_SEED = 2**53  # a browser has no larger whole numbers


@dataclass(frozen=True)
class Settings:
    """Arguments of `SycoNetAugment.augment`, and the checkpoint.

    Raises:
        ValueError: a setting is empty or out of its range.
    """

    checkpoint: str
    n: int
    strength: float
    spatial: float
    seed: int

    def __post_init__(self) -> None:
        for name, value, most in (
            ("n", self.n, MOST),
            ("strength", self.strength, math.inf),
            ("spatial", self.spatial, math.inf),
            ("seed", self.seed, LARGEST_SEED),
        ):
            least = 1 if name == "n" else 0
            if value is None or not least <= value <= most or value == math.inf:
                limits = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
                got = "nothing" if value is None else f"{value:g}"
                raise ValueError(f"{name} must be a number {limits}, got {got}.")
