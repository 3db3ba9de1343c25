"""Settings: what is written is read, defaults follow what is trained, and nonsense is named."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from aligned_scenes import make_frames, write_scene
from photo_folders import write_folder

from harmaug.checkpoints import save_checkpoint
from harmaug.nets import LiteSycoNet
from harmaug.training import TrainConfig


def test_settings_survive_a_file(tmp_path):
    config = TrainConfig(
        data=("a", "b"), transforms=("t",), recipes={"retouch": 0.5}, net={"width": 32}, seed=3
    )
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps({"data": ["a"], "transforms": [], "lr": 1}), r"unknown settings: lr\."),
        (json.dumps({"data": ["a"], "size": 96}), r"unknown settings: size\."),
        (json.dumps({"data": []}), "at least one folder"),
        (json.dumps({"data": ["a"], "rounds": "many"}), "rounds must be|not supported"),
        (json.dumps(["data"]), "holds no settings"),
        ("{", "holds no settings"),
        ("", "holds no settings"),
    ],
)
def test_a_file_without_settings_is_named(text, message, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json holds no settings of a training") as caught:
        TrainConfig.load(tmp_path / "config.json")
    caught.match(message)


def test_one_path_a_list_and_path_objects_are_taken_as_data():
    for data in ("a", ["a"], Path("a"), [Path("a")], ("a",)):
        assert TrainConfig(data=data).data == ("a",)
    assert TrainConfig(data="a", init=Path("mine")).init == "mine"


def test_a_finetune_is_gentler_and_stops():
    new, finetune = TrainConfig(data="a"), TrainConfig(data="a", init="unified")
    assert (new.rounds, finetune.rounds) == (80, 24)
    assert (new.learning_rate, finetune.learning_rate) == (1.5e-3, 5e-4)
    assert (new.basis_learning_rate, finetune.basis_learning_rate) == (1e-4, 2.5e-5)
    assert (new.warmup, finetune.warmup) == (0.1, 0.02)
    assert (new.validate_every, finetune.validate_every) == (5, 2)
    assert (new.patience, finetune.patience) == (0, 4)
    assert TrainConfig(data="a", init="unified", patience=0).patience == 0


def test_given_settings_are_kept_and_the_rate_of_the_basis_follows():
    config = TrainConfig(data="a", init="unified", rounds=3, learning_rate=1e-2)
    assert (config.rounds, config.basis_learning_rate) == (3, 5e-4)
    assert TrainConfig(data="a", learning_rate=0.0).basis_learning_rate == 0
    assert (
        TrainConfig(data="a", learning_rate=1e-2, basis_learning_rate=1.0).basis_learning_rate == 1
    )
    assert TrainConfig(data="a", architecture="syconet").image_size == 256
    assert TrainConfig(data="a", architecture="syconet", image_size=64).image_size == 64


def test_recipes_depend_on_the_folders_and_the_transforms(tmp_path):
    bare, pairs = write_folder(tmp_path / "bare"), write_folder(tmp_path / "pairs", composites=1)
    lights = np.zeros((3, 3, 11))
    np.savez(tmp_path / "lights.npz", to_standard=lights, from_standard=lights)
    np.savez(tmp_path / "maps.npz", maps=np.zeros((2, 9, 3)))

    def recipes(*data, **settings):
        return TrainConfig(data=data, **settings).complete().recipes

    assert recipes(pairs) == {}
    assert recipes(bare) == recipes(bare, pairs) == recipes(tmp_path)
    assert recipes(bare).keys() == {"color-transfer", "retouch", "filters"}
    assert recipes(bare, transforms=[tmp_path / "maps.npz"]) == recipes(bare)
    assert recipes(bare, transforms=[tmp_path / "lights.npz"]).keys() - recipes(bare).keys() == {
        "illuminant"
    }
    assert recipes(bare, recipes={}) == {}
    assert recipes(bare, recipes={"filters": 2.0}) == {"filters": 2.0}


def test_recipes_depend_on_aligned_frames(tmp_path):
    yard = write_scene(tmp_path / "yard", make_frames(2))
    bare, pairs = write_folder(tmp_path / "bare"), write_folder(tmp_path / "pairs", composites=1)

    def recipes(*data):
        return TrainConfig(data=data).complete().recipes

    assert recipes(yard) == recipes(yard, pairs) == {"timelapse": 1.0}
    assert recipes(bare, yard) == recipes(bare) | {"timelapse": 1.0}
    assert TrainConfig(data=(yard, bare)).roots() == ([yard], [bare])
    named = TrainConfig(data=yard, recipes={"timelapse": 0.5, "relight": 0.5})
    assert named.complete().recipes == named.recipes


def test_a_finetune_weighs_the_divergence_as_its_checkpoint_did(tmp_path):
    cards = {"one": {"training": {"config": {"kl_weight": 7e-4}}}, "none": {"training": None}}
    for name, card in cards.items():
        save_checkpoint(tmp_path / name, LiteSycoNet(3, 4, 5, 16, 8), card)

    def weight(name, **settings):
        config = TrainConfig(data="a", recipes={}, init=tmp_path / name, **settings)
        return config.complete().kl_weight

    assert weight("one") == 7e-4
    assert weight("none") == TrainConfig(data="a", recipes={}).complete().kl_weight == 5e-4
    assert weight("one", kl_weight=1.0) == 1


def test_generators_are_reproducible_and_differ():
    config, other = TrainConfig(data="a"), TrainConfig(data="a", seed=1)
    purposes = [(name, 0) for name in ("start", "figures", "heldout", "prior")]
    purposes += [(name, number) for name in ("pairs", "steps") for number in (1, 2, 3)]
    draws = [
        torch.rand(4, generator=which.generator(*purpose))
        for which in (config, other)
        for purpose in purposes
    ]
    assert len({tuple(draw.tolist()) for draw in draws}) == len(draws)
    assert draws[0].equal(torch.rand(4, generator=config.generator("start")))


def test_generators_draw_what_they_always_drew():
    """A training is repeated to the bit only if these numbers stay."""
    config = TrainConfig(data="a", seed=3)
    for purpose, number, place in (
        ("start", 0, 0),
        ("calibration", 0, 0),
        ("figures", 0, 1),
        ("pairs", 5, 10),
        ("steps", 5, 11),
        ("heldout", 0, 2**19),
        ("prior", 0, 2**19 + 1),
    ):
        assert config.generator(purpose, number).initial_seed() == 3 * 2**20 + place


def test_every_setting_is_explained_in_the_help_of_the_class():
    for name in TrainConfig.__dataclass_fields__:
        assert f"        {name}: " in TrainConfig.__doc__


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "at least one folder"),
        ({"architecture": "resnet"}, "one of lite, syconet, got 'resnet'"),
        ({"precision": "16"}, "one of 32-true, bf16-mixed, got '16'"),
        ({"rounds": 0}, "rounds must be at least 1 without init"),
        ({"spatial": 1.0, "light": 0.3}, "set one of them to 0"),
        ({"light": -0.1}, "light must be a number from 0"),
        ({"rounds": 2.5}, "rounds must be a whole number from 0 to .*, got 2.5"),
        ({"image_size": -1}, "image_size must be a whole number from 1 to .*, got -1"),
        ({"batch": 64, "round_pairs": 63}, "at least a batch of 64, got 63"),
        ({"pair_share": 1.5}, r"pair_share must be a number from 0.0 to 1.0, got 1.5"),
        ({"jitter": math.nan}, "jitter must be a number from 0.0 to 1.0, got nan"),
        ({"learning_rate": -1.0}, "learning_rate must be a number from 0.0 to inf, got -1.0"),
        ({"kl_weight": math.nan}, "kl_weight must be"),
        ({"recipes": {"retouch": 0}}, "share of recipe 'retouch' must be above 0, got 0"),
        ({"recipes": {"retouch": math.inf}}, "share of recipe 'retouch' must be above 0"),
        ({"recipes": {"sepia": 1.0}}, "unknown recipe 'sepia', expected one of color-transfer"),
        ({"recipes": {"filters+sepia": 1.0}}, "unknown recipe 'sepia'"),
        (
            {"recipes": {"filters+relight": 0}},
            r"share of recipe 'filters\+relight' must be above 0",
        ),
        ({"recipes": {"timelapse+relight": 1}}, "timelapse makes its own photos and stands alone"),
        ({"patience": -1}, "patience must be a whole number from 0"),
        ({"seed": 2**32}, "seed must be"),
        ({"init": "unified", "basis": "b.safetensors"}, "leave out architecture, net and basis"),
        ({"init": "unified", "architecture": "lite"}, "leave out architecture, net and basis"),
        ({"init": "unified", "net": {"width": 3}}, "leave out architecture, net and basis"),
    ],
)
def test_nonsense_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**({"data": ("a",)} | changes))
