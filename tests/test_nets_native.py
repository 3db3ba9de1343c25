"""The nets' computations by the native kernel: every instruction set against plain torch."""

from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from native_kernels import every_kernel, few, laid_out, layouts, using
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from harmaug import identity_lut
from harmaug.nets import judging, native
from harmaug.nets.judging import Foreground, spoilt
from harmaug.nets.prior import Prior
from harmaug.nets.statistics import describe_region

pytestmark = pytest.mark.skipif(not native.takes(), reason="no native kernel serves here")


def pooled(image: Tensor, mask: Tensor, rows: int, columns: int) -> Tensor:
    """Thumbnails of foreground and background, in double precision."""

    def mean(planes: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(planes, (rows, columns))

    regions = []
    for region in (mask.double(), 1 - mask.double()):
        share = mean(region)
        regions.append(torch.cat((mean(image.double() * region) / share.clamp_min(1e-6), share), 1))
    return torch.stack(regions, 1)


@every_kernel
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_thumbnails_are_adaptive_averages_of_each_region(name, data):
    torch.manual_seed(data.draw(st.integers(0, 2**32 - 1)))
    batch, height = data.draw(few), data.draw(st.integers(1, 40))
    width = data.draw(st.integers(1, 700))
    rows, columns = (data.draw(st.integers(1, most)) for most in (height, width))
    image = laid_out(torch.rand(batch, 3, height, width), data.draw(layouts))
    mask = torch.rand(batch, 1, height, width) * 2 - 0.5
    mask = mask.clamp(0, 1) if data.draw(st.booleans()) else (mask > 1).float()
    mask = laid_out(mask, data.draw(layouts))
    with using(name, threads=2):
        found = native.pool(image, mask, rows, columns)
    expected = pooled(image, mask, rows, columns)
    assert found.shape == expected.shape
    # Where a region has next to no share of a cell, its colours there are next to unknown.
    near = 1e-5 + 1e-6 / expected[:, :, 3:].clamp_min(1e-6)
    assert ((found - expected).abs() <= near).all()
    empty = (found[:, :, 3:] == 0).expand_as(found)
    assert (found[empty] == 0).all()


@every_kernel
def test_thumbnails_of_large_pictures_are_the_same_for_any_number_of_threads(name):
    image, mask = torch.rand(2, 3, 501, 703), (torch.rand(2, 1, 501, 703) > 0.7).float()
    with using(name):
        expected = native.pool(image, mask, 46, 64)
    for threads in (2, 5):
        with using(name, threads):
            assert torch.equal(native.pool(image, mask, 46, 64), expected)
    torch.testing.assert_close(expected.double(), pooled(image, mask, 46, 64), rtol=0, atol=2e-6)


def test_what_is_under_forward_mode_and_torch_func_are_left_to_torch():
    image, mask = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
    assert native.takes(image, mask)
    with torch.autograd.forward_ad.dual_level():
        assert not native.takes(image, mask)
    seen: list[bool] = []

    def look(x):
        seen.append(native.takes(x, x))
        return x

    torch.func.vmap(look)(image)
    assert seen == [False]


def test_tensors_without_values_are_left_to_torch():
    image, mask = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert not native.takes(image, mask)
        image, mask = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
        assert not native.takes(image, mask)


@pytest.mark.parametrize(
    "trace", [partial(torch.jit.trace, check_trace=False), lambda f, inputs: make_fx(f)(*inputs)]
)
@pytest.mark.filterwarnings("ignore")
def test_traces_hold_the_steps_of_torch(trace):
    colours, weights = torch.rand(2, 3, 50), torch.rand(2, 1, 50)
    traced = trace(describe_region, (torch.rand(2, 3, 50), torch.rand(2, 1, 50)))
    expected = describe_region(colours, weights)
    torch.testing.assert_close(traced(colours, weights), expected, rtol=0, atol=1e-5)


def test_a_default_device_elsewhere_changes_nothing():
    luts, view, mask = drawn_luts(2, 3, (), 5), torch.rand(2, 3, 8, 8), torch.ones(2, 1, 8, 8)
    expected = spoilt(luts, Foreground(view, mask))
    described = describe_region(view.flatten(2), mask.flatten(2))
    prior = fitted_prior(3, 0)
    inputs = torch.ones(2, 4, 3), torch.ones(2, 1, 0)
    codes = prior(*inputs)
    with torch.device("meta"):
        assert torch.equal(spoilt(luts, Foreground(view, mask)), expected)
        assert torch.equal(describe_region(view.flatten(2), mask.flatten(2)), described)
        assert torch.equal(prior(*inputs), codes)


def test_shapes_that_do_not_fit_are_left_to_torch():
    colours, weights = torch.rand(4, 3, 9), torch.rand(1, 1, 9)
    one_for_all = describe_region(colours, weights.expand(4, -1, -1))
    torch.testing.assert_close(describe_region(colours, weights), one_for_all, rtol=0, atol=1e-5)
    view, mask = torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)
    assert not native.judges(torch.rand(2, 1, 3, 5, 5, 5), view, mask)
    assert not native.judges(torch.rand(1, 1, 3, 5, 5, 5), view, mask[..., :4])
    assert not native.judges(torch.empty(1, 1, 3, 161, 161, 161), view, mask)
    prior = fitted_prior(20, 5)
    with pytest.raises(RuntimeError):
        prior(torch.rand(5, 3, 10), torch.rand(5, 1, 5))
    flat = prior(torch.rand(5, 20), torch.rand(5, 5))
    assert flat.shape == (5, 20)


def test_what_is_negated_lazily_is_read_as_it_is():
    colours, weights = torch.rand(2, 3, 50), torch.rand(2, 1, 50)
    found = describe_region(torch._neg_view(-colours), weights)
    assert torch.equal(found, describe_region(colours, weights))


def test_what_wants_a_gradient_is_left_to_torch():
    image, mask = torch.rand(1, 3, 8, 8), torch.rand(1, 1, 8, 8)
    assert native.takes(image, mask)
    assert not native.takes(image.double(), mask.double())
    assert not native.takes(image, mask > 0.5)
    assert not native.takes(image.requires_grad_(), mask)
    with torch.no_grad():
        assert native.takes(image, mask)


# Descriptions


def near_shares(found, expected):
    """Means, deviations and histograms; small deviations are roots of yet smaller variances."""
    torch.testing.assert_close(found[:, :6].double(), expected[:, :6], rtol=0, atol=3e-6)
    torch.testing.assert_close(found[:, 12:].double(), expected[:, 12:], rtol=0, atol=3e-6)
    found, expected = found[:, 6:12].double(), expected[:, 6:12]
    assert ((found.square() - expected.square()).abs() <= 4e-6 * expected + 2e-9).all()


@every_kernel
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_regions_are_described_as_by_torch_in_double_precision(name, data):
    torch.manual_seed(data.draw(st.integers(0, 2**32 - 1)))
    count, pixels = data.draw(few), data.draw(st.integers(1, 900))
    colours = torch.rand(count, 3, pixels)
    kind = data.draw(st.sampled_from(["any", "dark", "ends", "flat", "near flat"]))
    if kind == "dark":
        colours = colours * 0.05
    elif kind == "ends":
        colours = (colours * 3 - 1).clamp(0, 1)
    elif kind == "flat":
        colours = colours[..., :1].expand(-1, -1, pixels)
    elif kind == "near flat":
        colours = 0.4 + 1e-3 * colours
    weights = torch.rand(count, 1, pixels) * (
        torch.rand(count, 1, pixels) > data.draw(st.sampled_from([-1, 0.5, 0.99]))
    )
    joined = torch.cat((colours, weights), 1)
    if data.draw(st.booleans()):
        joined = joined.mT.contiguous().mT
    colours, weights = joined.split((3, 1), 1)
    with using(name, threads=2):
        found = native.describe(colours, weights)
    near_shares(found, describe_region(colours.double(), weights.double()))


@every_kernel
def test_a_region_is_described_by_the_same_bits_for_any_threads_and_neighbours(name):
    colours, weights = torch.rand(9, 3, 1000), torch.rand(9, 1, 1000)
    with using(name):
        expected = native.describe(colours, weights)
        alone = torch.cat(
            [
                native.describe(*pair)
                for pair in zip(colours.split(1), weights.split(1), strict=True)
            ]
        )
    with using(name, threads=3):
        assert torch.equal(native.describe(colours, weights), expected)
    assert torch.equal(alone, expected)


# Judging


def drawn_luts(batch, count, grid, size):
    """Identities bent, brightened, flattened and shifted, as draws are and worse."""
    lead = (batch, count, *grid, 1, 1, 1, 1)
    gain, shift = 2.5 * torch.rand(lead) ** 2, 0.6 * torch.rand(lead) - 0.3
    bent = identity_lut(size) + 0.05 * torch.randn(batch, count, *grid, 3, size, size, size)
    return (bent - 0.5) * gain + 0.5 + shift


def double_verdicts(luts, foreground, ease=0.0):
    """The verdicts of plain torch in double precision, with limits eased by a share."""
    with (
        patch.object(judging, "_BORDER", 0.49 + 1e-4 * ease),
        patch.object(judging, "_CLIPPED", 0.1 + 1e-3 * ease),
        patch.object(judging, "_CONTRAST", 0.4 - 1e-3 * ease),
    ):
        return spoilt(luts.double(), Foreground(*(part.double() for part in foreground)))


def agree(found, luts, foreground):
    """Compare verdicts; where a limit lies within rounding, either is right."""
    sure = double_verdicts(luts, foreground, 1) == double_verdicts(luts, foreground, -1)
    assert found.shape == luts.shape[:2]
    assert (found == double_verdicts(luts, foreground))[sure].all()


@every_kernel
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_luts_are_judged_as_by_torch_in_double_precision(name, data):
    torch.manual_seed(data.draw(st.integers(0, 2**32 - 1)))
    batch, count = data.draw(few), data.draw(st.sampled_from([1, 3, 4, 9]))
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 64))
    grid = data.draw(st.sampled_from([(), (), (2, 2), (3, 1)]))
    luts = drawn_luts(batch, count, grid, data.draw(st.sampled_from([2, 5, 9, 17])))
    if data.draw(st.booleans()):
        luts = luts.mT.contiguous().mT
    view = (torch.rand(batch, 3, height, width) * 1.2 - 0.1).clamp(0, 1)
    view = laid_out(view, data.draw(layouts))
    mask = torch.rand(batch, 1, height, width)
    mask = mask * (mask > data.draw(st.sampled_from([-1.0, 0.7, 0.99, 1.0])))
    with using(name, threads=2):
        assert native.judges(luts, view, mask)
        found = spoilt(luts, Foreground(view, mask))
    agree(found, luts, Foreground(view, mask))


@every_kernel
def test_an_edge_of_another_colour_does_not_make_a_flat_foreground_spoilt(name):
    """Soft edges come first, and sums about their colour would lose small variances."""
    torch.manual_seed(0)
    gains = torch.tensor((1.0, 0.9, 0.7, 0.5, 0.45)).view(1, -1, 1, 1, 1, 1)
    luts = (identity_lut(9) - 0.5) * gains + 0.5
    for weight in (0.1, 1e-2, 1e-3, 1e-4):
        for noise in (1e-3, 1e-2):
            view = 0.7 + noise * torch.randn(20, 3, 32, 32)
            view[..., 0, 0], mask = 0.05, torch.ones(20, 1, 32, 32)
            mask[..., 0, 0] = weight
            foreground = Foreground(view, mask)
            with using(name):
                found = spoilt(luts.expand(20, -1, -1, -1, -1, -1), foreground)
            agree(found, luts.expand(20, -1, -1, -1, -1, -1), foreground)


@every_kernel
def test_a_lut_without_numbers_spoils_nothing(name):
    luts = identity_lut(5).expand(1, 3, -1, -1, -1, -1).clone()
    for channel in range(3):
        luts[0, channel, channel] = float("nan")
    view, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    with using(name):
        assert not spoilt(luts, Foreground(view, mask)).any()
    assert not double_verdicts(luts, Foreground(view, mask)).any()


@every_kernel
def test_verdicts_are_the_same_for_any_threads(name):
    torch.manual_seed(0)
    luts, view = drawn_luts(4, 6, (), 17), torch.rand(4, 3, 64, 64)
    mask = (torch.rand(4, 1, 64, 64) > 0.6).float()
    limits = {"border": 0.49, "most": 0.1, "contrast": 0.16}
    with using(name):
        expected = native.judge(luts, view, mask, **limits)
    assert expected.any()
    assert not expected.all()
    for threads in (2, 5):
        with using(name, threads):
            assert torch.equal(native.judge(luts, view, mask, **limits), expected)


# Codes


def fitted_prior(size, seen):
    """A prior whose couplings are none of them the identity."""
    prior = Prior(size, seen)
    couplings: Any = prior.couplings
    for coupling in couplings:
        nn.init.normal_(coupling.layers[-1].weight, std=0.3)
        nn.init.normal_(coupling.layers[-1].bias, std=0.3)
    prior.mean.normal_()
    prior.scale.copy_(torch.randn(size, size).tril())
    return prior


@every_kernel
@settings(max_examples=60, deadline=None)
@given(
    batch=few,
    count=st.integers(0, 40),
    size=st.sampled_from([1, 3, 20, 33]),
    seen=st.sampled_from([0, 5, 73]),
    strength=st.sampled_from([1.0, 4.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_codes_are_those_of_torch_in_double_precision(
    name, batch, count, size, seen, strength, seed
):
    torch.manual_seed(seed)
    prior = fitted_prior(size, seen)
    latent, condition = strength * torch.randn(batch, count, size), torch.randn(batch, 1, seen)
    with using(name, threads=2):
        found = prior(latent, condition)
    expected = prior.double()(latent.double(), condition.double())
    assert found.shape == expected.shape
    if expected.numel():  # stretches of six couplings grow the error with the code
        error = (found - expected).abs().max()
        assert error <= 1e-4 * (1 + expected.abs().max())


@every_kernel
def test_weights_without_numbers_give_codes_without_numbers(name):
    prior = fitted_prior(4, 0)
    layers: Any = prior.couplings[2].layers
    layers[-1].weight.fill_(float("nan"))
    with using(name):
        assert prior(torch.randn(2, 3, 4), torch.ones(2, 1, 0)).isnan().any(2).all()


@every_kernel
def test_a_code_has_the_same_bits_whatever_it_is_computed_with(name):
    torch.manual_seed(0)
    prior = fitted_prior(20, 73)
    latent, condition = torch.randn(5, 9, 20), torch.randn(5, 1, 73)
    transport = prior.prepared(condition)
    with using(name):
        expected = transport.codes(latent)
        for row in range(5):
            alone = transport.rows(torch.tensor([row]))
            for column in range(9):
                one = alone.codes(latent[row : row + 1, column : column + 1])
                assert torch.equal(one, expected[row : row + 1, column : column + 1])
    with using(name, threads=3):
        many = transport.codes(latent.repeat(1, 40, 1))
        assert torch.equal(many, expected.repeat(1, 40, 1))
