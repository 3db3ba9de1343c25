"""The share of synthetic composites: given, or from the size of the training set."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, NamedTuple

from torch.utils.data import get_worker_info

AUTO: Literal["auto"] = "auto"
Probability = float | Literal["auto"]
_LARGE = 2000  # composites; a larger set gets a smaller share


class Amount(NamedTuple):
    """Share and number of synthetic composites.

    Attributes:
        p: share of synthetic composites among all that are trained on.
        n: composites of a photo in a batch.
    """

    p: float
    n: int


def default_amount(size: int) -> Amount:
    """Return the default p and n for a training set of ``size`` composites.

    Measured by ``benchmarks/downstream``: with 50 photos p = 0.25 is better than more. With 200
    photos any p from 0.25 to 0.9 and any n from 1 to 4 are nearly alike. With 2,829 photos little
    is gained, and 0.21 is better than 0.5. So p is 0.25, and falls with the root of the size from
    2,000 composites on.

    Args:
        size: composites in the set; photos with masks alone do not count.

    Raises:
        ValueError: ``size`` is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}.")
    return Amount(0.25 * min(1.0, (_LARGE / size) ** 0.5), 1)


def check_probability(p: Probability) -> None:
    """Raise unless p is a probability or "auto"."""
    if isinstance(p, str):
        if p != AUTO:
            raise ValueError(f"p must be a number in [0, 1] or 'auto', got {p!r}.")
    elif not isinstance(p, Real):
        raise TypeError(f"p must be a number in [0, 1] or 'auto', got {p!r}.")
    elif not 0 <= p <= 1:
        raise ValueError(f"p must lie in [0, 1], got {p!r}.")


def probability(p: Probability, dataset: Any = None) -> float:
    """Return p as a number; "auto" depends on the length of the dataset.

    Args:
        p: a probability, or "auto".
        dataset: the training set; None takes that of the DataLoader worker this runs in.

    Raises:
        ValueError: "auto", and no dataset with a length is known.
    """
    if not isinstance(p, str):
        return p
    if dataset is None:
        worker = get_worker_info()
        dataset = None if worker is None else worker.dataset
    try:
        size = len(dataset)
    except (TypeError, NotImplementedError):
        what = "none is known here" if dataset is None else f"{type(dataset).__name__} has none"
        raise ValueError(
            f"p='auto' needs the length of the dataset, and {what}; give a number, for example "
            "p=harmaug.adapters.default_amount(number_of_composites).p."
        ) from None
    return default_amount(size).p
