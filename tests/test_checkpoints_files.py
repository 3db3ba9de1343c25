"""Checkpoints on disk: whole and as the card says, or refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import locale
import struct
from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from harmaug.checkpoints import load_checkpoint, save_checkpoint
from harmaug.nets import LiteSycoNet, SycoNet

LITE: dict[str, Any] = {"latent_dim": 2, "basis_size": 3, "lut_size": 3, "width": 4, "thumbnail": 8}
CONV: dict[str, Any] = {"latent_dim": 2, "basis_size": 3, "lut_size": 3, "width": 2, "size": 32}
CARD = {"name": "próba", "trained_on": ["one", "two"], "licence": "Apache-2.0", "figures": {}}


def randomised(net):
    """Every weight and buffer away from its starting value."""
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.1, 2)
    return net


@pytest.fixture
def saved(tmp_path):
    return save_checkpoint(tmp_path / "model.safetensors", randomised(LiteSycoNet(**LITE)), CARD)


def edit(path, **changes):
    """Change the card of a weights file; None takes a key away."""
    card = json.loads(path.with_suffix(".json").read_text("utf-8")) | changes
    card = {key: value for key, value in card.items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(card), "utf-8")


def rewrite(path, data):
    """Other bytes in the weights file, with the card's checksum following."""
    path.write_bytes(data)
    edit(path, sha256=hashlib.sha256(data).hexdigest())


def snapshot(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def refused(path, *fragments, error=ValueError):
    with pytest.raises(error) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert all(fragment in message for fragment in fragments), message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    "net",
    [
        LiteSycoNet(**LITE),
        SycoNet(**CONV, reconstruction=True),
        SycoNet(**CONV, reconstruction=False),
    ],
    ids=["lite", "syconet", "generation"],
)
def test_save_and_load_give_the_same_net_and_card(net, tmp_path):
    path = save_checkpoint(tmp_path / "mine.safetensors", randomised(net).train(), CARD)
    assert path == tmp_path / "mine.safetensors"
    again, card = load_checkpoint(path)
    assert type(again) is type(net)
    assert not again.training
    assert again.config() == net.config()
    state = again.state_dict()
    assert state.keys() == net.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert CARD.items() <= card.items()
    assert card["size"] == path.stat().st_size
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert net.training, "saving changes nothing"


def test_a_folder_gets_a_file_named_model_and_is_made(tmp_path):
    path = save_checkpoint(tmp_path / "deep" / "folder", LiteSycoNet(**LITE), CARD)
    assert path == tmp_path / "deep" / "folder" / "model.safetensors"
    assert {p.name for p in path.parent.iterdir()} == {"model.safetensors", "model.json"}
    assert save_checkpoint(str(tmp_path / "new" / "a.safetensors"), LiteSycoNet(**LITE), {})


def test_a_card_taken_from_another_checkpoint_cannot_lie_about_this_one(saved, tmp_path):
    _, card = load_checkpoint(saved)
    other = save_checkpoint(tmp_path / "other", SycoNet(**CONV), card)
    _, found = load_checkpoint(other)
    assert found["architecture"] == "syconet"
    assert found["sha256"] != card["sha256"]
    assert found["trained_on"] == card["trained_on"]


def test_weights_are_plain_safetensors_that_others_read(saved):
    state = safetensors.torch.load_file(saved)
    assert set(state) == set(LiteSycoNet(**LITE).state_dict())


def test_cards_are_utf8_whatever_the_locale(tmp_path):
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        path = save_checkpoint(tmp_path, LiteSycoNet(**LITE), CARD)
        assert load_checkpoint(path)[1]["name"] == "próba"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert "próba".encode() in path.with_suffix(".json").read_bytes()


def test_loading_leaves_the_random_stream_alone(saved):
    state = torch.get_rng_state()
    load_checkpoint(saved)
    assert torch.equal(torch.get_rng_state(), state)


def test_saving_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    again = save_checkpoint(tmp_path / "again.safetensors", *load_checkpoint(saved))
    assert again.read_bytes() == saved.read_bytes()
    assert again.with_suffix(".json").read_bytes() == saved.with_suffix(".json").read_bytes()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_are_stored_in_float32(dtype, saved, tmp_path):
    net, _ = load_checkpoint(saved)
    path = save_checkpoint(tmp_path / "other", net.to(dtype), CARD)
    stored = safetensors.torch.load_file(path)
    assert {value.dtype for value in stored.values()} == {torch.float32}
    assert all(value.equal(stored[name].to(dtype)) for name, value in net.state_dict().items())


def test_a_card_holds_what_utf8_cannot(tmp_path):
    path = save_checkpoint(tmp_path, LiteSycoNet(**LITE), {"name": "caf\udce9"})
    assert load_checkpoint(path)[1]["name"] == "caf?"


# Loading where a host has changed torch's defaults


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def parameters_on_meta():
    """Every new parameter goes to the meta device, as accelerate's init_empty_weights does it."""
    register = nn.Module.register_parameter

    def moved(module, name, value):
        register(module, name, value)
        if value is not None:
            module._parameters[name] = nn.Parameter(value.to("meta"), value.requires_grad)

    nn.Module.register_parameter = moved  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


HOSTS: dict[str, Callable[[], Any]] = {
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "float16": lambda: default_dtype(torch.float16),
    "float64": lambda: default_dtype(torch.float64),
    "the meta device": lambda: torch.device("meta"),
    "meta by default": lambda: default_device("meta"),
    "a GPU by default": lambda: default_device("cuda"),  # fails at once where there is none
    "a Mac's GPU by default": lambda: default_device("mps"),
    "parameters on meta": parameters_on_meta,
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("kind", [(LiteSycoNet, LITE), (SycoNet, CONV)], ids=["lite", "syconet"])
def test_a_net_is_float32_on_the_cpu_whatever_the_host_has_set(host, kind, tmp_path):
    net = randomised(kind[0](**kind[1])).eval()
    path = save_checkpoint(tmp_path, net, CARD)
    with HOSTS[host]():
        before = torch.get_default_dtype()
        again, _ = load_checkpoint(path)
        assert torch.get_default_dtype() == before
    expected = dict(net.named_parameters()) | dict(net.named_buffers())  # of every kind
    found = dict(again.named_parameters()) | dict(again.named_buffers())
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.device.type == "cpu"
        assert value.dtype == expected[name].dtype
        assert not value.is_inference()
        assert value.equal(expected[name])
    assert all(p.requires_grad for name, p in again.named_parameters() if "prior" not in name)


def test_a_host_that_fakes_tensors_is_told_so(saved):
    fake_tensor = pytest.importorskip("torch._subclasses.fake_tensor")
    with fake_tensor.FakeTensorMode(), pytest.raises(RuntimeError, match="in FakeTensorMode"):
        load_checkpoint(saved)


@pytest.mark.parametrize("buffers", [False, True])
def test_a_net_loads_in_accelerate(buffers, saved):
    accelerate = pytest.importorskip("accelerate")
    expected, _ = load_checkpoint(saved)
    with accelerate.init_empty_weights(include_buffers=buffers):
        found, _ = load_checkpoint(saved)
    for name, value in expected.state_dict().items():
        assert found.state_dict()[name].equal(value)


# Damage


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights_are_refused(saved, keep):
    data = saved.read_bytes()[:keep]
    saved.write_bytes(data)
    refused(saved, "is damaged or not the file of its card", f"{len(data)} bytes", "expected")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_weights_with_a_card_to_match_are_refused(saved, keep):
    rewrite(saved, saved.read_bytes()[:keep])
    refused(saved, f"{saved} is not a safetensors file")


def test_one_flipped_bit_is_refused(saved):
    data = bytearray(saved.read_bytes())
    data[-3] ^= 1
    saved.write_bytes(data)
    refused(saved, "is damaged or not the file of its card")


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04 a zip", b"\x80\x02 a pickle", struct.pack("<Q", 2**62) + b"{}"]
)
def test_other_files_named_safetensors_are_refused(saved, data):
    rewrite(saved, data)
    refused(saved, "is not a safetensors file")


def test_a_missing_card_is_named_and_convert_pointed_at(saved):
    saved.with_suffix(".json").unlink()
    refused(saved, "has no card model.json", "harmaug convert", error=FileNotFoundError)


def test_missing_weights_are_named(saved):
    saved.unlink()
    refused(saved, f"there is no checkpoint file {saved}", error=FileNotFoundError)


def test_a_foreign_safetensors_without_a_card_is_refused(tmp_path):
    path = tmp_path / "llm.safetensors"
    safetensors.torch.save_file({"wte": torch.zeros(2)}, path)
    refused(path, "has no card llm.json", error=FileNotFoundError)


@pytest.mark.parametrize("text", ["", "{", "nothing", '{"format": 1'])
def test_a_card_that_is_not_json_is_refused(saved, text):
    saved.with_suffix(".json").write_text(text)
    refused(saved, "model.json is not valid JSON")


def test_a_card_that_is_not_text_is_refused(saved):
    saved.with_suffix(".json").write_bytes(b"\xff\xfe\x00")
    refused(saved, "model.json is not valid JSON")


@pytest.mark.parametrize("card", ["null", "[]", "[{}]", "5", '"format"', "true"])
def test_a_card_that_is_no_object_is_refused(saved, card):
    saved.with_suffix(".json").write_text(card)
    refused(saved, "is not a checkpoint card: it holds no JSON object")


@pytest.mark.parametrize("key", ["format", "architecture", "config", "sha256"])
def test_a_card_that_lacks_a_key_is_refused_by_name(saved, key):
    edit(saved, **{key: None})
    refused(saved, f"is not a checkpoint card: it lacks {key}")


def test_an_empty_card_lacks_every_key(saved):
    saved.with_suffix(".json").write_text("{}")
    refused(saved, "it lacks format, architecture, config, sha256")


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"format": "1"}, {"architecture": "unet"}, {"architecture": ["lite"]}],
    ids=str,
)
def test_a_card_of_another_format_or_architecture_says_to_upgrade(saved, change):
    edit(saved, **change)
    refused(saved, "this version reads format 1 and lite, syconet", "Upgrade harmaug")


@pytest.mark.parametrize(
    "config",
    [
        LITE | {"depth": 3},
        LITE | {"width": "wide"},
        LITE | {"width": -1},
        LITE | {"thumbnail": 0},
        LITE | {"thumbnail": None},
        LITE | {"thumbnail": 64.5},
        LITE | {"lut_size": 1},
        [1, 2],
        "lite",
        7,
    ],
    ids=str,
)
def test_a_config_that_builds_no_net_is_refused(saved, config):
    edit(saved, config=config)
    refused(saved, f"the card of {saved} has a config that builds no net")


@pytest.mark.parametrize("digest", ["0" * 64, "", 12, [1]])
def test_a_wrong_checksum_is_refused(saved, digest):
    edit(saved, sha256=digest)
    refused(saved, "is damaged or not the file of its card")


def changed(saved, **tensors):
    """The weights with other tensors; None takes one away."""
    state = safetensors.torch.load_file(saved) | tensors
    state = {name: value for name, value in state.items() if value is not None}
    rewrite(saved, safetensors.torch.save(state))


@pytest.mark.parametrize(
    ("tensors", "fragment"),
    [
        ({"prior.mean": None}, "prior.mean is missing"),
        ({"extra": torch.zeros(2)}, "extra is unknown"),
        ({"prior.mean": torch.zeros(5)}, "prior.mean is (5,), not (2,)"),
        ({"prior.mean": torch.tensor([0.0, float("nan")])}, "prior.mean holds NaN"),
        ({"prior.mean": torch.tensor([0.0, float("inf")])}, "prior.mean holds NaN or infinity"),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused_by_name(saved, tensors, fragment):
    changed(saved, **tensors)
    refused(saved, f"{saved} does not fit its card", fragment)


def test_foreign_weights_name_a_few_faults_only(saved):
    rewrite(saved, safetensors.torch.save({f"layer{i}": torch.zeros(1) for i in range(50)}))
    refused(saved, "is missing, ", " and 112 more.")


def test_weights_of_another_size_of_net_are_refused(saved):
    edit(saved, config=LITE | {"width": 5})
    refused(saved, "does not fit its card")


# Nothing half-written


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda net, card: card.update(figures={1, 2}), TypeError),
        (lambda net, card: net.prior.mean.fill_(float("nan")), ValueError),
        (lambda net, card: net.basis.data.fill_(float("inf")), ValueError),
    ],
    ids=["card", "nan", "infinity"],
)
def test_what_cannot_be_saved_leaves_the_old_checkpoint_whole(saved, tmp_path, spoil, error):
    before = snapshot(tmp_path)
    net, card = LiteSycoNet(**LITE), dict(CARD)
    spoil(net, card)
    with pytest.raises(error):
        save_checkpoint(saved, net, card)
    with pytest.raises(error):
        save_checkpoint(tmp_path / "new" / "folder", net, card)
    assert snapshot(tmp_path) == before
    load_checkpoint(saved)


def test_nan_weights_are_named_when_saving(tmp_path):
    net = LiteSycoNet(**LITE)
    net.photo_mean[3] = float("nan")
    with pytest.raises(ValueError, match="photo_mean of the net holds NaN or infinity"):
        save_checkpoint(tmp_path, net, CARD)


def test_a_disk_that_fills_up_leaves_nothing_behind(saved, tmp_path, monkeypatch):
    before = snapshot(tmp_path)
    write = type(saved).write_bytes

    def full(path, data):
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(saved), "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(saved, randomised(LiteSycoNet(**LITE)), CARD)
    assert snapshot(tmp_path) == before


def test_a_failure_between_weights_and_card_is_seen_when_loading(saved, monkeypatch):
    write = type(saved).write_bytes

    def fails_for_cards(path, data):
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(type(saved), "write_bytes", fails_for_cards)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(saved, randomised(LiteSycoNet(**LITE)), CARD)
    refused(saved, "is damaged or not the file of its card")
