"""Conversion, checked against the published algebra written out once more in plain functions."""

import os
from collections import OrderedDict

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from harmaug import lut
from harmaug.checkpoints.convert import convert

# A few nets in the ordinary run; any number on request.
NETS = int(os.environ.get("HARMAUG_CONVERT_NETS", "3"))
SIZES = ((64, 64), (300, 401), (2048, 1365), (256, 256), (97, 1030), (1024, 768), (2048, 2048))


def released_files(folder, seed=0, width=64, latent=32, luts=20):
    """Random weights in the layout of the two released files."""
    draw = torch.Generator().manual_seed(seed)

    def conv(state, name, outputs, inputs, taps):
        scale = (2 / (inputs * taps * taps)) ** 0.5
        shape = (outputs, inputs, taps, taps)
        state[f"{name}.weight"] = torch.randn(shape, generator=draw) * scale
        state[f"{name}.bias"] = torch.randn(outputs, generator=draw) * 0.1

    def norm(state, name, channels):
        state[f"{name}.weight"] = torch.randn(channels, generator=draw) * 0.3 + 1
        state[f"{name}.bias"] = torch.randn(channels, generator=draw) * 0.3
        state[f"{name}.running_mean"] = torch.randn(channels, generator=draw) * 0.3
        state[f"{name}.running_var"] = torch.rand(channels, generator=draw) + 0.5
        state[f"{name}.num_batches_tracked"] = torch.tensor(1000)

    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    conv(state, "block0", width, 4 + latent, 4)
    outputs = [width, 2 * width, 3 * width, 4 * width, 4 * width]
    for k in range(1, 5):
        channels = outputs[k - 1] + latent
        norm(state, f"block{k}.conv.0", channels)
        conv(state, f"block{k}.conv.2", channels, channels, 3)
        norm(state, f"block{k}.conv.3", channels)
        conv(state, f"block{k}.conv.5.0", outputs[k], channels, 3)
        conv(state, f"block{k}.shortcut.1", outputs[k], channels, 1)
    conv(state, "weight_predictor", luts, outputs[-1], 1)

    node = torch.linspace(0, 1, 17)
    blue, green, red = torch.meshgrid(node, node, node, indexing="ij")
    identity = torch.stack((red, green, blue))
    cubes = {
        str(k): {"LUT": identity + 0.2 * torch.randn(identity.shape, generator=draw)}
        for k in range(luts)
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "Er.pth")
    torch.save(cubes, folder / "LUTs.pth")
    return state, cubes


def resize(planes):
    """(C, H, W) -> (C, 256, 256), bilinear and antialiased, by Pillow."""
    bands = [Image.fromarray(plane) for plane in planes.numpy()]
    small = [band.resize((256, 256), Image.Resampling.BILINEAR) for band in bands]
    return torch.from_numpy(np.stack([np.asarray(band) for band in small]))


def published_weights(state, real, mask, latent):
    """Mixing weights (B, K) for one latent each: (B, 3, H, W), (B, 1, H, W), (B, Z)."""
    small = torch.stack([resize(image) for image in real])
    hard = torch.stack([resize(image) for image in mask]) >= 0.5 - 1e-4  # a half, but for rounding

    def with_latent(x):
        planes = latent[:, :, None, None] * torch.ones(1, 1, *x.shape[2:])
        return torch.cat((x, planes), dim=1)

    def conv(x, name, **options):
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **options)

    def norm(x, name):
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        unit = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
        return unit * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    def leaky(x):
        return torch.where(x > 0, x, 0.2 * x)

    x = conv(with_latent(torch.cat((small, hard.float()), 1)), "block0", stride=2, padding=1)
    for k in range(1, 5):
        x = with_latent(x)
        y = conv(leaky(norm(x, f"block{k}.conv.0")), f"block{k}.conv.2", padding=1)
        y = conv(leaky(norm(y, f"block{k}.conv.3")), f"block{k}.conv.5.0", padding=1)
        x = F.avg_pool2d(y, 2, 2) + conv(F.avg_pool2d(x, 2, 2), f"block{k}.shortcut.1")
    x = conv(F.avg_pool2d(leaky(x), 8), "weight_predictor")[:, :, 0, 0]
    return x.exp() / x.exp().sum(1, keepdim=True)


def published_composite(cubes, weights, real, mask):
    """(B, 3, H, W): mix, look up by trilinear sampling, blend by the mask, clamp."""
    table = torch.stack([cubes[str(k)]["LUT"] for k in range(len(cubes))])
    mixed = (weights[:, :, None, None, None, None] * table).sum(1)  # (B, 3, b, g, r)
    grid = real.permute(0, 2, 3, 1)[:, None] * 2 - 1  # (B, 1, H, W, (r, g, b))
    looked_up = F.grid_sample(mixed, grid, align_corners=True, padding_mode="border")[:, :, 0]
    return (mask * looked_up + (1 - mask) * real).clamp(0, 1)


@torch.no_grad()
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, NETS))]
)
def test_a_converted_net_computes_the_published_algebra(tmp_path, seed):
    state, cubes = released_files(tmp_path, seed)
    assert len(state) == 68
    net = convert(tmp_path / "Er.pth", tmp_path / "LUTs.pth")
    height, width = SIZES[seed % len(SIZES)]
    batch = 1 + (2 * seed + 1) % 5
    torch.manual_seed(seed)
    real = torch.rand(batch, 3, height, width)
    real[:, :, 0] = 1
    across, down = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)[:, None]
    disc = ((0.7 - torch.hypot(across - 0.13, down + 0.07)) * 20 + 0.5).clamp(0, 1)
    mask = (disc if seed % 2 else disc.round()).expand(batch, 1, -1, -1)
    latent = torch.randn(batch, 2, 32)

    found = net.mixing_weights(net.condition(real, mask), latent)
    for k in range(2):
        expected = published_weights(state, real, mask, latent[:, k])
        assert expected.max() > 0.07  # not just 1/20 everywhere
        torch.testing.assert_close(found[:, k], expected, rtol=0, atol=1e-5)
    composite = lut.composite_lut(real, mask, lut.mix_luts(found[:, 1], net.basis))
    again = published_composite(cubes, expected, real, mask)
    torch.testing.assert_close(composite, again, rtol=0, atol=1e-5)


@pytest.fixture
def files(tmp_path):
    released_files(tmp_path, width=2, latent=3, luts=4)
    return tmp_path / "Er.pth", tmp_path / "LUTs.pth"


def test_the_sizes_are_those_of_the_files(files):
    net = convert(*files)
    assert net.config() == {
        "latent_dim": 3,
        "basis_size": 4,
        "lut_size": 17,
        "width": 2,
        "size": 256,
        "reconstruction": False,
        "spatial": False,
        "light": False,
    }
    assert not net.training


def test_the_prior_of_a_converted_net_is_the_identity(files):
    latent = torch.randn(5, 3)
    assert torch.equal(convert(*files).prior(latent, torch.zeros(len(latent), 0)), latent)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_conversion_does_not_depend_on_the_defaults_of_the_host(files, dtype):
    expected = convert(*files).state_dict()
    drawn = torch.get_rng_state()
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"), torch.inference_mode():
            found = convert(*files).state_dict()
    finally:
        torch.set_default_dtype(before)
    assert found.keys() == expected.keys()
    assert all(value.equal(expected[name]) for name, value in found.items())
    assert torch.get_rng_state().equal(drawn)


def test_a_converted_net_says_that_it_cannot_encode(files):
    photo = torch.rand(1, 3, 64, 64)
    with pytest.raises(RuntimeError, match="no reconstruction branch"):
        convert(*files).encode(photo, photo[:, :1], photo)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_named(files, which, keep):
    content = files[which].read_bytes()
    files[which].write_bytes(content[: int(keep * len(content))])
    with pytest.raises(
        ValueError, match=f"{files[which].name} is cut short or not a file of PyTorch"
    ):
        convert(*files)


@pytest.mark.parametrize("content", [b"<html>not found</html>", b"hello world" * 9, b"version h"])
def test_a_file_of_another_kind_is_named(files, content):
    files[0].write_bytes(content)
    with pytest.raises(ValueError, match="is cut short or not a file of PyTorch"):
        convert(*files)


class Command:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_refused_and_never_run(files, monkeypatch, tmp_path, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({"0": Command()}, files[1], _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"holds Python code \(\w+\.mkdir\), which is never run"):
        convert(*files)
    assert not (tmp_path / "ran").exists()


def test_a_whole_module_is_refused(files):
    torch.save(torch.nn.Linear(2, 2), files[0])
    with pytest.raises(ValueError, match=r"holds Python code \(torch\.nn\.modules\.linear\.Linear"):
        convert(*files)


def test_an_absent_file_is_named(files):
    with pytest.raises(FileNotFoundError, match=r"no\.pth"):
        convert(files[0], files[0].with_name("no.pth"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda state: {k: v for k, v in state.items() if k != "block2.conv.3.bias"},
            r"block2\.conv\.3\.bias is missing",
        ),
        (lambda state: state | {"extra": torch.ones(1)}, "extra is unknown"),
        (
            lambda state: state | {"block1.conv.2.weight": torch.ones(5, 5, 1, 1)},
            r"block1\.conv\.2\.weight is \(5, 5, 1, 1\), not \(5, 5, 3, 3\)",
        ),
        (lambda state: state | {"block0.bias": torch.ones(2) / 0}, r"block0\.bias holds NaN"),
        (lambda state: {"block0.bias": torch.ones(2)}, r"block0\.weight is missing"),
        (lambda state: {"state_dict": dict(state)}, "not a flat dict of tensors"),
        (lambda state: list(state.values()), "not a flat dict of tensors"),
        (
            lambda state: {f"module.{name}": value for name, value in state.items()},
            r"block0\.weight is missing",
        ),
        (
            lambda state: state | {"block0.weight": torch.ones(2, 4, 4, 4)},
            r"block0\.weight is \(2, 4, 4, 4\), not \(2, 5, 4, 4\)",
        ),
        (
            lambda state: state | {"weight_predictor.weight": torch.ones(9, 8, 1, 1)},
            r"weight_predictor\.weight is \(9, 8, 1, 1\), not \(4, 8, 1, 1\)",
        ),
    ],
)
def test_an_encoder_of_another_layout_is_refused(files, edit, message):
    torch.save(edit(torch.load(files[0])), files[0])
    with pytest.raises(
        ValueError, match=r"Er\.pth does not have the layout of the released .*" + message
    ):
        convert(*files)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda luts: {key: luts[key] for key in "03"}, "LUT 1 is missing, LUT 3 is unknown"),
        (lambda luts: {"a": luts["0"]}, "LUT 0 is missing, LUT a is unknown"),
        (lambda luts: {"0": luts["0"]["LUT"]}, "entry 0 has no 'LUT'"),
        (lambda luts: {"0": {"LUT": torch.ones(3, 5, 5, 4)}}, "entry 0 has no 'LUT'"),
        (
            lambda luts: luts | {"2": {"LUT": torch.ones(3, 5, 5, 5)}},
            r"LUT 2 is \(3, 5, 5, 5\), not \(3, 17, 17, 17\)",
        ),
        (lambda luts: luts | {"2": {"LUT": luts["2"]["LUT"] / 0}}, "LUT 2 holds NaN"),
        (lambda luts: {}, "not a dict of LUTs"),
        (lambda luts: torch.ones(4, 3, 17, 17, 17), "not a dict of LUTs"),
    ],
)
def test_luts_of_another_layout_are_refused(files, edit, message):
    torch.save(edit(torch.load(files[1])), files[1])
    with pytest.raises(
        ValueError, match=r"LUTs\.pth does not have the layout of the released .*" + message
    ):
        convert(*files)


def test_files_in_the_wrong_order_are_refused(files):
    with pytest.raises(ValueError, match="not a flat dict of tensors"):
        convert(files[1], files[0])
