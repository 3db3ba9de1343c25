"""The next batch is made beside the model's work: in order, the same, nothing lost."""

import pytest
import torch
from cuda_double import Cuda

from harmaug import AugmentedLoader, Fields, SycoNetAugment
from harmaug.adapters import prefetch

FIELDS = Fields(composite="comp", real="real", mask="mask", space="unit")
GPU = torch.device("cuda")


@pytest.fixture(scope="module")
def aug():
    return SycoNetAugment.from_pretrained("retouch")


@pytest.fixture
def cuda(monkeypatch):
    double = Cuda()
    monkeypatch.setattr(prefetch, "cuda", double)
    monkeypatch.setattr(AugmentedLoader, "_device", lambda self: GPU)
    return double


def batches(count=5):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        real = torch.rand(3, 3, 16, 16, generator=generator)
        yield {"comp": real / 2, "real": real, "mask": torch.ones(3, 1, 16, 16)}


@pytest.mark.parametrize("mode", ["replace", "interleave", "append"])
def test_a_seed_gives_the_batches_that_it_gives_without(aug, cuda, mode):
    plain = AugmentedLoader(list(batches()), aug, FIELDS, p=0.5, mode=mode, seed=3)
    ahead = AugmentedLoader(list(batches()), aug, FIELDS, p=0.5, mode=mode, seed=3, prefetch=1)
    for _ in range(2):  # epochs
        pairs = list(zip(plain, ahead, strict=True))
        assert len(pairs) == len(plain)
        for one, other in pairs:
            assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_batch_is_made_before_the_one_ahead_of_it_is_handed_out(aug, cuda, monkeypatch):
    seen = []

    def loader():
        for number, batch in enumerate(batches(3)):
            seen.append(f"make {number} in the {cuda.current.name} stream")
            yield batch

    monkeypatch.setattr(prefetch, "keep_for", lambda stream, tensor: seen.append(stream.name))
    wrapped = AugmentedLoader(loader(), aug, FIELDS, p=1.0, prefetch=1)
    cuda.calls = seen
    for number, _ in enumerate(wrapped):
        seen.append(f"train on {number} in the {cuda.current.name} stream")
    tensors = ["main"] * 3  # their memory is kept until this stream is done with them
    assert seen == [
        "side waits for main",
        "make 0 in the side stream",
        "main waits for what side did",
        *tensors,
        "make 1 in the side stream",
        "train on 0 in the main stream",
        "main waits for what side did",
        *tensors,
        "make 2 in the side stream",
        "train on 1 in the main stream",
        "main waits for what side did",
        *tensors,
        "train on 2 in the main stream",
    ]


def test_an_error_comes_when_its_batch_is_due(aug, cuda):
    good = list(batches(2))
    wrapped = AugmentedLoader([*good, {"comp": None}], aug, FIELDS, p=1.0, prefetch=1)
    iterator = iter(wrapped)
    taken = [next(iterator), next(iterator)]
    with pytest.raises(KeyError, match="real"):
        next(iterator)
    assert all(torch.equal(a["real"], b["real"]) for a, b in zip(taken, good, strict=True))


def test_a_loader_without_batches_ends_at_once(aug, cuda):
    assert list(AugmentedLoader([], aug, FIELDS, prefetch=1)) == []


def test_on_a_cpu_nothing_changes(aug):
    given = list(batches(2))
    made = []
    loader = (made.append(k) or batch for k, batch in enumerate(given))
    iterator = iter(AugmentedLoader(loader, aug, FIELDS, prefetch=1))
    next(iterator)
    assert made == [0]


@pytest.mark.parametrize("prefetch", [2, -1, "1", None])
def test_other_numbers_of_batches_are_refused(aug, prefetch):
    with pytest.raises(ValueError, match="prefetch must be 0 or 1"):
        AugmentedLoader([], aug, FIELDS, prefetch=prefetch)


@pytest.mark.parametrize("device", [None, "cuda:1", GPU])
def test_the_place_of_batches_is_where_they_are_moved_or_else_the_augmenter(aug, device):
    expected = torch.device("cpu") if device is None else torch.device(device)
    assert AugmentedLoader([], [aug], FIELDS, device=device)._device() == expected
