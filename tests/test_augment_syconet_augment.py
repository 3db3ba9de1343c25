"""SycoNetAugment: every promise it makes, on small random nets of both kinds."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import numpy as np
import pytest
import skimage.color
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import harmaug
from harmaug import SycoNetAugment
from harmaug.data.demo import demo_photos
from harmaug.lut import composite_lut, identity_lut, mix_luts, resize_lut
from harmaug.nets import LiteSycoNet, LutNet, SycoNet
from harmaug.nets.latents import draw_latents

CUSTOM = ((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
SPACES = ["unit", "pm1", "imagenet", CUSTOM]
SIZE = (24, 36)


def build(kind):
    """A small random net whose LUTs recolour visibly, with a prior that is not the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net: LutNet
        last: Any
        if kind == "lite":
            net = LiteSycoNet(latent_dim=4, basis_size=6, lut_size=5, width=32, thumbnail=64)
            net.refinement_steps = 20  # latents of random nets need not be good ones
            last = net.decoder[-1]
        else:
            net = SycoNet(latent_dim=4, basis_size=6, lut_size=5, width=4, size=32)
            last = net.mixing
        with torch.no_grad():
            last.weight.mul_(20)
            net.basis.copy_(identity_lut(5) + resize_lut(0.4 * torch.randn(6, 3, 2, 2, 2), 5))
            net.prior.mean.normal_()
            net.prior.scale.copy_(torch.eye(4) + torch.rand(4, 4).tril())
    return SycoNetAugment(net)


@pytest.fixture(params=["lite", "syconet"], scope="module")
def aug(request):
    return build(request.param)


@pytest.fixture(scope="module")
def default():
    return SycoNetAugment.from_pretrained()


def photos(batch=2, size=SIZE, seed=0, dtype=torch.float32, soft=True):
    """Photos, and masks with a hard, a soft and an absent part."""
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(batch, 3, *size, generator=generator)
    mask = torch.zeros(batch, 1, *size)
    height, width = size
    mask[:, :, height // 4 : height // 2, width // 4 : -width // 4] = 1
    if soft:
        mask[:, :, height // 2 : -height // 4, width // 4 : -width // 4] = 0.3
    return real.to(dtype), mask.to(dtype)


def latents(batch=2, n=3, seed=1):
    return torch.randn(batch, n, 4, generator=torch.Generator().manual_seed(seed))


def constants(space):
    named = {
        "unit": ((0,) * 3, (1,) * 3),
        "pm1": ((0.5,) * 3, (0.5,) * 3),
        "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    }
    mean, std = named[space] if isinstance(space, str) else space
    return torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)


def stored(unit, space):
    mean, std = constants(space)
    return ((unit.float() - mean) / std).to(unit.dtype)


def bits(tensor):
    kinds = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    return tensor.contiguous().view(kinds[tensor.element_size()])


# 1. Background, empty mask, range


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_background_is_bit_identical_in_every_space_and_dtype(aug, space, dtype):
    real, mask = photos(dtype=dtype)
    real = stored(real, space)
    composite = aug.augment(real, mask, latent=latents(), space=space)
    assert composite.dtype == dtype
    assert composite.shape == (2, 3, 3, *SIZE)
    outside = (mask == 0).unsqueeze(1).expand_as(composite)
    source = real.unsqueeze(1).expand_as(composite)
    assert torch.equal(bits(composite)[outside], bits(source)[outside])
    assert (composite != source)[~outside].float().mean() > 0.9


@settings(max_examples=25, deadline=None)
@given(
    mean=st.tuples(*[st.floats(-3, 3)] * 3),
    std=st.tuples(*[st.floats(0.05, 300)] * 3),
    seed=st.integers(0, 2**31),
)
def test_background_is_bit_identical_for_any_mean_and_std(mean, std, seed):
    real, mask = photos(1, (8, 8), seed)
    real = stored(real, (mean, std))
    composite = build("lite")(real, mask, space=(mean, std))
    outside = (mask == 0).expand_as(real)
    assert torch.equal(bits(composite)[outside], bits(real)[outside])


def test_a_background_out_of_range_keeps_its_bits_and_a_foreground_is_brought_into_range(aug):
    real, mask = photos()
    real = real * 1.03 - 0.015  # a resized photo overshoots
    composite = aug(real, mask)
    outside = (mask == 0).expand_as(real)
    assert torch.equal(composite[outside], real[outside])
    assert composite[~outside].min() >= 0
    assert composite[~outside].max() <= 1


def test_the_encoder_sees_no_overshoot(aug):
    real, mask = photos()
    real = real * 1.03 - 0.015
    luts = aug.sample(real.clamp(0, 1), mask, latent=latents())
    assert torch.equal(aug.sample(real, mask, latent=latents()), luts)
    composite = real.flip(1)
    expected = aug.encode(real.clamp(0, 1), mask, composite.clamp(0, 1))
    assert torch.equal(aug.encode(real, mask, composite), expected)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_empty_mask_gives_real_back(aug, space, dtype):
    real = stored(photos(dtype=dtype)[0], space)
    composites = aug.augment(real, torch.zeros(2, *SIZE), n=2, space=space)
    assert torch.equal(bits(composites), bits(real.unsqueeze(1).expand_as(composites)))


def test_a_photo_with_an_empty_mask_changes_nothing_for_the_others(aug):
    real, mask = photos(3)
    mask[1] = 0
    composites = aug.augment(real, mask, latent=latents(3))
    assert torch.equal(composites[1], real[1].expand_as(composites[1]))
    alone = aug.augment(real[[0, 2]], mask[[0, 2]], latent=latents(3)[[0, 2]])
    torch.testing.assert_close(composites[[0, 2]], alone, rtol=0, atol=2e-6)


def test_luts_of_empty_masks_are_the_identity_and_may_be_written_to(aug):
    real, _ = photos()
    luts = aug.sample(real, torch.zeros(2, *SIZE), n=2)
    torch.testing.assert_close(luts, identity_lut(5).expand_as(luts), rtol=0, atol=0)
    luts.add_(1)


def test_a_full_mask_recolours_everything(aug):
    real, _ = photos()
    composites = aug.augment(real, torch.ones(2, 1, *SIZE), n=2)
    assert composites.isfinite().all()
    assert (composites != real.unsqueeze(1)).float().mean() > 0.9
    chosen = aug.augment(real, torch.ones(2, 1, *SIZE), n=2, candidates=5)
    assert chosen.isfinite().all()


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_composites_stay_in_range(aug, space, dtype):
    real, mask = photos(dtype=dtype)
    real[0], real[1, 0], real[1, 1:] = 1, 0, 1
    composites = aug.augment(stored(real, space), mask, n=8, space=space)
    low, high = (stored(torch.full((3, 1, 1), v, dtype=dtype), space) for v in (0.0, 1.0))
    assert (composites >= low).all()
    assert (composites <= high).all()


@pytest.mark.parametrize("space", SPACES)
def test_every_space_gives_the_same_composite(aug, space):
    real, mask = photos()
    mean, std = constants(space)
    composites = aug.augment(stored(real, space), mask, latent=latents(), space=space)
    unit = aug.augment(real, mask, latent=latents())
    torch.testing.assert_close(composites * std + mean, unit, rtol=0, atol=2e-6)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(aug, space, dtype):
    real, mask = photos()
    real = stored(real, space).to(dtype)
    half = aug.augment(real, mask, latent=latents(), space=space)
    exact = aug.augment(real.float(), mask, latent=latents(), space=space)
    step = exact.abs().clamp_min(1e-3) * torch.finfo(dtype).eps
    assert ((half.float() - exact).abs() <= 0.51 * step + 1e-6).all()


def test_a_soft_mask_blends(aug):
    real, mask = photos()
    luts = aug.sample(real, mask, latent=latents())
    full = aug.apply(luts, real, torch.ones_like(mask))
    expected = real.unsqueeze(1) + mask.unsqueeze(1) * (full - real.unsqueeze(1))
    composites = aug.augment(real, mask, latent=latents())
    unclipped = (full > 0) & (full < 1)
    assert unclipped.float().mean() > 0.7
    difference = (composites - expected).abs()
    assert difference[unclipped].max() < 1e-6


# 2. Same latent, same composite


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_gives_the_same_composites_as_a_cpu(aug):
    (real, mask), latent = photos(), latents()
    found = copy.deepcopy(aug).cuda().augment(real.cuda(), mask.cuda(), latent=latent.cuda())
    torch.testing.assert_close(
        found.cpu(), aug.augment(real, mask, latent=latent), rtol=0, atol=2e-5
    )


def test_a_photo_alone_without_batch_axis_or_in_any_company_gives_the_same_composite(aug):
    real, mask = photos(5)
    latent = latents(5)
    together = aug.augment(real, mask, latent=latent)
    for i in range(5):
        alone = aug.augment(real[i : i + 1], mask[i : i + 1], latent=latent[i : i + 1])
        bare = aug.augment(real[i], mask[i, 0], latent=latent[i])
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=2e-6)
        torch.testing.assert_close(bare, together[i], rtol=0, atol=2e-6)
    order = torch.tensor([3, 0, 4, 1, 2])
    shuffled = aug.augment(real[order], mask[order], latent=latent[order])
    torch.testing.assert_close(shuffled, together[order], rtol=0, atol=2e-6)


def test_a_latent_gives_the_same_composite_among_any_other_latents(aug):
    real, mask = photos(2)
    many = aug.augment(real, mask, latent=latents(2, 40))
    one = aug.augment(real, mask, latent=latents(2, 40)[:, 37:38])
    torch.testing.assert_close(many[:, 37:38], one, rtol=0, atol=2e-6)


def test_the_number_of_threads_changes_nothing(aug):
    real, mask = photos(3, (96, 80))
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(aug.augment(real, mask, latent=latents(3)))
    finally:
        torch.set_num_threads(threads)
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=0, atol=2e-6)


def test_memory_layout_and_mask_shape_and_dtype_change_nothing(aug):
    real, mask = photos(soft=False)
    expected = aug.augment(real, mask, latent=latents())
    variants = [
        (real.contiguous(memory_format=torch.channels_last), mask),
        (real.transpose(2, 3).contiguous().transpose(2, 3), mask),
        (real, mask[:, 0]),
        (real, mask.bool()),
        (real, mask[:, 0].double()),
        (real, mask.expand(-1, 3, -1, -1)[:, 1:2]),
    ]
    for photo, alpha in variants:
        result = aug.augment(photo, alpha, latent=latents())
        torch.testing.assert_close(result, expected, rtol=0, atol=2e-6)
    for shape in [(1, 1, *SIZE), (1, *SIZE), SIZE]:
        result = aug.augment(real[0], mask[0].reshape(shape), latent=latents()[0])
        torch.testing.assert_close(result, expected[0], rtol=0, atol=2e-6)


def test_autocast_changes_nothing(aug):
    real, mask = photos()

    def run():
        generator = torch.Generator().manual_seed(3)
        return aug.augment(real, mask, n=2, candidates=6, generator=generator)

    expected, latent = run(), aug.encode(real, mask, real.flip(1))
    with torch.autocast("cpu", torch.bfloat16):
        result = run()
        assert torch.equal(aug.encode(real, mask, real.flip(1)), latent)
    assert result.dtype == torch.float32
    assert torch.equal(result, expected)


def test_default_dtype_of_the_host_changes_nothing(aug):
    real, mask = photos(3)
    mask[1] = 0
    latent = latents(3)
    expected = aug.augment(real, mask, latent=latent, strength=0.7)
    torch.set_default_dtype(torch.float64)
    try:
        result = aug.augment(real, mask, latent=latent, strength=0.7)
        drawn = aug.augment(real, mask, n=2, candidates=4)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(result, expected)
    assert drawn.dtype == torch.float32


# 3. Sampled once, applied to any view


def test_augment_is_sample_then_apply(aug):
    real, mask = photos()
    real = stored(real, "imagenet")
    luts = aug.sample(real, mask, latent=latents(), space="imagenet", strength=0.8)
    assert luts.shape == (2, 3, 3, 5, 5, 5)
    options = {"space": "imagenet", "strength": 0.8}
    expected = aug.augment(real, mask, latent=latents(), **options)
    assert torch.equal(aug.apply(luts, real, mask, space="imagenet"), expected)
    one = aug.apply(luts[:, 1], real, mask, space="imagenet")
    assert one.shape == real.shape
    assert torch.equal(one, expected[:, 1])


def test_luts_apply_to_other_sizes_and_views_of_the_photo(aug):
    real, mask = photos()
    luts = aug.sample(real, mask, latent=latents())
    composites = aug.apply(luts, real, mask)
    crop = (..., slice(3, 19), slice(5, 30))
    assert torch.equal(aug.apply(luts, real[crop], mask[crop]), composites[crop])
    flipped = aug.apply(luts, real.flip(-1), mask.flip(-1))
    assert torch.equal(flipped, composites.flip(-1))
    double = [t.repeat_interleave(2, 2).repeat_interleave(2, 3) for t in (real, mask)]
    enlarged = aug.apply(luts, *double)
    assert torch.equal(enlarged[..., ::2, ::2], composites)
    other = aug.apply(luts[:, 0], stored(real, "pm1"), mask, space="pm1")
    torch.testing.assert_close((other + 1) / 2, composites[:, 0], rtol=0, atol=2e-6)


def test_luts_apply_without_batch_axis(aug):
    real, mask = photos()
    luts = aug.sample(real[0], mask[0], latent=latents()[0])
    assert luts.shape == (3, 3, 5, 5, 5)
    many = aug.apply(luts, real[0], mask[0])
    assert many.shape == (3, 3, *SIZE)
    assert torch.equal(aug.apply(luts[2], real[0], mask[0]), many[2])


def test_composites_are_made_at_full_size(aug):
    """No pixel depends on another once the LUT is there: the photo itself is never resized."""
    real, mask = photos(1, (200, 300))
    luts = aug.sample(real, mask, n=1)[:, 0]
    reference = composite_lut(real.double(), mask.double(), luts.double()).float()
    torch.testing.assert_close(aug.apply(luts, real, mask), reference, rtol=0, atol=2e-6)


# 4. Frozen


def host_with(aug):
    host = nn.Module()
    host.layer = nn.Linear(2, 2)
    host.augment = copy.deepcopy(aug)
    return host


def weights_of(aug):
    return {name: value.clone() for name, value in aug.net.state_dict().items()}


def assert_same_weights(aug, before):
    after = aug.net.state_dict()
    assert after.keys() == before.keys()
    assert all(after[name].dtype == value.dtype for name, value in before.items())
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_host_model_sees_no_parameter_buffer_or_state_of_it(aug):
    host = host_with(aug)
    assert {name for name, _ in host.named_parameters()} == {"layer.weight", "layer.bias"}
    assert not list(host.buffers())
    assert set(host.state_dict()) == {"layer.weight", "layer.bias"}
    host.load_state_dict(nn.ModuleDict({"layer": nn.Linear(2, 2)}).state_dict())
    assert not any(p.requires_grad for p in aug.net.parameters())


def test_nothing_a_host_does_to_itself_changes_it(aug):
    real, mask = photos()
    host = host_with(aug)
    before, expected = weights_of(host.augment), aug.augment(real, mask, latent=latents())
    for act in (
        lambda: host.train(),
        lambda: host.augment.train(),
        lambda: host.eval(),
        lambda: host.requires_grad_(True),
        lambda: host.half(),
        lambda: host.double(),
        lambda: host.bfloat16(),
        lambda: host.to(torch.float16),
        lambda: host.to(memory_format=torch.channels_last),
        lambda: host.float(),
        lambda: host.cpu(),
        lambda: host.apply(lambda m: [nn.init.zeros_(p) for p in m.parameters()]),
        lambda: host.zero_grad(),
        lambda: host.share_memory(),
    ):
        act()
        assert not host.augment.training
        assert not host.augment.net.training
        assert not any(module.training for module in host.augment.net.modules())
        assert not any(p.requires_grad for p in host.augment.net.parameters())
        assert_same_weights(host.augment, before)
    assert torch.equal(host.augment.augment(real, mask, latent=latents()), expected)


def test_an_optimizer_of_the_host_never_moves_it(aug):
    real, mask = photos()
    host = host_with(aug)
    host.layer = nn.Conv2d(3, 3, 1)
    before = weights_of(host.augment)
    optimizer = torch.optim.SGD(host.parameters(), lr=10.0, weight_decay=0.5)
    (host.layer(host.augment(real, mask)) - real).square().sum().backward()
    optimizer.step()
    assert_same_weights(host.augment, before)


def test_it_follows_the_host_to_another_device(aug):
    host = host_with(aug)
    host.to("meta")
    assert host.augment.device == torch.device("meta")
    assert aug.device == torch.device("cpu")


def test_module_apply_still_visits_it(aug):
    seen: list[torch.nn.Module] = []
    host = host_with(aug)
    assert host.apply(seen.append) is host
    assert host.augment in seen


def test_copies_and_pickles_give_the_same_composites_and_are_independent(aug):
    real, mask = photos()
    expected = aug.augment(real, mask, latent=latents())
    for other in (copy.deepcopy(aug), pickle.loads(pickle.dumps(aug))):
        assert torch.equal(other.augment(real, mask, latent=latents()), expected)
        assert (other.card, other.checkpoint) == (aug.card, aug.checkpoint)
        with torch.no_grad():
            other.net.basis.zero_()
    assert torch.equal(aug.augment(real, mask, latent=latents()), expected)


def test_no_graph_is_built_unless_asked(aug):
    real, mask = photos()
    outputs = (
        aug(real, mask),
        aug.sample(real, mask, candidates=3),
        aug.encode(real, mask, real),
        aug.basis,
    )
    assert not any(output.requires_grad for output in outputs)


def test_what_was_sampled_without_gradients_may_be_used_with_them(aug):
    real, mask = photos(1)
    decision = aug.decide(aug.admit(real, mask), 2)
    luts = aug.sample(real, mask, latent=decision.latent)
    assert not luts.is_inference()
    real.requires_grad_()
    aug.apply(luts, real, mask).sum().backward()
    assert (real.grad != 0).any()
    torch.testing.assert_close(luts, decision.luts, rtol=0, atol=2e-6)
    with torch.inference_mode():
        again = aug.sample(real.detach(), mask, latent=decision.latent)
    torch.testing.assert_close(again, luts, rtol=0, atol=2e-6)


def test_gradients_of_drawn_composites_reach_the_photo_where_draws_are_replaced(default):
    real, mask = photos(1)
    real.requires_grad_()
    default.augment(real, mask, 48, generator=torch.Generator().manual_seed(1)).sum().backward()
    assert real.grad.isfinite().all()


@pytest.mark.parametrize("space", ["unit", "pm1"])
def test_latent_real_mask_and_luts_get_their_gradient_where_they_ask(aug, space):
    real, mask = photos()
    real = stored(real, space)
    for name in ("latent", "real", "mask"):
        inputs = {"real": real.clone(), "mask": mask.clone(), "latent": latents()}
        inputs[name].requires_grad_()
        aug.augment(**inputs, space=space, strength=0.9).square().sum().backward()
        gradient = inputs[name].grad
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0
    luts = aug.sample(real, mask, latent=latents(), space=space).requires_grad_()
    aug.apply(luts, real, mask, space=space).sum().backward()
    assert luts.grad.abs().max() > 0
    assert all(p.grad is None for p in aug.net.parameters())


def test_a_basis_that_asks_for_its_gradient_gets_it(aug):
    trained = copy.deepcopy(aug)
    trained.net.requires_grad_(True)
    trained.augment(*photos(), latent=latents()).sum().backward()
    assert trained.net.basis.grad.abs().max() > 0


def test_the_gradient_of_a_latent_is_the_slope_of_its_composite():
    aug = build("lite")
    real, mask = photos(1)
    direction = latents(1, 1, seed=5)
    latent = latents(1, 1).requires_grad_()
    target = torch.rand(1, 1, 3, *SIZE, generator=torch.Generator().manual_seed(7))

    def loss(z):
        return (aug.augment(real, mask, latent=z) * target).sum().double()

    loss(latent).backward()
    slope = (loss(latent + 0.01 * direction) - loss(latent - 0.01 * direction)) / 0.02
    analytic = (latent.grad * direction).sum().double()
    torch.testing.assert_close(slope, analytic, rtol=0.02, atol=1e-2)


# Latents


def test_latents_come_from_the_global_generator(aug, monkeypatch):
    def none(luts, foreground):  # noise under random LUTs turns flat
        return torch.zeros(luts.shape[:2], dtype=torch.bool)

    monkeypatch.setattr("harmaug.nets.decision.spoilt", none)
    real, mask = photos()
    torch.manual_seed(11)
    first, second = aug.augment(real, mask, n=2), aug.augment(real, mask, n=2)
    torch.manual_seed(11)
    assert torch.equal(aug.augment(real, mask, n=2), first)
    assert not torch.equal(first, second)
    assert not torch.equal(first[:, 0], first[:, 1])
    torch.manual_seed(11)
    drawn = draw_latents(2, 2, 4)
    assert torch.equal(aug.augment(real, mask, latent=drawn), first)


def test_a_generator_is_a_stream_of_its_own_and_leaves_the_hosts_untouched(aug):
    real, mask = photos()
    state = torch.get_rng_state()
    generator = torch.Generator().manual_seed(5)
    first = aug.augment(real, mask, n=2, generator=generator)
    second = aug.augment(real, mask, n=2, generator=generator)
    chosen = aug.augment(real, mask, n=2, candidates=5, generator=generator)
    again = aug.augment(real, mask, n=2, generator=torch.Generator().manual_seed(5))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert chosen.shape == first.shape
    assert torch.equal(torch.get_rng_state(), state)


def test_given_latents_encoding_and_applying_leave_every_stream_untouched(aug):
    real, mask = photos()
    state = torch.get_rng_state()
    numpy_state = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002 the stream hosts use
    luts = aug.sample(real, mask, latent=latents())
    aug.apply(luts, real, mask)
    aug.encode(real, mask, real)
    aug(real, mask, generator=torch.Generator())
    assert torch.equal(torch.get_rng_state(), state)
    now = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    assert (now == numpy_state).all()


def test_loading_a_checkpoint_leaves_the_hosts_stream_untouched():
    state = torch.get_rng_state()
    SycoNetAugment.from_pretrained()
    assert torch.equal(torch.get_rng_state(), state)


def test_what_is_drawn_does_not_depend_on_the_pictures(aug):
    real, mask = photos()
    torch.manual_seed(2)
    aug.augment(real, mask, n=3)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    aug.augment(real, torch.zeros_like(mask), n=3)
    assert torch.equal(torch.get_rng_state(), state)


def test_inputs_are_never_written_to(aug):
    real, mask = photos()
    given = {"real": real, "mask": mask, "latent": latents(), "composite": real.flip(2)}
    given["luts"] = aug.sample(real, mask, n=2)
    before = {name: (value.clone(), value._version) for name, value in given.items()}
    for space in ("unit", (0.0, 1.0)):
        aug.augment(real, mask, latent=given["latent"], space=space, strength=0.5)
        aug.augment(real, mask, n=2, candidates=4, space=space)
        aug.apply(given["luts"], real, mask, space=space)
        aug.encode(real, mask, given["composite"], space=space)
    for name, (value, version) in before.items():
        assert torch.equal(given[name], value)
        assert given[name]._version == version


def test_results_share_no_memory_with_inputs(aug):
    real, mask = photos()
    luts = aug.sample(real, mask, n=1)
    for alpha in (mask, torch.zeros_like(mask)):
        for space in ("unit", (0.0, 1.0)):
            for result in (
                aug(real, alpha, space=space),
                aug.augment(real, alpha, n=1, strength=0, space=space),
                aug.apply(luts[:, 0], real, alpha, space=space),
            ):
                result.fill_(9)
    assert real.max() <= 1
    assert luts.isfinite().all()


# Strength and candidates


def test_strength_goes_from_the_photo_to_the_sampled_lut(aug):
    real, mask = photos()
    whole = aug.sample(real, mask, latent=latents())
    none = aug.augment(real, mask, latent=latents(), strength=0)
    torch.testing.assert_close(none, real.unsqueeze(1).expand_as(none), rtol=0, atol=1e-6)
    half = aug.sample(real, mask, latent=latents(), strength=0.5)
    torch.testing.assert_close(half, (whole + identity_lut(5)) / 2)
    assert torch.equal(aug.sample(real, mask, latent=latents(), strength=1), whole)
    beyond = aug.sample(real, mask, latent=latents(), strength=1.5)
    torch.testing.assert_close(beyond - whole, (whole - identity_lut(5)) / 2)


def test_strength_grows_the_change_steadily(aug):
    real, mask = photos()
    change = [
        (aug.augment(real, mask, latent=latents(), strength=s) - real.unsqueeze(1)).abs().mean()
        for s in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert all(a < b for a, b in itertools.pairwise(change))


def mismatch(composite, mask):
    """Distance in Lab between the mean colours of foreground and background, by scikit-image."""
    lab = skimage.color.rgb2lab(composite.permute(1, 2, 0).double().numpy())
    inside = mask[0].numpy() > 0
    return float(np.linalg.norm(lab[inside].mean(0) - lab[~inside].mean(0)))


def test_candidates_keep_the_hardest(aug):
    real, mask = photos(3, soft=False)
    every = aug.augment(real, mask, n=12, generator=torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    kept = aug.augment(real, mask, n=4, candidates=12, generator=generator)
    assert kept.shape == (3, 4, 3, *SIZE)
    for i in range(3):
        drawn = sorted((mismatch(c, mask[i]) for c in every[i]), reverse=True)
        chosen = sorted((mismatch(c, mask[i]) for c in kept[i]), reverse=True)
        np.testing.assert_allclose(chosen, drawn[:4], atol=0.05)


def test_candidates_are_harder_than_average_for_large_photos_and_soft_masks(default):
    names, pictures, masks = zip(*demo_photos(), strict=True)
    for name, photo, mask in zip(names, pictures, masks, strict=True):
        real, mask = photo.tensor()[None, :, ::3, ::3], mask[::3, ::3]
        every = default.augment(real, mask, n=16, generator=torch.Generator().manual_seed(4))[0]
        generator = torch.Generator().manual_seed(4)
        kept = default.augment(real, mask, n=2, candidates=16, generator=generator)[0]
        hard = (mask > 0.5).unsqueeze(0)
        average = np.mean([mismatch(c, hard) for c in every])
        assert np.mean([mismatch(c, hard) for c in kept]) > average, name


@pytest.mark.parametrize("options", [{}, {"candidates": 9}, {"strength": 0.5}])
def test_a_decision_tells_the_latents_and_weights_its_luts_come_from(default, options):
    real, mask = photos(3)
    mask[1] = 0  # recolours nothing
    decision = default.decide(
        default.admit(real, mask), n=4, generator=torch.Generator().manual_seed(4), **options
    )
    same = default.sample(real, mask, n=4, generator=torch.Generator().manual_seed(4), **options)
    assert torch.equal(decision.luts, same)
    strength = options.get("strength", 1.0)
    again = default.sample(real, mask, latent=decision.latent, strength=strength)
    torch.testing.assert_close(decision.luts, again, rtol=0, atol=1e-5)
    mixed = harmaug.mix_luts(decision.weights[[0, 2]], default.basis)
    neutral = harmaug.identity_lut(default.basis.shape[-1])
    wanted = neutral + strength * (mixed - neutral)
    if default.net.light is None:
        torch.testing.assert_close(decision.luts[[0, 2]], wanted, rtol=0, atol=1e-5)
    else:  # those whose amount of light is negative are the mixtures
        plain = decision.latent[[0, 2], :, default.net.code_dim] < 0
        assert plain.any()
        for corner in decision.luts[[0, 2]].flatten(2, 3).unbind(2):
            torch.testing.assert_close(corner[plain], wanted[plain], rtol=0, atol=1e-5)
            assert (corner - wanted)[~plain].abs().amax((1, 2, 3, 4)).min() > 1e-3
    assert not decision.weights[1].any()


def test_as_many_candidates_as_composites_keep_all(aug):
    real, mask = photos()
    every = aug.sample(real, mask, n=4, generator=torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    kept = aug.sample(real, mask, n=4, candidates=4, generator=generator)
    for a, b in zip(every, kept, strict=True):
        assert sorted(a.flatten(1).sum(1).tolist()) == sorted(b.flatten(1).sum(1).tolist())


# Encoding


def test_encode_inverts_the_prior(aug, monkeypatch):
    """Before refining, the latent decodes to what the posterior's mean code decodes to."""
    monkeypatch.setattr(aug.net, "refinement_steps", 0)
    real, mask = photos()
    composite = aug(real, mask, generator=torch.Generator().manual_seed(0))
    latent = aug.encode(real, mask, composite)
    assert latent.shape == (2, aug.latent_dim)
    net = aug.net
    condition = net.condition(real, mask)
    code, _ = net.posterior(condition, net.change(real, mask, composite))
    luts = mix_luts(net.decode(condition, code.unsqueeze(1)), aug.basis)
    torch.testing.assert_close(
        aug.sample(real, mask, latent=latent[:, None]), luts, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("space", SPACES)
def test_encode_takes_every_space_and_photos_without_batch_axis(aug, space):
    real, mask = photos()
    composite = real.flip(1)
    unit = aug.encode(real, mask, composite)
    latent = aug.encode(stored(real, space), mask, stored(composite, space), space=space)
    torch.testing.assert_close(latent, unit, rtol=1e-3, atol=1e-3)
    alone = aug.encode(real[1], mask[1], composite[1])
    torch.testing.assert_close(alone, unit[1], rtol=1e-3, atol=1e-3)


def test_encode_is_finite_for_empty_and_full_masks(aug):
    real, mask = photos()
    for alpha in (torch.zeros_like(mask), torch.ones_like(mask)):
        assert aug.encode(real, alpha, real.flip(1)).isfinite().all()


@pytest.mark.slow
def test_encoding_then_augmenting_reconstructs(default):
    """The default checkpoint brings a composite of its own back, far nearer than the photo is."""
    untouched, rebuilt = 0.0, 0.0
    for _, photo, mask in demo_photos():
        real = photo.tensor().unsqueeze(0)
        composite = default(real, mask, generator=torch.Generator().manual_seed(0))
        latent = default.encode(real, mask, composite)
        again = default(real, mask, latent=latent[:, None])
        untouched += (composite - real).square().sum().item()
        rebuilt += (composite - again).square().sum().item()
    assert rebuilt < 0.25 * untouched


def test_a_net_without_reconstruction_branch_says_so():
    sizes = {"latent_dim": 4, "basis_size": 6, "lut_size": 5, "width": 4, "size": 32}
    aug = SycoNetAugment(SycoNet(**sizes, reconstruction=False))
    real, mask = photos()
    assert aug(real, mask).shape == real.shape
    with pytest.raises(RuntimeError, match="reconstruction branch"):
        aug.encode(real, mask, real)


# Shapes and loading


def test_shapes_are_the_documented_ones(aug):
    real, mask = photos()
    assert aug(real, mask).shape == (2, 3, *SIZE)
    assert aug(real[0], mask[0]).shape == (3, *SIZE)
    assert aug.augment(real, mask).shape == (2, 1, 3, *SIZE)
    assert aug.augment(real[0], mask[0], n=4).shape == (4, 3, *SIZE)
    assert aug.augment(real, mask, latent=latents(2, 5)).shape == (2, 5, 3, *SIZE)
    assert aug.augment(real, mask, 5, latent=latents(2, 5)).shape == (2, 5, 3, *SIZE)
    assert aug(real, mask, latent=latents(2, 1)).shape == (2, 3, *SIZE)
    assert aug.basis.shape == (6, 3, 5, 5, 5)
    assert aug.latent_dim == 4


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3), (300, 5)])
def test_any_size_of_photo_goes(aug, size):
    real, _ = photos(1, size)
    composites = aug.augment(real, torch.ones(1, *size), n=2, candidates=3)
    assert composites.shape == (1, 2, 3, *size)
    assert composites.isfinite().all()


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 200), (0, 0)])
def test_photos_without_pixels_give_composites_without_pixels(aug, size):
    real, mask = torch.rand(2, 3, *size), torch.ones(2, *size)
    assert aug.augment(real, mask, n=2, candidates=3).shape == (2, 2, 3, *size)
    assert aug.apply(aug.sample(real, mask), real, mask).shape == (2, 1, 3, *size)


def test_photos_without_pixels_have_a_latent(default):
    for size in ((0, 5), (0, 200), (0, 0)):
        real = torch.rand(2, 3, *size)
        assert default.encode(real, torch.ones(2, *size), real).isfinite().all()


def test_an_empty_batch_gives_an_empty_batch(aug):
    real, mask = photos()
    assert aug.augment(real[:0], mask[:0], n=2).shape == (0, 2, 3, *SIZE)


def test_a_saved_augmenter_loads_as_it_was(aug, tmp_path):
    real, mask = photos()
    path = aug.save_pretrained(tmp_path / "mine")
    again = SycoNetAugment.from_pretrained(tmp_path / "mine")
    assert path.parent == tmp_path / "mine"
    assert again.checkpoint == str(tmp_path / "mine")
    assert str(tmp_path / "mine") in repr(again)
    expected = aug.augment(real, mask, latent=latents())
    assert torch.equal(again.augment(real, mask, latent=latents()), expected)


def test_without_light_draws_are_those_whose_light_is_off(default, tmp_path):
    plain = default.without_light()
    assert not plain.varies
    assert plain.latent_dim == default.latent_dim - 13
    real, mask = photos()
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(2, 4, plain.latent_dim, generator=generator)
    off = torch.randn(2, 4, 13, generator=generator) * torch.tensor([0.0] + [1.0] * 12)
    lit = default.augment(real, mask, latent=torch.cat((latent, off), 2))
    torch.testing.assert_close(plain.augment(real, mask, latent=latent), lit, rtol=0, atol=2e-6)
    plain.save_pretrained(tmp_path)
    assert SycoNetAugment.from_pretrained(tmp_path).latent_dim == plain.latent_dim
    assert plain.without_light() is plain


def test_without_light_the_augmenter_itself_keeps_it(default):
    default.without_light()
    assert default.net.light is not None


def test_the_default_checkpoint_is_named_unified(default):
    assert default.checkpoint == "unified"
    assert default.card["architecture"] in ("lite", "syconet")
    assert "unified" in harmaug.list_checkpoints()


# Bad input: one sentence each


def wrong(**changes):
    real, mask = photos()
    return {"real": real, "mask": mask} | changes


REAL, MASK = photos()
NAN = float("nan")
BAD = [
    (wrong(n=0), ValueError, "n must be at least 1, got 0"),
    (wrong(n=-2), ValueError, "n must be at least 1, got -2"),
    (wrong(n=4, candidates=3), ValueError, "candidates must be at least n = 4, got 3"),
    (wrong(candidates=0), ValueError, "candidates must be at least n = 1, got 0"),
    (wrong(n=2.0), TypeError, "n and candidates must be whole numbers, got 2.0"),
    (wrong(n="2"), TypeError, "must be whole numbers, got '2'"),
    (wrong(candidates=2.5), TypeError, "must be whole numbers, got 1, 2.5"),
    (wrong(generator=3), TypeError, "generator must be a torch.Generator, got 3"),
    (wrong(latent=latents(2, 2), candidates=4), ValueError, "latent or candidates, not both"),
    (wrong(latent=latents(3, 2)), ValueError, "B = 2, n = 2 and Z = 4, got (3, 2, 4)"),
    (wrong(latent=latents(2, 2)[..., :3]), ValueError, "Z = 4, got (2, 2, 3)"),
    (wrong(latent=latents()[0]), ValueError, "latent must be (B, n, Z)"),
    (wrong(n=4, latent=latents(2, 3)), ValueError, "n = 4 and Z = 4, got (2, 3, 4)"),
    (wrong(latent=latents(2, 0)), ValueError, "got (2, 0, 4)"),
    (wrong(n=0, latent=latents(2, 1)), ValueError, "n = 0"),
    (wrong(latent=latents() * NAN), ValueError, "latent holds NaN"),
    (wrong(latent=latents().int()), TypeError, "latent must be a floating point"),
    (wrong(latent=[0.0]), TypeError, "latent must be a floating point torch.Tensor, got list"),
    (wrong(strength=NAN), ValueError, "strength must be a finite number from 0 upwards, got nan"),
    (wrong(strength=-0.1), ValueError, "strength must be a finite number"),
    (wrong(strength=float("inf")), ValueError, "strength must be a finite number"),
    (wrong(space="rgb"), ValueError, "got 'rgb'"),
    (wrong(space=None), ValueError, "got None"),
    (wrong(space=(0.5, 0)), ValueError, "std above 0"),
    (wrong(space=(NAN, 1)), ValueError, "finite"),
    (wrong(space="pm1", real=REAL * 255), ValueError, "decoded from space 'pm1' spans"),
    (wrong(real=REAL * 2 - 1), ValueError, "decoded from space 'unit' spans [-"),
    (wrong(real=REAL * 255), ValueError, "declare the space your loader really uses"),
    (wrong(real=REAL * NAN), ValueError, "real holds NaN"),
    (wrong(real=REAL / 0), ValueError, "expected [0, 1]"),
    (wrong(real=(REAL * 255).byte(), space="pm1"), ValueError, "uint8, which is sRGB"),
    (wrong(real=(REAL * 255).int()), TypeError, "got torch.int32"),
    (wrong(real=REAL > 0.5), TypeError, "got torch.bool"),
    (wrong(real=REAL.numpy()), TypeError, "real must be a torch.Tensor, got ndarray"),
    (wrong(real=REAL.permute(0, 2, 3, 1)), ValueError, "real must be (B, 3, H, W) or (3, H, W)"),
    (wrong(real=REAL[:, :1]), ValueError, "got (2, 1, 24, 36)"),
    (wrong(real=REAL[0, 0]), ValueError, "got (24, 36)"),
    (wrong(real=REAL.unsqueeze(1)), ValueError, "got (2, 1, 3, 24, 36)"),
    (wrong(mask=MASK[..., :-1]), ValueError, "mask must be (2, 1, 24, 36) or (2, 24, 36)"),
    (wrong(mask=MASK.expand(-1, 3, -1, -1)), ValueError, "got (2, 3, 24, 36)"),
    (wrong(mask=MASK[:1]), ValueError, "got (1, 1, 24, 36)"),
    (wrong(mask=MASK[0, 0]), ValueError, "got (24, 36)"),
    (wrong(mask=(MASK > 0).byte() * 15), ValueError, "could be class ids or a faint opacity"),
    (wrong(mask=MASK * 255), ValueError, "mask spans [0, 255], expected [0, 1]"),
    (wrong(mask=MASK - 0.1), ValueError, "mask spans [-0.1, 0.9], expected [0, 1]"),
    (wrong(mask=MASK * NAN), ValueError, "mask holds NaN"),
    (wrong(mask=MASK.numpy()), TypeError, "mask must be a torch.Tensor, got ndarray"),
    (wrong(real=REAL.to("meta"), mask=MASK.to("meta")), ValueError, "move one of them"),
    (
        wrong(real=REAL.to_sparse()),
        TypeError,
        "real must be a dense tensor, got a torch.sparse_coo",
    ),
    (
        wrong(mask=MASK.to_sparse()),
        TypeError,
        "mask must be a dense tensor, got a torch.sparse_coo",
    ),
    (wrong(mask=torch.nested.nested_tensor(list(MASK))), TypeError, "got a nested one"),
    (wrong(mask=MASK.to(torch.float8_e4m3fn)), TypeError, "got torch.float8_e4m3fn"),
    (wrong(mask=(MASK * 9).to(torch.uint16)), ValueError, "torch.uint16 with values from 0 to 9"),
    (wrong(mask=(MASK > 0) / 65535), ValueError, "divided by 255 or by more"),
    (wrong(mask=MASK.to("meta")), ValueError, "mask is on meta but real is on cpu"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=[m for *_, m in BAD])
def test_bad_input_is_one_clear_sentence(options, error, message):
    before = torch.get_rng_state()
    with pytest.raises(error) as caught:
        build("lite").augment(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("luts", "error", "message"),
    [
        (torch.rand(3, 3, 5, 5, 5), ValueError, "with B = 2, got (3, 3, 5, 5, 5)"),
        (torch.rand(3, 5, 5, 5), ValueError, "with B = 2, got (3, 5, 5, 5)"),
        (torch.rand(2, 3, 5, 5, 4), ValueError, "luts must be (..., 3, D, D, D)"),
        (torch.rand(2, 3, 1, 1, 1), ValueError, "D >= 2"),
        (torch.zeros(2, 3, 5, 5, 5, dtype=torch.uint8), TypeError, "luts must be floating point"),
        (torch.rand(2, 3, 5, 5, 5, device="meta"), ValueError, "is on meta"),
        (np.zeros((2, 3, 5, 5, 5)), TypeError, "each a torch.Tensor, got ndarray"),
        (None, TypeError, "got NoneType, Tensor, Tensor"),
        (abs, TypeError, "apply takes luts, real and mask"),
    ],
)
def test_luts_that_do_not_fit_are_refused(luts, error, message):
    with pytest.raises(error) as caught:
        build("lite").apply(luts, REAL, MASK)
    assert message in str(caught.value)


def test_apply_checks_real_and_mask_as_augment_does():
    aug = build("lite")
    luts = aug.sample(REAL, MASK)
    with pytest.raises(ValueError, match="real holds NaN"):
        aug.apply(luts, REAL * NAN, MASK)
    with pytest.raises(ValueError, match=r"spans \["):
        aug.apply(luts, REAL * 2 - 1, MASK)
    with pytest.raises(TypeError, match="apply takes luts, real and mask"):
        aug.apply(luts, REAL)


@pytest.mark.parametrize(
    ("composite", "error", "message"),
    [
        (REAL[:1], ValueError, "composite must have the shape of real"),
        (REAL[..., :-1], ValueError, "composite must have the shape of real"),
        (REAL * NAN, ValueError, "composite holds NaN"),
        (REAL * 255, ValueError, "composite decoded from space"),
        ((REAL * 255).int(), TypeError, "composite must be floating point or uint8"),
        (REAL.to("meta"), ValueError, "composite is on meta"),
        (None, TypeError, "composite must be a torch.Tensor, got NoneType"),
    ],
)
def test_composites_that_cannot_be_encoded_are_refused(composite, error, message):
    with pytest.raises(error) as caught:
        build("lite").encode(REAL, MASK, composite)
    assert message in str(caught.value)


def test_forward_refuses_several_latents_a_photo():
    with pytest.raises(ValueError, match="forward makes one composite a photo but latent has 3"):
        build("lite")(REAL, MASK, latent=latents())


def test_a_host_that_holds_it_can_be_scripted(aug):
    class Host(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.augment = aug

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.conv(image)

    host = Host()
    image = torch.rand(1, 3, 4, 4)
    assert torch.equal(torch.jit.script(host)(image), host(image))
