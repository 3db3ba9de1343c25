"""What the stand-ins of `cuda_double` and `made_up_gpu` say, on a true GPU."""

import copy
import warnings

import pytest
import torch
from cuda_double import photos

from harmaug import AugmentedLoader, Fields, SycoNetAugment
from harmaug.nets import replay

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

FIELDS = Fields(composite="comp", real="real", mask="mask", space="unit")


@pytest.fixture(scope="module", params=["unified", "daylight", "retouch"])
def aug(request):
    found = SycoNetAugment.from_pretrained(request.param, device="cuda")
    found.net.graphs = True
    return found


@pytest.fixture
def usual(aug):
    """The same augmenter without graphs."""
    other = copy.deepcopy(aug)
    other.net.graphs = False
    return other


def drawn(aug, seed, dtype=torch.float32):
    torch.manual_seed(seed)
    real, mask = photos(4, seed, 96, "cuda")
    return aug.augment(real.to(dtype), mask, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_replays_are_bit_equal_and_no_capture_fails(aug, usual, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [drawn(aug, seed, dtype) for seed in range(6)]
    assert all(torch.equal(one, drawn(usual, seed, dtype)) for seed, one in enumerate(found))
    assert replay._graphs[aug.net].graphs


def test_python_waits_once_a_call(aug, usual):
    """The door reads its figures; a graph that is there waits for nothing more."""
    real, mask = photos(4, 0, 96, "cuda")
    for one in (aug, usual):
        for _ in range(3):
            one.augment(real, mask, 3)
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                one.augment(real, mask, 3)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert len([each for each in seen if "synchron" in str(each.message)]) == 1


def test_results_stay_when_streams_take_turns(aug, usual):
    streams = [torch.cuda.current_stream(), *(torch.cuda.Stream() for _ in range(3))]
    found = []
    for seed in range(12):
        with torch.cuda.stream(streams[seed % len(streams)]):
            found.append(drawn(aug, seed))
    torch.cuda.synchronize()
    assert all(torch.equal(one, drawn(usual, seed)) for seed, one in enumerate(found))


@pytest.mark.parametrize("pinned", [False, True])
def test_prefetched_batches_are_the_same_beside_a_training(aug, pinned):
    batches = []
    for seed in range(12):
        real, mask = photos(4, seed, 96)
        batch = {"comp": real / 2, "real": real, "mask": mask}
        batches.append({key: x.pin_memory() if pinned else x for key, x in batch.items()})
    weight = torch.rand(2048, 2048, device="cuda", requires_grad=True)
    taken = []
    for prefetch in (0, 1):
        loader = AugmentedLoader(
            batches, aug, FIELDS, p=0.5, seed=1, device="cuda", prefetch=prefetch
        )
        sums = []
        for batch in loader:
            (weight @ weight @ weight).sum().backward()  # work that is under way
            sums.append([batch[key].double().sum() for key in ("comp", "real", "mask")])
        taken.append(torch.tensor(sums))
    assert torch.equal(*taken)


def test_a_compiled_sample_is_that_of_python(aug):
    real, mask = photos(4, 0, 96, "cuda")
    latent = torch.randn(4, 3, aug.latent_dim, device="cuda")
    found = torch.compile(aug.sample, fullgraph=True)(real, mask, latent=latent)
    torch.testing.assert_close(found, aug.sample(real, mask, latent=latent), atol=1e-4, rtol=1e-4)
