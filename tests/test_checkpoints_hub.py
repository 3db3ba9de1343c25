"""Checkpoints by Hub id: from the cache without a network, fetched once, clear errors."""

from __future__ import annotations

import hashlib
import sys

import pytest

from harmaug import SycoNetAugment
from harmaug.checkpoints import find_checkpoint, save_checkpoint
from harmaug.checkpoints.hub import is_hub_id
from harmaug.nets import LiteSycoNet

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A Hub cache that holds someone/mine, in the layout the Hub's own client writes."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs the extra 'hub'")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)  # between the client's attempts
    folder = tmp_path / "models--someone--mine"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    net = LiteSycoNet(latent_dim=2, basis_size=3, lut_size=3, width=4, thumbnail=8)
    save_checkpoint(folder / "snapshots" / COMMIT, net, {"name": "mine"})
    return folder


def refuse(*_):
    raise OSError("no network in tests")


def test_what_was_fetched_once_loads_without_a_network(cache):
    weights = find_checkpoint("someone/mine")
    assert weights.samefile(cache / "snapshots" / COMMIT / "model.safetensors")
    assert SycoNetAugment.from_pretrained(f"someone/mine@{COMMIT}").card["name"] == "mine"


def test_a_first_download_shows_the_sha256(cache, monkeypatch, capsys):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def download(repo, file, *, revision=None, local_files_only=False):
        asked.append((file, local_files_only))
        if local_files_only:
            raise LocalEntryNotFoundError("not there yet")
        return str(cache / "snapshots" / COMMIT / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    weights = find_checkpoint("someone/mine")
    assert asked == [("model.json", True), ("model.json", False), ("model.safetensors", False)]
    assert hashlib.sha256(weights.read_bytes()).hexdigest() in capsys.readouterr().err


def test_a_checkpoint_that_nobody_has_is_one_clear_error(cache):
    with pytest.raises(ValueError, match="unknown checkpoint 'someone/else'") as caught:
        find_checkpoint("someone/else")
    assert "\n" not in str(caught.value)
    assert "must hold model.json and model.safetensors" in str(caught.value)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'harmaug\[hub\]'"):
        find_checkpoint("someone/mine")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("someone/mine", True),
        ("some-one/my.net@v1.0", True),
        ("someone/mine@refs/pr/1", True),
        ("unified", False),
        ("../unified", False),
        ("./unified", False),
        ("a/b/c", False),
        ("runs/unifed", False),
    ],
)
def test_a_path_is_never_taken_for_a_hub_id(name, expected, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_hub_id(name) == expected
