"""The net that a training starts from."""

import pytest
import safetensors.torch
import torch
from photo_folders import small, write_basis, write_folder

from harmaug.lut import apply_lut, mix_luts
from harmaug.nets.light import light_parts
from harmaug.training.data import read_data
from harmaug.training.net import build_net


@pytest.fixture
def pairs(tmp_path):
    return write_folder(tmp_path / "pairs", composites=1)


def test_a_new_net_changes_nothing_yet(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors", count=12))
    source, heldout, subsets = read_data(config)
    assert subsets == {"pairs": 22}
    assert heldout.keys() == {"pairs"}
    net = build_net(config, source).eval()
    real, mask, _ = source.draw(8, torch.Generator().manual_seed(5))
    with torch.no_grad():
        weights = net.mixing_weights(net.condition(real, mask), torch.randn(8, 1, 4))
        change = apply_lut(real, mix_luts(weights[:, 0], net.basis)) - real
    assert change.abs().mean() < 0.06


def test_the_statistics_of_a_new_net_are_standardized(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors"), round_pairs=512)
    source, _, _ = read_data(config)
    net = build_net(config, source)
    condition = net.condition(*source.draw(512, config.generator("start"))[:2])
    assert condition.mean(0).abs().max() < 0.01
    assert condition.std(0).max() < 1.01


def test_a_basis_comes_from_a_file_a_checkpoint_or_the_packaged_one(pairs, tmp_path):
    from harmaug.checkpoints import open_checkpoint, save_checkpoint

    file = write_basis(tmp_path / "basis.safetensors")
    net = build_net(small(pairs, file), read_data(small(pairs, file))[0])
    save_checkpoint(tmp_path / "checkpoint", net, {})
    for name, expected in (
        (file, safetensors.torch.load_file(file)["basis"]),
        (str(tmp_path / "checkpoint"), net.basis),
        (None, open_checkpoint("unified")[0].basis),
    ):
        config = small(pairs, name)
        assert build_net(config, read_data(config)[0]).basis.equal(expected)


def test_light_is_put_on_a_trained_net_and_taken_off_again(pairs, tmp_path):
    from harmaug.checkpoints import open_checkpoint, save_checkpoint

    lit = build_net(small(pairs, None, net={}, init="retouch", light=0.25), None)
    save_checkpoint(tmp_path / "lit", lit, {})
    unlit = build_net(small(pairs, None, net={}, init=str(tmp_path / "lit"), spatial=0.0), None)
    before = open_checkpoint("retouch")[0]
    assert torch.equal(lit.light, light_parts(0.25))
    assert lit.latent_dim == before.latent_dim + 13
    assert unlit.light is None
    for name, value in before.state_dict().items():
        assert torch.equal(lit.state_dict()[name], value)
        assert torch.equal(unlit.state_dict()[name], value)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"luts": torch.zeros(3, 3, 5, 5, 5)}, "holds no LUT basis"),
        ({"basis": torch.zeros(3, 5, 5, 5)}, r"is \(3, 5, 5, 5\), not \(K, 3, D, D, D\)"),
    ],
)
def test_a_file_without_a_basis_is_refused(tensors, message, pairs, tmp_path):
    safetensors.torch.save_file(tensors, tmp_path / "basis.safetensors")
    config = small(pairs, str(tmp_path / "basis.safetensors"))
    with pytest.raises(ValueError, match=message):
        build_net(config, read_data(config)[0])
