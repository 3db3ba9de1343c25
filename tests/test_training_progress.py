"""Progress: a state goes in and comes out whole, and the log has each round once."""

import json

import pytest
import torch
from torch import nn

from harmaug.training.progress import Log, Progress, load_state, save_state


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
    progress = Progress(round=3, best=None, seconds=1.5)
    save_state(tmp_path / "s.safetensors", net, optimizer, progress)
    other, other_optimizer = training(1, 2)
    assert load_state(tmp_path / "s.safetensors", other, other_optimizer) == progress
    for pair in ((net, optimizer), (other, other_optimizer)):
        walk(*pair, 5)
    for name, value in net.state_dict().items():
        assert value.equal(other.state_dict()[name]), name


def test_a_state_before_the_first_step_is_a_state(tmp_path):
    net, optimizer = training(0, 0)
    save_state(tmp_path / "s.safetensors", net, optimizer, Progress())
    assert load_state(tmp_path / "s.safetensors", *training(1, 0)) == Progress()


@pytest.mark.parametrize("fault", ["truncated", "foreign", "absent", "empty", "other net"])
def test_what_is_no_state_is_refused_and_changes_nothing(fault, tmp_path):
    path = tmp_path / "s.safetensors"
    save_state(path, *training(0, 3), Progress(round=1))
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    elif fault == "foreign":
        import safetensors.torch

        safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    elif fault == "other net":
        save_state(path, nn.Linear(2, 2), training(0, 0)[1], Progress(round=1))
    elif fault == "absent":
        path.unlink()
    else:
        path.write_bytes(b"")
    net, optimizer = training(1, 2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ValueError, match="is no state of this training"):
        load_state(path, net, optimizer)
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    import safetensors.torch

    path = tmp_path / "s.safetensors"
    save_state(path, *training(0, 3), Progress(round=1))
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        save_state(path, *training(0, 4), Progress(round=2))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]


def rounds(folder):
    return [json.loads(line)["round"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_rounds_after_the_state_and_torn_lines_are_dropped(tmp_path):
    log = Log(tmp_path, 0)
    for number in (1, 2, 3):
        log.write({"round": number, "loss": 0.5})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"round": 2, "lo')
    log = Log(tmp_path, 2)
    assert rounds(tmp_path) == [1, 2]
    log.write({"round": 3})
    assert rounds(tmp_path) == [1, 2, 3]


def test_a_new_training_starts_an_empty_log(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"round": 1}\n')
    Log(tmp_path, 0)
    assert rounds(tmp_path) == []


@pytest.mark.parametrize("line", ["no json", "[]", "{}", '{"round": "one"}'])
def test_a_log_of_another_kind_is_named_and_kept(line, tmp_path):
    (tmp_path / "log.jsonl").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=r"log\.jsonl is no log of a training"):
        Log(tmp_path, 3)
    assert (tmp_path / "log.jsonl").read_text() == f"{line}\n"


def test_events_hold_nested_figures_and_leave_out_what_is_no_number(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    log = Log(tmp_path, 0, tensorboard=True)
    log.write({"round": 1, "best": None, "kinds": {"retouch": {"coverage": 2.0}}})
    log.close()
    events = accumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"round", "kinds/retouch/coverage"}
