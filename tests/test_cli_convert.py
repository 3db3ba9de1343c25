"""The convert command: released files in, a checkpoint that loads and draws out."""

import json

import pytest
import torch
from test_checkpoints_convert import released_files

from harmaug import SycoNetAugment
from harmaug.cli import main


@pytest.fixture
def released(tmp_path):
    released_files(tmp_path, width=8, latent=4, luts=5)
    return [str(tmp_path / "Er.pth"), str(tmp_path / "LUTs.pth")]


def test_the_result_loads_by_folder_and_makes_composites(released, tmp_path, capsys):
    assert main(["convert", *released, "-o", str(tmp_path / "mine")]) == 0
    assert "model.safetensors" in capsys.readouterr().out
    augmenter = SycoNetAugment.from_pretrained(tmp_path / "mine")
    mask = torch.zeros(2, 1, 40, 50)
    mask[..., 10:30, 10:30] = 1
    real = torch.rand(2, 3, 40, 50)
    composites = augmenter.augment(real, mask, n=3)
    assert composites.shape == (2, 3, 3, 40, 50)
    assert not composites[:, 0].equal(composites[:, 1])
    assert torch.where(mask.bool(), 0.0, composites[:, 0]).equal(torch.where(mask.bool(), 0, real))


def test_the_card_names_the_files_and_no_place_of_this_machine(released, tmp_path):
    main(["convert", *released, "-o", str(tmp_path / "deep" / "mine")])
    text = (tmp_path / "deep" / "mine" / "model.json").read_text()
    assert json.loads(text)["converted_from"].keys() == {"Er.pth", "LUTs.pth"}
    assert str(tmp_path) not in text


def test_an_existing_checkpoint_is_kept_unless_forced(released, tmp_path, capsys):
    command = ["convert", *released, "-o", str(tmp_path / "mine")]
    assert main(command) == 0
    before = (tmp_path / "mine" / "model.safetensors").read_bytes()
    released_files(tmp_path, seed=1, width=8, latent=4, luts=5)
    assert main(command) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "mine" / "model.safetensors").read_bytes() == before
    assert main([*command, "--force"]) == 0
    assert (tmp_path / "mine" / "model.safetensors").read_bytes() != before


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_an_input_is_never_replaced_even_if_forced(which, name, released, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    source = tmp_path / "mine" / name
    (tmp_path / ("Er.pth", "LUTs.pth")[which]).rename(source)
    before = source.read_bytes()
    released[which] = str(source)
    assert main(["convert", *released, "-o", str(tmp_path / "mine"), "--force"]) == 2
    assert f"{source} is an input of this command" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in source.parent.iterdir()} == {name: before}


@pytest.mark.parametrize("fault", ["truncated", "swapped", "absent", "missing index"])
def test_bad_files_are_refused_in_a_sentence_and_nothing_is_written(
    fault, released, tmp_path, capsys
):
    if fault == "truncated":
        content = (tmp_path / "Er.pth").read_bytes()
        (tmp_path / "Er.pth").write_bytes(content[: len(content) // 2])
    elif fault == "swapped":
        released.reverse()
    elif fault == "absent":
        released[1] = str(tmp_path / "no.pth")
    else:
        cubes = torch.load(tmp_path / "LUTs.pth")
        del cubes["2"]
        torch.save(cubes, tmp_path / "LUTs.pth")
    assert main(["convert", *released, "-o", str(tmp_path / "mine")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("harmaug: error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "mine").exists()
