"""The augmenters of one evaluation: a checkpoint, others beside it, and hand-made ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.pairs import Pair, read_pair
from harmaug.evaluation.samplers import (
    BasisMixtures,
    CheckpointSampler,
    FilterSampler,
    RandomLooks,
    Sampler,
    match_filters,
)
from harmaug.nets import LutNet

_SCALED = 0.6  # the prototypes' bar: near the strength of real composites, best coverage
_MATCHING_PAIRS = 200  # of a subset, spread evenly, that filters are matched to


def build_samplers(
    nets: Mapping[str, LutNet],
    folder: HarmonyFolder,
    *,
    baselines: bool = False,
    looks: Tensor | None = None,
    seed: int = 0,
) -> dict[str, dict[str, Sampler]]:
    """Samplers by subset and name, to compare on a folder's pairs.

    Args:
        nets: name -> net; the first one's basis is what random mixtures are of.
        folder: the pairs.
        baselines: add the hand-made samplers.
        looks: (L, 3, D, D, D) for one more of them.
        seed: of the filters' matching.
    """
    samplers: dict[str, dict[str, Sampler]] = {}
    for subset in folder.subsets:
        chosen: dict[str, Sampler] = {name: CheckpointSampler(net) for name, net in nets.items()}
        if baselines:
            basis = next(iter(nets.values())).basis.detach()
            chosen["filters"] = FilterSampler()
            chosen[f"filters x {_SCALED:g}"] = FilterSampler(_SCALED)
            chosen["filters, matched"] = match_filters(_spread_pairs(folder, subset), seed)
            chosen["basis mixtures"] = BasisMixtures(basis)
        if looks is not None:
            chosen["random looks"] = RandomLooks(looks)
        samplers[subset] = chosen
    return samplers


def describe_samplers(samplers: Mapping[str, Mapping[str, Sampler]]) -> dict[str, str]:
    """What each sampler is, by name; where it differs between subsets, what it is in each."""
    described = {}
    for name in next(iter(samplers.values())):
        by_subset = {subset: str(chosen[name]) for subset, chosen in samplers.items()}
        told = [f"{text} ({subset})" for subset, text in by_subset.items()]
        same = len(set(by_subset.values())) == 1
        described[name] = next(iter(by_subset.values())) if same else "; ".join(told)
    return described


def _spread_pairs(folder: HarmonyFolder, subset: str) -> Iterator[Pair]:
    """Pairs of a subset with a foreground, some hundreds at most."""
    rows = [row for row, item in enumerate(folder.items) if item.subset == subset]
    step = max(len(rows) // _MATCHING_PAIRS, 1)
    for row in rows[::step]:
        pair = read_pair(folder, row)
        if pair.mask.sum() >= 1:
            yield pair
