"""The state file: what goes in comes out, and nothing but a whole state is taken."""

import pytest
import torch
from torch import nn

from harmaug.training.state import load_state, save_state


def training(seed, steps):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    optimizer = torch.optim.Adam(
        [{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 1e-2}]
    )
    walk(net, optimizer, steps)
    return net, optimizer


def walk(net, optimizer, steps):
    generator = torch.Generator().manual_seed(99)
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.randn(16, 4, generator=generator)).square().mean().backward()
        optimizer.step()


def test_a_restored_training_goes_on_bit_for_bit(tmp_path):
    net, optimizer = training(0, 5)
    progress = {"round": 3, "best": None, "seconds": 1.5}
    save_state(tmp_path / "s.safetensors", net, optimizer, progress)
    other, other_optimizer = training(1, 2)
    assert load_state(tmp_path / "s.safetensors", other, other_optimizer) == progress
    for pair in ((net, optimizer), (other, other_optimizer)):
        walk(*pair, 5)
    for name, value in net.state_dict().items():
        assert value.equal(other.state_dict()[name]), name


def test_a_state_before_the_first_step_is_a_state(tmp_path):
    net, optimizer = training(0, 0)
    save_state(tmp_path / "s.safetensors", net, optimizer, {"round": 0})
    assert load_state(tmp_path / "s.safetensors", *training(1, 0)) == {"round": 0}


@pytest.mark.parametrize("fault", ["truncated", "foreign", "absent", "empty"])
def test_what_is_no_state_is_refused_and_changes_nothing(fault, tmp_path):
    path = tmp_path / "s.safetensors"
    save_state(path, *training(0, 3), {"round": 1})
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    elif fault == "foreign":
        import safetensors.torch

        safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    elif fault == "absent":
        path.unlink()
    else:
        path.write_bytes(b"")
    net, optimizer = training(1, 2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="is no state of a training"):
        load_state(path, net, optimizer)
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    import safetensors.torch

    path = tmp_path / "s.safetensors"
    save_state(path, *training(0, 3), {"round": 1})
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        save_state(path, *training(0, 4), {"round": 2})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]
