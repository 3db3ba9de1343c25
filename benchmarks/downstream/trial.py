"""One training of the test bed under one arm, and its errors on each test picture."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import torch
from arms import ARMS, Make
from cache import SIZE, Photos
from fit import Batch, fit
from geometry import flip_and_crop, resize
from harmonizers import RATES, build
from sets import TestSet, TrainingSet
from torch import Tensor, nn
from torch.nn import functional as F

from harmaug.evaluation.metrics import fmse, psnr

VERSION = 2  # part of the keys; raise it with a change that changes results
KEPT = 64  # pixels a side of training photos before crops
BATCH = 16
THUMBNAILS = {"dense": 48, "colour-map": 32}
_CHUNK = 64
_TOGETHER = 4  # batches made at once, which takes less time


ADDED: dict[str, Any] = {"harmonizer": "colour-map", "before": 0}
"""Settings that the first results lack, and the values that they had."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """Settings that decide a result, together with data and checkpoint.

    Attributes:
        set: name of the training set, see `Data.training_set`.
        arm: a name of `ARMS`.
        seed: of the set, the net and all random numbers.
        extra: train on photos without composites too.
        size: photos with a composite; None takes all.
        steps: of training, those of `before` too.
        p: share of synthetic composites.
        n: composites of a photo in a batch.
        strength: of the checkpoint's draws.
        fixed: composites drawn once for each photo; None takes the arm's number.
        harmonizer: "colour-map" or "dense".
        before: steps of pre-training: on synthetic composites alone, of all photos.
    """

    set: str
    arm: str
    seed: int
    extra: bool = False
    size: int | None = 200
    steps: int = 600
    p: float = 0.5
    n: int = 1
    strength: float = 1.0
    fixed: int | None = None
    harmonizer: str = "colour-map"
    before: int = 0

    def key(self, fingerprints: dict[str, str | None]) -> str:
        """Return sixteen hexadecimal digits that only trials with the same result share."""
        settings = dataclasses.asdict(self)
        for name, value in ADDED.items():  # so the keys of the first results stay
            if settings[name] == value:
                del settings[name]
        about = {"version": VERSION, **settings, **fingerprints}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def run(
    trial: Trial,
    training: TrainingSet,
    tests: dict[str, TestSet],
    make: Make | None,
    device: torch.device,
    start: dict[str, Tensor] | None = None,
) -> dict[str, Any]:
    """Train and test; return fMSE and PSNR by test set, one figure a picture.

    ``start`` are the weights of a pre-trained net.
    """
    torch.manual_seed(trial.seed)
    net, rate = new_net(trial).to(device), RATES[trial.harmonizer]
    torch.manual_seed(1000 + trial.seed)  # all arms start with the same net
    if start is not None:
        net.load_state_dict(start)
    batches = draw_batches(trial, training, make, device)
    return trained(net, batches, trial.steps - trial.before, rate, tests, device)


def new_net(trial: Trial) -> nn.Module:
    """Return an untrained net, with the weights of torch's random state."""
    return build(trial.harmonizer, THUMBNAILS[trial.harmonizer])


def trained(
    net: nn.Module,
    batches: Iterator[Batch],
    steps: int,
    learning_rate: float,
    tests: dict[str, TestSet],
    device: torch.device,
) -> dict[str, Any]:
    """Train a net and test it; return its loss, its seconds, and `errors_of` by test set."""
    start = time.perf_counter()
    losses = list(fit(net, batches, steps, learning_rate=learning_rate))
    seconds = time.perf_counter() - start
    net.eval()
    errors = {name: errors_of(net, test.photos, device) for name, test in tests.items()}
    last = losses[-max(len(losses) // 10, 1) :]
    return {"loss": sum(last) / len(last), "seconds": round(seconds, 1), "tests": errors}


@torch.no_grad()
def errors_of(
    net: nn.Module | None, photos: Photos, device: torch.device
) -> dict[str, list[float]]:
    """Return fMSE and PSNR of each picture; without a net, those of the composites."""
    assert photos.composite is not None
    found: dict[str, list[float]] = {"fMSE": [], "PSNR": []}
    columns = (photos.composite, photos.real, photos.mask)
    for composite, real, mask in zip(*(c.split(_CHUNK) for c in columns), strict=True):
        composite, real, mask = composite.to(device), real.to(device), mask.to(device)
        output = composite
        if net is not None:
            output = net(composite.float() / 255, mask.float()).clamp(0, 1)
            output = (output * 255).round().byte()
        found["fMSE"] += [round(v, 1) for v in fmse(output, real, mask).tolist()]
        found["PSNR"] += [round(min(v, 99.0), 2) for v in psnr(output, real).tolist()]
    return found


def half(images: Tensor) -> Tensor:
    """Return photos (N, C, S, S) at the size of training, in the same dtype."""
    small = F.interpolate(images.float(), (KEPT, KEPT), mode="area")
    return small >= 0.5 if images.dtype == torch.bool else small.round().to(images.dtype)


def draw_batches(
    trial: Trial, training: TrainingSet, make: Make | None, device: torch.device
) -> Iterator[Batch]:
    """Yield batches without end: original composites, and a share p of synthetic ones."""
    arm = ARMS[trial.arm]
    pairs, extra = training.pairs, training.extra
    assert pairs.composite is not None
    reals, masks = [half(pairs.real)], [half(pairs.mask)]
    if trial.extra:
        reals.append(half(extra.real))
        masks.append(half(extra.mask))
    real, mask = torch.cat(reals).to(device), torch.cat(masks).to(device)
    original = half(pairs.composite).to(device)
    fixed = trial.fixed or arm.fixed
    bank = None if make is None or not fixed else _fixed(make, real, mask, fixed)

    size = THUMBNAILS[trial.harmonizer]
    originals, photos = shuffled(len(pairs)), shuffled(len(real))
    while True:
        wanted = BATCH * trial.p / trial.n if make is not None else 0.0
        synthetic = int(wanted + torch.rand(()).item())  # p on average
        rows = _next(originals, _TOGETHER * (BATCH - synthetic * trial.n))
        others = _next(photos, _TOGETHER * synthetic)
        instead = real[others]
        if bank is not None:
            instead = bank[others, torch.randint(bank.shape[1], (len(others),))]
        stacks = (
            _stacked(real[rows], original[rows], mask[rows]),
            _stacked(real[others], instead, mask[others]),
        )
        joined = torch.cat(stacks)
        moved = flip_and_crop(joined, size) if arm.geometry else resize(joined, size)
        moved[:, 6:] = (moved[:, 6:] >= 0.5).to(moved)
        given, made = moved[: len(rows)], moved[len(rows) :]
        if make is not None and bank is None and len(made):
            image, alpha = made[:, :3], made[:, 6:]
            composite = make(image, alpha, trial.n)
            made = torch.cat((image, image, alpha), 1).repeat_interleave(trial.n, 0)
            made[:, 3:6] = composite
        else:
            made = made.repeat_interleave(trial.n, 0)
        together = (given.tensor_split(_TOGETHER), made.tensor_split(_TOGETHER))
        for parts in zip(*together, strict=True):
            image, composite, alpha = torch.cat(parts).split((3, 3, 1), 1)
            yield composite, image, alpha


def _fixed(make: Make, real: Tensor, mask: Tensor, count: int) -> Tensor:
    """Return composites (N, count, 3, S, S) uint8, drawn once for the whole training."""
    chunks = [
        (make(photos.float() / 255, alphas.float(), count) * 255).round().byte()
        for photos, alphas in zip(real.split(_CHUNK), mask.split(_CHUNK), strict=True)
    ]
    return torch.cat(chunks).unflatten(0, (len(real), count))


def _stacked(real: Tensor, composite: Tensor, mask: Tensor) -> Tensor:
    return torch.cat((real.float() / 255, composite.float() / 255, mask.float()), 1)


def _next(rows: Iterator[int], count: int) -> Tensor:
    return torch.tensor(list(itertools.islice(rows, count)), dtype=torch.int64)


def shuffled(count: int) -> Iterator[int]:
    """Yield rows in random order, each once before any comes again."""
    while True:
        yield from torch.randperm(count).tolist()


assert SIZE % KEPT == 0


def digest_tests(tests: dict[str, TestSet]) -> str:
    """Return four hexadecimal digits of each test set."""
    return "".join(test.photos.digest()[:4] for test in tests.values())


def untouched(name: str, tests: dict[str, TestSet]) -> dict[str, Any]:
    """Return the errors of the composites themselves, and the scenes that intervals are over."""
    found = {
        label: {**errors_of(None, test.photos, torch.device("cpu")), "scenes": test.scenes}
        for label, test in tests.items()
    }
    key = f"untouched {digest_tests(tests)}"
    return {"key": key, "set": name, "arm": "untouched", "tests": found}
