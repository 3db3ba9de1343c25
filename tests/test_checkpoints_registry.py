"""Finding checkpoints by name, file and folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from harmaug.checkpoints import (
    CheckpointInfo,
    find_checkpoint,
    list_checkpoints,
    open_checkpoint,
    registry,
    save_checkpoint,
)
from harmaug.nets import LiteSycoNet


def net():
    return LiteSycoNet(latent_dim=2, basis_size=3, lut_size=3, width=4, thumbnail=8)


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path / "one", net(), {"name": "one"})
    return tmp_path / "one"


def test_every_packaged_checkpoint_is_listed_with_what_a_user_wants_to_know():
    listed = list_checkpoints()
    assert "unified" in listed
    for name, entry in listed.items():
        assert set(entry) == {
            *("size", "sha256", "architecture", "trained_on", "licence", "figures"),
        }
        assert set(entry) == set(CheckpointInfo.__annotations__)
        assert isinstance(entry["architecture"], str)
        assert isinstance(entry["figures"], dict)
        path = find_checkpoint(name)
        data = path.read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_every_packaged_checkpoint_opens_and_its_card_is_plain_json():
    for name in list_checkpoints():
        loaded, card = open_checkpoint(name)
        assert not loaded.training
        assert loaded.config() == {"spatial": False, "light": False} | card["config"]
        text = find_checkpoint(name).with_suffix(".json").read_text("utf-8")

        def refuse(constant):
            raise AssertionError(f"{constant} is no JSON")

        assert json.loads(text, parse_constant=refuse) == card


def test_nothing_but_weights_and_cards_is_packaged():
    names = {path.stem for path in registry._PACKAGED.glob("*.safetensors")}
    for path in registry._PACKAGED.iterdir():
        assert path.suffix in (".safetensors", ".json")
        assert path.stem in names


def test_a_folder_a_file_and_a_path_find_the_same(folder, monkeypatch):
    weights = folder / "model.safetensors"
    for name in (folder, str(folder), weights, str(weights), f"{folder}/"):
        assert find_checkpoint(name) == weights
    monkeypatch.chdir(folder.parent)
    assert find_checkpoint("one").samefile(weights)
    assert find_checkpoint("./one/model.safetensors").samefile(weights)
    assert open_checkpoint(Path("one"))[1]["name"] == "one"


def test_a_folder_with_one_checkpoint_of_any_name_is_enough(folder):
    for suffix in (".safetensors", ".json"):
        (folder / f"model{suffix}").rename(folder / f"mine{suffix}")
    assert find_checkpoint(folder) == folder / "mine.safetensors"
    for suffix in (".safetensors", ".json"):
        shutil.copy(folder / f"mine{suffix}", folder / f"model{suffix}")
    assert find_checkpoint(folder) == folder / "model.safetensors"


def test_a_folder_with_several_or_no_checkpoints_says_so(folder, tmp_path):
    (folder / "model.safetensors").rename(folder / "a.safetensors")
    shutil.copy(folder / "a.safetensors", folder / "b.safetensors")
    with pytest.raises(ValueError, match=r"holds several \.safetensors files; name the"):
        find_checkpoint(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no \.safetensors file; name the"):
        find_checkpoint(tmp_path / "empty")


def test_a_packaged_name_wins_over_a_folder_of_that_name(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename(folder.parent / "unified")
    assert find_checkpoint("unified").parent == registry._PACKAGED
    assert find_checkpoint("./unified").samefile("unified/model.safetensors")


@pytest.mark.parametrize(
    "name", ["unifed", "nothing-like-it", "no/such/folder", "absent.safetensors", "../unified"]
)
def test_unknown_names_list_the_known(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="unknown checkpoint") as caught:
        find_checkpoint(name)
    message = str(caught.value)
    assert f"unknown checkpoint {name!r}" in message
    assert all(known in message for known in list_checkpoints())
    assert "\n" not in message


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"did you mean 'unified'\?"):
        find_checkpoint("unifed")


def test_a_file_that_is_no_safetensors_is_unknown(tmp_path):
    torch.save({}, tmp_path / "net.pth")
    with pytest.raises(ValueError, match=r"nor a \.safetensors file"):
        find_checkpoint(tmp_path / "net.pth")
