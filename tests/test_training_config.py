"""Settings: what is written is read, and nonsense is named."""

import json

import pytest

from harmaug.training.config import TrainConfig


def test_settings_survive_a_file(tmp_path):
    config = TrainConfig(
        data=("a", "b"), transforms=("t",), recipes={"retouch": 0.5}, net={"width": 32}, seed=3
    )
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config


def test_unknown_settings_in_a_file_are_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"data": ["a"], "transforms": [], "lr": 1}))
    with pytest.raises(ValueError, match=r"unknown settings: lr\."):
        TrainConfig.load(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "at least one folder"),
        ({"architecture": "resnet"}, "one of lite, syconet, got 'resnet'"),
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"batch": 64, "round_pairs": 63}, "at least a batch of 64, got 63"),
        ({"pair_share": 1.5}, r"pair_share must lie in \[0, 1\], got 1.5"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"seed": 2**32}, "seed must be"),
        ({"init": "unified", "basis": "b.safetensors"}, "leave out net and basis"),
    ],
)
def test_nonsense_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**({"data": ("a",)} | changes))
