"""The train command: from folders to a checkpoint, in a user's words."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from aligned_scenes import make_frames, write_scene
from photo_folders import brief_descents, write_basis, write_folder

import harmaug.training.trainer
from harmaug import SycoNetAugment
from harmaug.checkpoints import open_checkpoint
from harmaug.cli import main
from harmaug.training import TrainConfig, train

pytest.importorskip("lightning_fabric")

QUICK = ["--rounds", "1", "--round-pairs", "32", "--batch", "16", "--passes", "1"]
QUICK += ["--image-size", "32", "--accelerator", "cpu"]


@pytest.fixture(scope="module", autouse=True)
def brief():
    with brief_descents():
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    write_folder(root / "photos")
    write_folder(root / "pairs", composites=2)
    write_folder(root / "three", photos=3, composites=2)
    write_basis(root / "basis.safetensors")
    return root


@pytest.fixture(scope="module")
def trained(files):
    """A checkpoint of photos alone, made by the command."""
    output = files / "trained"
    basis = str(files / "basis.safetensors")
    command = ["train", "--data", str(files / "photos"), "-o", str(output), "--basis", basis]
    command += [*QUICK, "--latent-dim", "4", "--kl-weight", "0.0007", "--note", "For tests."]
    assert main(command) == 0
    return output


def config(output):
    return TrainConfig.load(output / "config.json")


def refused(capsys, code, *words):
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("harmaug: error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error


def test_photos_alone_get_every_recipe_that_needs_nothing(trained):
    assert config(trained).recipes.keys() == {"color-transfer", "retouch", "filters"}
    card = json.loads((trained / "model.json").read_text())
    assert card["name"] == "trained"
    assert card["licence"] == "Apache-2.0"
    assert card["note"] == "For tests."
    assert card["trained_on"] == {"photos": 22}
    assert card["config"]["latent_dim"] == 4


def test_the_card_has_the_command_but_no_place_of_this_machine(trained, files):
    text = (trained / "model.json").read_text()
    command = json.loads(text)["command"]
    assert command.startswith(f"harmaug train --data {files.name}/photos -o {files.name}/trained")
    assert str(files.parent) not in text


def test_the_result_loads_by_its_folder_and_makes_composites(trained):
    augmenter = SycoNetAugment.from_pretrained(trained)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    assert augmenter.augment(torch.rand(1, 3, 32, 32), mask, n=2).shape == (1, 2, 3, 32, 32)


def test_true_pairs_alone_need_no_recipe_and_a_finetune_is_gentle(trained, files):
    output = files / "finetuned"
    command = ["train", "--data", str(files / "pairs"), "--init", str(trained), "-o", str(output)]
    assert main([*command, *QUICK]) == 0
    settings = config(output)
    assert settings.recipes == {}
    assert settings.patience > 0
    assert settings.kl_weight == 0.0007
    assert settings.learning_rate < TrainConfig(data=("x",)).learning_rate
    card = json.loads((output / "model.json").read_text())
    assert card["training"]["config"]["init"] == "trained"
    assert open_checkpoint(output)[0].basis.shape == open_checkpoint(trained)[0].basis.shape


@pytest.mark.slow
def test_illuminants_join_the_recipes_where_the_transforms_hold_them(files):
    lights = np.zeros((12, 3, 11))
    lights[:, range(3), range(3)] = np.linspace(0.8, 1.2, 12)[:, None]
    np.savez(files / "lights.npz", to_standard=lights, from_standard=lights)
    output = files / "lit"
    command = ["train", "--data", str(files / "photos"), "-o", str(output), *QUICK]
    command += ["--transforms", str(files / "lights.npz")]
    assert main([*command, "--basis", str(files / "basis.safetensors")]) == 0
    assert "illuminant" in config(output).recipes


def test_named_recipes_are_taken_as_they_are(files):
    output = files / "named"
    command = ["train", "--data", str(files / "photos"), "-o", str(output), *QUICK]
    command += ["--basis", str(files / "basis.safetensors")]
    assert main([*command, "--recipes", "retouch=2", "filters=0.5"]) == 0
    assert config(output).recipes == {"retouch": 2.0, "filters": 0.5}


def test_a_webcam_alone_is_enough(files):
    webcam, output = write_scene(files / "my_webcam", make_frames(14)), files / "lapsed"
    command = ["train", "--data", str(webcam), "--recipes", "timelapse=1", "-o", str(output)]
    assert main([*command, *QUICK, "--basis", str(files / "basis.safetensors")]) == 0
    card = json.loads((output / "model.json").read_text())
    assert card["trained_on"] == {"my_webcam": 12}
    lines = (output / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["kinds"].keys() == {"timelapse"}


def test_a_scene_in_which_nothing_stays_is_named(files, capsys):
    sea = write_scene(files / "sea", np.random.default_rng(0).random((12, 96, 96, 3)))
    command = ["train", "--data", str(sea), "--recipes", "timelapse=1", "-o", str(files / "no")]
    refused(capsys, main([*command, "--init", "unified"]), "sea", "no static content", "masks")
    assert not (files / "no").exists()


def test_three_photos_are_too_few_and_nothing_is_written(files, capsys):
    output = files / "none"
    code = main(["train", "--data", str(files / "three"), "--init", "unified", "-o", str(output)])
    refused(capsys, code, "three", "too few", "at least 10")
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--init", "unified", "--architecture", "lite"], ["init brings its own net", "leave out"]),
        (["--init", "unified", "--latent-dim", "4"], ["init brings its own net", "leave out"]),
        (["--init", "unfied"], ["did you mean 'unified'"]),
        (["--recipes", "magic=1"], ["unknown recipe 'magic'"]),
        (["--recipes", "retouch"], ["NAME=SHARE"]),
        (["--recipes", "retouch=0"], ["NAME=SHARE"]),
        (["--round-pairs", "8"], ["at least a batch of 16, got 8"]),
        (["--pair-share", "2"], ["pair_share must be a number from 0.0 to 1.0"]),
        (["--resume"], ["no training to resume"]),
        (["--devices", "none"], ["whole number"]),
        (["--seed", str(2**40)], ["seed must be"]),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_nothing_is_written(options, words, files, capsys):
    output = files / "none"
    command = ["train", "--data", str(files / "photos"), "-o", str(output), *QUICK, *options]
    try:
        code = main(command)
    except SystemExit as stop:
        code = stop.code
    refused(capsys, code, *words)
    assert not output.exists()


def test_an_existing_training_is_not_overwritten(trained, files, capsys):
    before = (trained / "model.safetensors").read_bytes()
    command = ["train", "--data", str(files / "photos"), "-o", str(trained), *QUICK]
    refused(capsys, main(command), "holds a training")
    refused(capsys, main([*command, "--resume"]), "other settings", "basis was")
    assert (trained / "model.safetensors").read_bytes() == before


def test_an_interrupted_training_says_how_to_go_on_and_does(files, capsys, monkeypatch):
    output = files / "interrupted"
    command = ["train", "--data", str(files / "pairs"), "-o", str(output), *QUICK, "--rounds", "3"]
    command += ["--basis", str(files / "basis.safetensors"), "--seed", "5"]
    train_round = harmaug.training.trainer.Trainer.train_round

    def interrupt(trainer):
        if trainer.progress.round == 3:
            raise KeyboardInterrupt
        return train_round(trainer)

    monkeypatch.setattr(harmaug.training.trainer.Trainer, "train_round", interrupt)
    assert main(command) == 130
    assert "the same command with --resume" in capsys.readouterr().err
    monkeypatch.undo()
    assert main([*command, "--resume"]) == 0
    log = (output / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in log] == [1, 2, 3]


def test_without_the_extra_one_sentence_says_what_to_install(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    output = files / "none"
    code = main(["train", "--data", str(files / "photos"), "-o", str(output), *QUICK])
    refused(capsys, code, "pip install 'harmaug[train]'")
    assert not output.exists()


def test_the_command_line_loads_settings_but_no_training():
    script = "import sys, harmaug.cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert "harmaug.training.config" in done.stdout.split()
    assert not {"harmaug.training.trainer", "harmaug.evaluation"} & set(done.stdout.split())


def test_the_defaults_in_the_help_are_those_of_the_settings(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    defaults = TrainConfig(data=("x",), recipes={}).complete()
    options = "rounds round-pairs passes batch image-size learning-rate kl-weight seed pair-share"
    for option in [*options.split(), "validate-every", "patience", "warmup", "jitter"]:
        found = re.search(rf"--{option} [A-Z]+ [^(]*\(default: ([\d.e-]+)", text)
        assert found, option
        assert float(found[1]) == getattr(defaults, option.replace("-", "_")), option


def test_the_function_trains_as_the_command_does(trained, files, tmp_path):
    config = TrainConfig(
        data=files / "photos",
        basis=files / "basis.safetensors",
        net={"latent_dim": 4},
        kl_weight=0.0007,
        image_size=32,
        rounds=1,
        round_pairs=32,
        batch=16,
        passes=1,
    )
    train(config, str(tmp_path / "again"), accelerator="cpu", card={"note": "For tests."})
    weights = (tmp_path / "again" / "model.safetensors").read_bytes()
    assert weights == (trained / "model.safetensors").read_bytes()
    cards = [
        json.loads((folder / "model.json").read_text()) for folder in (tmp_path / "again", trained)
    ]
    for name in ("trained_on", "recipes", "figures", "note"):
        assert cards[0][name] == cards[1][name]
