"""AugmentCollate: synthetic composites where a host's samples become a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import default_collate

from harmaug.adapters.amount import Probability
from harmaug.adapters.batch import AugmentBatch, Mode
from harmaug.adapters.fields import Fields
from harmaug.adapters.routing import Augmenters, Route


class AugmentCollate:
    """A collate function that also replaces composites, in the loader's workers, on the CPU.

    A host that gives one collate function to its training and its validation loader would augment
    validation too: give the validation loader the host's own ``collate_fn``.

    Args:
        augment: the augmenter or augmenters, on the CPU, as for `AugmentBatch`.
        fields: layout of a collated batch.
        p: probability, for each sample, of a synthetic composite.
        mode: "replace" or "append", as for `AugmentedLoader`.
        collate_fn: the host's own collate function.
        seed: draw from an own stream for each rank, worker and epoch; None draws from torch's
            global generator, which DataLoader seeds for each worker and epoch.
        route, strength, spatial, candidates, drift: as for `AugmentBatch`.
    """

    def __init__(
        self,
        augment: Augmenters,
        fields: Fields,
        p: Probability = 0.5,
        mode: Mode = "replace",
        *,
        collate_fn: Callable[[list[Any]], Any] = default_collate,
        route: Route | None = None,
        seed: int | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
        drift: float = 0.0,
    ) -> None:
        self.collate_fn = collate_fn
        self.batch = AugmentBatch(
            augment,
            fields,
            p,
            mode,
            route=route,
            seed=seed,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
            drift=drift,
        )

    def __call__(self, samples: list[Any]) -> Any:
        """Return the samples as a batch with synthetic composites."""
        return self.batch(self.collate_fn(samples))
