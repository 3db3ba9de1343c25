"""CUDA graphs of `augment`: the same bits, for every input; left alone where they cannot be."""

import copy
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from cuda_double import Cuda, photos
from torch import nn

from harmaug import SycoNetAugment
from harmaug.nets import LutNet, SycoNet, replay


@pytest.fixture
def cuda(monkeypatch):
    """A GPU in appearance: tensors count as on it, and decisions take the GPU's way."""
    double = Cuda()
    monkeypatch.setattr(LutNet, "graphs", True)
    monkeypatch.setattr(replay, "cuda", double)
    monkeypatch.setattr(replay, "_on_gpu", lambda tensors: True)
    monkeypatch.setattr("harmaug.nets.decision._wants_fixed_shapes", lambda latent: True)
    monkeypatch.setattr("harmaug.nets.native.takes", lambda *tensors: False)
    return double


@pytest.fixture(scope="module", params=["unified", "daylight", "retouch"])
def name(request):
    return request.param


def drawn(aug, seed):
    """Composites of photos and of latents that the seed decides."""
    torch.manual_seed(seed)
    return aug.augment(*photos(seed=seed), 4)


def test_replayed_composites_are_those_of_the_usual_way_to_the_bit(name, cuda):
    aug = SycoNetAugment.from_pretrained(name)
    usual = SycoNetAugment.from_pretrained(name)
    cuda.capturing = True  # the usual way
    expected = [drawn(usual, seed) for seed in range(6)]
    cuda.capturing = False
    found = [drawn(aug, seed) for seed in range(6)]
    assert all(map(torch.equal, found, expected))
    (graph,) = cuda.graphs
    assert graph.replays == 5  # one to compare, then four calls


def test_results_stay_when_later_calls_write_the_same_buffers(name, cuda):
    aug = SycoNetAugment.from_pretrained(name)
    for seed in range(2):
        drawn(aug, seed)
    real, mask = photos(seed=7)
    luts = aug.sample(real, mask, 4)
    kept = luts.clone()
    drawn(aug, 8)
    assert torch.equal(luts, kept)


def test_a_graph_serves_its_shapes_types_and_amounts_alone(cuda):
    aug = SycoNetAugment.from_pretrained("daylight")
    calls = [
        lambda: aug.augment(*photos(1)),
        lambda: aug.augment(*photos(2)),
        lambda: aug.augment(*photos(2), 3),
        lambda: aug.augment(*photos(2, side=32)),
        lambda: aug.augment(*photos(2), spatial=0),
        lambda: aug.augment(*photos(2), latent=torch.zeros(2, 1, aug.latent_dim)),
    ]
    for call in calls * 2:
        call()
    assert len(cuda.graphs) == len(calls)
    # Decided on as float32 photos in [0, 1], whatever they come as.
    real, mask = photos(2)
    aug.augment((real * 255).byte(), mask.bool())
    aug.augment(real * 2 - 1, mask, space="pm1", strength=0.5)
    assert len(cuda.graphs) == len(calls)


def test_shapes_seen_once_get_no_graph_and_graphs_are_few(cuda, monkeypatch):
    monkeypatch.setattr(replay, "_MOST", 2)
    aug = SycoNetAugment.from_pretrained("retouch")
    for side in (16, 20, 24):
        aug.augment(*photos(side=side))
    assert not cuda.graphs
    for side in (16, 20, 24):
        aug.augment(*photos(side=side))
    assert len(cuda.graphs) == 2


def test_new_values_of_weights_count_in_the_same_graph(cuda):
    aug = SycoNetAugment.from_pretrained("retouch")
    for seed in range(3):
        drawn(aug, seed)
    with torch.no_grad():
        aug.net.basis.mul_(0.5)
    assert torch.equal(drawn(aug, 5), drawn(copy.deepcopy(aug), 5))
    assert len(cuda.graphs) == 1


def other_basis(net):
    net.basis = nn.Parameter(net.basis * 0.5, requires_grad=False)


def fewer_luts_at_the_same_place(net):
    net.basis.data = net.basis.data[:16]
    net.decoder[-1].weight.data = net.decoder[-1].weight.data[:16]
    net.decoder[-1].bias.data = net.decoder[-1].bias.data[:16]


def other_decoder(net):
    net.decoder = copy.deepcopy(net.decoder)
    with torch.no_grad():
        net.decoder[0].weight.mul_(1.1)


@pytest.mark.parametrize("change", [other_basis, fewer_luts_at_the_same_place, other_decoder])
def test_weights_and_parts_elsewhere_begin_anew(cuda, change):
    aug = SycoNetAugment.from_pretrained("retouch")
    for seed in range(3):
        drawn(aug, seed)
    change(aug.net)
    assert torch.equal(drawn(aug, 5), drawn(copy.deepcopy(aug), 5))
    assert cuda.graphs[0].replays == 2
    assert any("Python waits" in call for call in cuda.calls)  # before its memory is freed
    for seed in range(2):
        drawn(aug, seed)
    assert len(cuda.graphs) == 2


def test_graphs_of_large_photos_are_fewer(cuda, monkeypatch):
    monkeypatch.setattr(replay, "_MOST_BYTES", 1)
    aug = SycoNetAugment.from_pretrained("retouch")
    for side in (16, 20) * 2:
        aug.augment(*photos(side=side))
    assert len(cuda.graphs) == 1


def test_photos_beside_an_empty_mask_have_a_graph_too(cuda):
    aug = SycoNetAugment.from_pretrained("unified")
    real, mask = photos(3)
    mask[1] = 0
    for _ in range(3):
        composites = aug.augment(real, mask)
    assert torch.equal(composites[1, 0], real[1])
    assert len(cuda.graphs) == 1


def test_gradients_and_captures_of_others_take_the_usual_way(cuda):
    aug = SycoNetAugment.from_pretrained("unified")
    real, mask = photos()
    for _ in range(3):
        latent = torch.zeros(2, 1, aug.latent_dim, requires_grad=True)
        aug.augment(real, mask, latent=latent).sum().backward()
    assert latent.grad is not None
    cuda.capturing = True
    for _ in range(3):
        aug.augment(real, mask)
    assert not cuda.graphs


@pytest.mark.slow
def test_the_compiler_takes_the_usual_way(cuda):
    aug = SycoNetAugment.from_pretrained("unified")
    compiled = torch.compile(aug.sample, fullgraph=True, backend="eager")
    latent = torch.randn(2, 3, aug.latent_dim)
    for _ in range(3):
        found = compiled(*photos(), latent=latent)
    assert not cuda.graphs
    torch.testing.assert_close(found, aug.sample(*photos(), latent=latent), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fault", [torch.OutOfMemoryError("no memory"), RuntimeError("no way")])
def test_a_capture_that_fails_is_told_once_and_nothing_is_lost(cuda, fault):
    aug = SycoNetAugment.from_pretrained("retouch")
    usual = [drawn(copy.deepcopy(aug), seed) for seed in range(4)]
    cuda.fails = fault
    first = drawn(aug, 0)
    with pytest.warns(UserWarning, match="a CUDA graph failed, so this augmenter does without"):
        second = drawn(aug, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        others = [drawn(aug, 2), drawn(aug, 3)]
    assert all(map(torch.equal, [first, second, *others], usual))
    assert cuda.current.name == "main"


def test_a_graph_with_another_result_is_not_used(cuda, monkeypatch):
    aug = SycoNetAugment.from_pretrained("retouch")
    monkeypatch.setattr("cuda_double.Graph.replay", lambda self: self.steps[-1][3].zero_())
    drawn(aug, 0)
    with pytest.warns(UserWarning, match="differs from that of the usual way"):
        drawn(aug, 1)
    usual = drawn(copy.deepcopy(aug), 2)
    assert torch.equal(drawn(aug, 2), usual)


def test_there_are_none_unless_asked_for(cuda, monkeypatch):
    monkeypatch.undo()
    assert not LutNet.graphs
    aug = SycoNetAugment.from_pretrained("retouch")
    monkeypatch.setattr(replay, "_on_gpu", lambda tensors: True)
    for seed in range(3):
        drawn(aug, seed)
    assert not cuda.graphs


def test_the_full_net_judges_without_a_graph(cuda):
    """It tries stand-ins for spoilt draws alone, as each costs it much."""
    aug = SycoNetAugment(SycoNet(latent_dim=4, basis_size=3, lut_size=5, size=32))
    for _ in range(3):
        aug.augment(*photos())
    assert not cuda.graphs
    latent = torch.randn(2, 1, 4)
    results = [aug.augment(*photos(), latent=latent) for _ in range(3)]
    assert len(cuda.graphs) == 1
    assert torch.equal(results[0], results[2])


def test_threads_take_turns_at_a_graph(cuda):
    aug = SycoNetAugment.from_pretrained("retouch")
    latents = [torch.randn(2, 3, aug.latent_dim) for _ in range(12)]
    expected = [copy.deepcopy(aug).sample(*photos(), latent=latent) for latent in latents]
    for latent in latents[:2]:
        aug.sample(*photos(), latent=latent)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda latent: aug.sample(*photos(), latent=latent), latents))
    assert all(map(torch.equal, found, expected))
    assert cuda.graphs[-1].replays == 1 + len(latents)


def test_graphs_go_with_their_net_and_copies_have_their_own(cuda):
    aug = SycoNetAugment.from_pretrained("retouch")
    for seed in range(2):
        drawn(aug, seed)
    other = copy.deepcopy(aug)
    known = len(replay._graphs)
    drawn(other, 0)
    assert len(replay._graphs) == known + 1
    del other
    assert len(replay._graphs) == known
    aug = None
    assert len(replay._graphs) == known - 1
