import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from harmaug.nets import LutNet, sampling
from harmaug.nets.syconet import SycoNet


def randomised(net, seed=0):
    """The net with weights and BatchNorm statistics far from their starting values, in eval."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.2, 3, generator=generator)
            module.weight.data.normal_(generator=generator)
            module.bias.data.normal_(generator=generator)
    return net.eval()


def small(seed=0, **options):
    torch.manual_seed(seed)
    sizes = {"latent_dim": 5, "basis_size": 4, "lut_size": 5, "width": 4, "size": 64}
    return randomised(SycoNet(**sizes | options), seed)


def inputs(batch=2, count=3, latent_dim=5, size=64, dtype=torch.float32):
    real = torch.rand(batch, 3, size, size, dtype=dtype)
    mask = torch.zeros(batch, 1, size, size, dtype=dtype)
    mask[:, :, size // 4 : size // 2, size // 3 :] = 1
    return real, mask, torch.randn(batch, count, latent_dim, dtype=dtype)


def plain_weights(net, condition, code):
    """Mixing weights by the layers as they stand, one latent at a time."""
    columns = []
    for latent in code.unbind(1):
        features = net.generation(condition, latent)
        columns.append(net.mixing(features[:, :, None, None]).flatten(1).softmax(-1))
    return torch.stack(columns, 1)


def test_sizes_are_the_published_ones():
    net = SycoNet(reconstruction=False)
    branch = [*net.generation.parameters(), *net.mixing.parameters()]
    assert sum(p.numel() for p in branch) == 3_299_796
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)  # all but the prior
    assert trained == 3_299_796 + net.basis.numel()
    assert net.basis.numel() == 294_780
    blocks: Any = net.generation.blocks
    assert [block.conv1.in_channels for block in blocks] == [96, 160, 224, 288]
    assert [block.conv2.out_channels for block in blocks] == [128, 192, 256, 256]
    stem = net.generation.stem
    assert (stem.in_channels, stem.out_channels, stem.kernel_size) == (36, 64, (4, 4))
    assert stem(torch.zeros(1, 36, 256, 256)).shape == (1, 64, 128, 128)


def test_state_dict_of_the_generation_branch_has_the_names_that_conversion_relies_on():
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    layers = {"norm1": norm, "conv1": norm[:2], "norm2": norm, "conv2": norm[:2]}
    layers["shortcut"] = norm[:2]
    expected = {"basis", "prior.mean", "prior.scale", "mixing.weight", "mixing.bias"}
    expected |= {"generation.stem.weight", "generation.stem.bias"}
    for k in range(4):
        for layer, parts in layers.items():
            expected |= {f"generation.blocks.{k}.{layer}.{name}" for name in parts}
    names = set(small(reconstruction=False).state_dict())
    assert {name for name in names if not name.startswith("prior.couplings.")} == expected


def test_the_constructor_arguments_are_kept():
    net = small(reconstruction=False)
    again = SycoNet(**net.config())
    again.load_state_dict(net.state_dict())
    assert again.config() == net.config()
    assert SycoNet().config()["reconstruction"]


def test_mixing_weights_are_convex_and_differ_between_latents():
    net = small()
    real, mask, code = inputs()
    weights = net.decode(net.condition(real, mask), code)
    assert weights.shape == (2, 3, 4)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3))
    assert (weights[:, 0] - weights[:, 1]).abs().max() > 1e-4


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 9), st.integers(0, 999)
)
def test_sampling_form_is_the_same_function(batch, count, width, latent_dim, seed):
    for size in (32, 96):
        net = small(seed, width=width, latent_dim=latent_dim, size=size).double()
        real, mask, code = inputs(batch, count, latent_dim, size, torch.float64)
        condition = net.condition(real, mask)
        expected = plain_weights(net, condition, code)
        torch.testing.assert_close(net.decode(condition, code), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_sampling_form_is_the_same_function_in_float32_at_the_published_size():
    torch.manual_seed(3)
    net = randomised(SycoNet(reconstruction=False))
    real, mask, code = inputs(1, 3, 32, 256)
    condition = net.condition(real, mask)
    expected = plain_weights(net, condition, code)
    torch.testing.assert_close(net.decode(condition, code), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (4, 2)])
@pytest.mark.parametrize("shape", [(2, 2), (2, 6), (8, 4)])
def test_flat_planes_convolve_to_one_bias_with_a_border(taps, stride, shape):
    code = torch.randn(2, 5, dtype=torch.float64)
    kernel = torch.randn(3, 5, taps, taps, dtype=torch.float64)
    planes = code[:, :, None, None].expand(-1, -1, *shape)
    expected = F.conv2d(planes, kernel, stride=stride, padding=1)
    if expected.shape[-2] > 1 and expected.shape[-1] > 1:
        found = sampling._add_constant_planes(torch.zeros_like(expected), code, kernel)
        torch.testing.assert_close(found, expected)


def test_gradients_are_those_of_the_plain_form():
    net = small().double()
    real, mask, code = inputs(dtype=torch.float64)
    condition = net.condition(real, mask).requires_grad_()
    code.requires_grad_()
    parameters = [*net.generation.parameters(), *net.mixing.parameters(), condition, code]
    pull = torch.randn(2, 3, 4, dtype=torch.float64)
    found = torch.autograd.grad((net.decode(condition, code) * pull).sum(), parameters)
    expected = torch.autograd.grad((plain_weights(net, condition, code) * pull).sum(), parameters)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@torch.no_grad()
def test_many_latents_are_the_same_as_one_at_a_time(monkeypatch):
    net = small()
    real, mask, code = inputs(3, 4)
    condition = net.condition(real, mask)
    together = net.decode(condition, code)
    for b in range(3):
        for k in range(4):
            alone = net.decode(condition[b : b + 1], code[b : b + 1, k : k + 1])
            torch.testing.assert_close(alone[0, 0], together[b, k], rtol=0, atol=1e-6)
    monkeypatch.setattr(sampling, "_AT_ONCE", 5)
    torch.testing.assert_close(net.decode(condition, code), together, rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("change", ["load_state_dict", "in place", "through .data", "double"])
def test_changed_weights_are_never_answered_with_old_ones(change):
    net, other = small(1), small(2)
    real, mask, code = inputs()
    condition = net.condition(real, mask)
    before = net.decode(condition, code)
    if change == "load_state_dict":
        net.load_state_dict(other.state_dict())
    elif change == "in place":
        net.generation.stem.weight.mul_(2)
    elif change == "through .data":
        net.generation.blocks[2].norm2.running_var.data.mul_(2)
    else:
        net, condition, code = net.double(), condition.double(), code.double()
        torch.testing.assert_close(net.decode(condition, code).float(), before)
        return
    after = net.decode(condition, code)
    torch.testing.assert_close(after, plain_weights(net, condition, code), rtol=0, atol=1e-5)
    assert (after - before).abs().max() > 1e-4


def test_training_uses_the_statistics_of_the_batch_and_eval_leaves_them_alone():
    net = small()
    real, mask, code = inputs()
    start = copy.deepcopy(net.state_dict())
    net.decode(net.condition(real, mask), code)
    assert all(torch.equal(start[name], value) for name, value in net.state_dict().items())
    net.train()
    weights = net.decode(net.condition(real, mask), code)
    assert weights.shape == (2, 3, 4)
    norm = net.generation.blocks[0].norm1
    assert not torch.equal(norm.running_mean, start["generation.blocks.0.norm1.running_mean"])


def test_a_step_of_training_reaches_every_parameter_of_both_branches():
    net = small().train()
    real, mask, _ = inputs(4)
    condition = net.condition(real, mask)
    mean, log_variance = net.posterior(condition, net.change(real, mask, real.flip(1)))
    assert mean.shape == log_variance.shape == (4, 5)
    code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    weights = net.decode(condition, code[:, None])
    (torch.einsum("bnk,kcijl->bncijl", weights, net.basis).square().sum() + mean.sum()).backward()
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:  # all but the prior, which is fitted
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    assert net.mixing.weight.grad.abs().max() > 0


def test_the_basis_starts_with_different_luts_near_the_identity():
    basis = SycoNet(reconstruction=False).basis.detach().flatten(1)
    distances = torch.cdist(basis, basis) + 1e9 * torch.eye(20)
    assert distances.min() > 1
    identity = LutNet(1, 1, 17).basis.detach().flatten()
    assert (basis.mean(0) - identity).abs().max() < 0.2


@torch.no_grad()
def test_the_encoder_sees_photos_of_any_size_and_a_hard_mask():
    net = small()
    real = torch.full((2, 3, 300, 40), 0.25)
    mask = torch.full((2, 1, 300, 40), 0.49)
    mask[:, :, 150:] = 0.5
    condition = net.condition(real, mask)
    assert condition.shape == (2, 4, 64, 64)
    torch.testing.assert_close(condition[:, :3], torch.full((2, 3, 64, 64), 0.25))
    assert set(condition[:, 3].unique().tolist()) == {0.0, 1.0}
    assert (condition[:, 3, :31] == 0).all()
    assert (condition[:, 3, 33:] == 1).all()


def test_at_its_own_resolution_the_photo_is_not_resampled():
    real, mask, _ = inputs()
    assert torch.equal(small().condition(real, mask)[:, :3], real)


def test_without_a_reconstruction_branch_encoding_is_refused():
    net = small(reconstruction=False)
    real, mask, _ = inputs()
    with pytest.raises(RuntimeError, match="no reconstruction branch"):
        net.encode(real, mask, real)


@pytest.mark.parametrize("size", [0, -32, 100])
def test_a_size_the_trunk_cannot_halve_is_refused(size):
    with pytest.raises(ValueError, match="multiple of 32"):
        SycoNet(size=size)
