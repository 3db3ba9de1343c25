"""Training as a whole: it learns, it comes back from any interruption, and many are as one."""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from photo_folders import brief_descents, small, write_basis, write_folder

import harmaug.training.trainer
from harmaug.checkpoints import open_checkpoint
from harmaug.evaluation.draws import draw_errors, strength
from harmaug.evaluation.metrics import fmse
from harmaug.training import spread, train
from harmaug.training.data import read_subsets
from harmaug.training.heldout import Figures

pytest.importorskip("lightning_fabric")

STEPS = spread._STEPS


@pytest.fixture(scope="module", autouse=True)
def brief():
    with brief_descents():
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Photos, pairs and a basis."""
    root = tmp_path_factory.mktemp("files")
    write_folder(root / "photos")
    write_folder(root / "pairs", photos=60, composites=4)
    return root, write_basis(root / "basis.safetensors")


@pytest.fixture(scope="module")
def unbroken(files, tmp_path_factory):
    """A config, and the folder of a training with it that nothing interrupted."""
    root, basis = files
    config = small(root / "photos", basis, recipes={"color-transfer": 1.0, "retouch": 1.0})
    output = tmp_path_factory.mktemp("unbroken") / "out"
    train(config, output, accelerator="cpu")
    return config, output


def log(output):
    return [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]


def weights(output):
    return safetensors.torch.load_file(output / "model.safetensors")


def assert_same_training(output, unbroken):
    assert (output / "model.safetensors").read_bytes() == (
        unbroken / "model.safetensors"
    ).read_bytes()
    changing = ("seconds",)
    lines = [
        [{k: v for k, v in line.items() if k not in changing} for line in log(folder)]
        for folder in (output, unbroken)
    ]
    assert lines[0] == lines[1]


def script(tmp_path, config, output, options):
    """A program that trains, as a user would write one."""
    config.save(tmp_path / "given.json")
    path = tmp_path / "program.py"
    path.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        f"sys.path.append({str(Path(__file__).parent)!r})\n"
        "from photo_folders import brief_descents\n"
        "from harmaug.training import TrainConfig, train\n"
        'if __name__ == "__main__":\n'
        f"    config = TrainConfig.load(Path({str(tmp_path / 'given.json')!r}))\n"
        "    with brief_descents():\n"
        f"        train(config, {str(output)!r}, accelerator='cpu', {options})\n"
    )
    return [sys.executable, str(path)], os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.mark.slow
def test_the_loss_falls_and_draws_are_as_strong_as_composites(files, tmp_path, monkeypatch):
    monkeypatch.setattr(spread, "_STEPS", STEPS)
    root, basis = files
    config = small(
        root / "pairs",
        basis,
        rounds=8,
        round_pairs=256,
        passes=4,
        batch=32,
        learning_rate=5e-3,
        kl_weight=0.005,
        validate_every=8,
    )
    net = train(config, tmp_path / "out", accelerator="cpu")
    rounds = log(tmp_path / "out")
    assert [line["round"] for line in rounds] == list(range(1, 9))
    assert rounds[-1]["reconstruction"] < 0.8 * rounds[0]["reconstruction"]
    kinds = rounds[-1]["kinds"]["pairs"]
    assert kinds["reconstruction"] < 0.3 * kinds["composite"]

    learnt, _ = read_subsets(config.data, config.image_size)
    pairs = learnt["pairs"].pairs(torch.arange(len(learnt["pairs"])))
    real, mask, composite = pairs
    draws = draw_errors(net, real, mask, composite, 16, torch.Generator().manual_seed(0))[1]
    assert 0.75 < strength(draws, fmse(composite, real, mask)).item() < 1.33


def test_a_training_leaves_what_it_promises(unbroken):
    _, output = unbroken
    names = {path.name for path in output.iterdir()}
    assert names == {
        "config.json",
        "log.jsonl",
        "model.json",
        "model.safetensors",
        "samples",
        "state.safetensors",
    }
    assert sorted(path.name for path in (output / "samples").iterdir()) == ["0002.png", "0004.png"]
    net, card = open_checkpoint(output)
    assert not net.training
    assert card["figures"]["kinds"].keys() == {"color-transfer", "retouch"}
    assert card["trained_on"] == {"photos": 22}


def test_the_card_names_no_place_of_this_machine(unbroken, files):
    _, output = unbroken
    assert str(files[0]) in (output / "config.json").read_text()
    card = (output / "model.json").read_text()
    assert str(files[0]) not in card
    assert json.loads(card)["training"]["config"]["data"] == ["photos"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(unbroken, tmp_path):
    config, output = unbroken
    state = torch.get_rng_state()
    train(config, tmp_path / "again", accelerator="cpu")
    assert_same_training(tmp_path / "again", output)
    assert torch.equal(torch.get_rng_state(), state), "the host's random numbers are left alone"
    other = dataclasses.replace(config, seed=1, rounds=1)
    train(other, tmp_path / "other", accelerator="cpu")
    assert log(tmp_path / "other")[0]["reconstruction"] != log(output)[0]["reconstruction"]


class Killed(BaseException):
    """Stands for a signal: nothing in the package may catch it."""


@pytest.mark.slow
@pytest.mark.parametrize("moment", [2, 4, 7, 10])
def test_a_training_cut_off_at_any_file_it_writes_goes_on_bit_for_bit(
    moment, unbroken, tmp_path, monkeypatch
):
    config, whole = unbroken
    replace, calls = os.replace, []

    def cut(source, target):
        calls.append(target)
        if len(calls) == moment:
            raise Killed
        replace(source, target)

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(Killed):
        train(config, tmp_path / "out", accelerator="cpu")
    monkeypatch.undo()
    resume = (tmp_path / "out" / "state.safetensors").exists()
    train(config, tmp_path / "out", resume=resume, accelerator="cpu")
    assert_same_training(tmp_path / "out", whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_training_killed_at_a_random_moment_goes_on_bit_for_bit(unbroken, tmp_path):
    config, whole = unbroken
    command, environment = script(tmp_path, config, tmp_path / "out", "")
    process = subprocess.Popen(command, env=environment)
    while process.poll() is None and not (tmp_path / "out" / "state.safetensors").exists():
        time.sleep(0.01)
    time.sleep(random.random())  # any moment at all: it must not matter
    process.kill()
    process.wait()
    train(config, tmp_path / "out", resume=True, accelerator="cpu")
    assert_same_training(tmp_path / "out", whole)
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.slow
def test_a_torn_log_line_and_lines_after_the_state_are_dropped_on_resume(unbroken, tmp_path):
    config, whole = unbroken
    output = tmp_path / "out"
    train(config, output, accelerator="cpu")
    with (output / "log.jsonl").open("a") as file:
        file.write('{"round": 5, "reconstruction": 1.0}\n{"round": 6, "recon')
    train(config, output, resume=True, accelerator="cpu")
    assert_same_training(output, whole)


@pytest.mark.slow
def test_two_processes_train_as_one(unbroken, tmp_path):
    config, whole = unbroken
    output = tmp_path / "out"
    command, environment = script(tmp_path, config, output, "devices=2")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_close_training(output, whole)


def assert_close_training(output, unbroken):
    """Two processes add up in another order than one."""
    assert [line["round"] for line in log(output)] == [1, 2, 3, 4]
    for ours, theirs in zip(log(output), log(unbroken), strict=True):
        assert ours["reconstruction"] == pytest.approx(theirs["reconstruction"], rel=1e-3)
        assert ours["kl"] == pytest.approx(theirs["kl"], rel=1e-3)
    expected = weights(unbroken)
    for name, value in weights(output).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_what_one_process_began_two_go_on_with(unbroken, tmp_path, monkeypatch):
    config, whole = unbroken
    output = tmp_path / "out"
    replace = os.replace

    def cut_off(source, target):
        replace(source, target)
        if str(target).endswith("state.safetensors"):
            raise Killed

    monkeypatch.setattr(os, "replace", cut_off)
    with pytest.raises(Killed):
        train(config, output, accelerator="cpu")
    monkeypatch.undo()
    assert len(log(output)) == 1
    command, environment = script(tmp_path, config, output, "devices=2, resume=True")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_close_training(output, whole)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs process groups")
def test_what_two_processes_began_one_goes_on_with(unbroken, tmp_path):
    config, whole = unbroken
    output = tmp_path / "out"
    command, environment = script(tmp_path, config, output, "devices=2")
    program = Path(command[1])
    # As soon as the state of the second round stands, the process that wrote it is gone.
    cut = (
        "import os\n"
        "replace, states = os.replace, []\n"
        "def cut_off(source, target):\n"
        "    replace(source, target)\n"
        "    states.extend([1] * str(target).endswith('state.safetensors'))\n"
        "    if len(states) == 2:\n"
        "        os._exit(9)\n"
        "os.replace = cut_off\n"
    )
    program.write_text(cut + program.read_text())
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    assert process.wait(timeout=300) == 9
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # the other process waits for it
    assert (output / "state.safetensors").exists()
    assert len(log(output)) < 4
    train(config, output, resume=True, accelerator="cpu")
    assert_close_training(output, whole)


@pytest.mark.slow
def test_patience_stops_and_keeps_the_best(files, tmp_path, monkeypatch):
    root, basis = files
    scores = iter([3.0, 2.0, 2.5, 2.2, 1.0])

    def measure(net, heldout, generator):
        return Figures(next(scores), 0, {})

    monkeypatch.setattr(harmaug.training.trainer, "measure", measure)
    config = small(root / "pairs", basis, rounds=9, validate_every=1, patience=2)
    train(config, tmp_path / "out", accelerator="cpu")
    assert [line["round"] for line in log(tmp_path / "out")] == [1, 2, 3, 4]
    card = json.loads((tmp_path / "out" / "model.json").read_text())
    assert card["figures"]["score"] == 2.0
    assert card["training"]["rounds"] == 2


def test_resuming_with_other_settings_is_refused_by_name(unbroken, tmp_path):
    config, whole = unbroken
    other = dataclasses.replace(config, seed=7)
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match="seed was 0, now 7"):
        train(other, whole, resume=True, accelerator="cpu")
    assert before == {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}


def test_a_folder_that_holds_a_training_or_a_checkpoint_is_left_alone(unbroken, tmp_path):
    config, whole = unbroken
    with pytest.raises(FileExistsError, match="holds a training"):
        train(config, whole, accelerator="cpu")
    (tmp_path / "model.safetensors").write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="holds a checkpoint"):
        train(config, tmp_path, accelerator="cpu")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        train(config, tmp_path / "file", accelerator="cpu")
    with pytest.raises(FileNotFoundError, match="no training to resume"):
        train(config, tmp_path / "nowhere", resume=True, accelerator="cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": {}}, "need a recipe"),
        ({"recipes": {"magic": 1.0}}, "unknown recipe 'magic'"),
        ({"recipes": {"illuminant": 1.0}}, "needs illuminant polynomials"),
        ({"basis": "no-such"}, "unknown checkpoint 'no-such'"),
        ({"basis": None, "net": {}, "init": "no-such"}, "unknown checkpoint 'no-such'"),
        ({"basis": None, "net": {"depth": 3}}, "no lite net can be built with .*'depth'"),
        ({"data": ("no/such",)}, "not a folder"),
        ({"transforms": ("no/such",)}, "no file or folder"),
    ],
)
def test_wrong_input_is_found_before_anything_is_written(changes, message, unbroken, tmp_path):
    config, _ = unbroken
    with pytest.raises((ValueError, OSError), match=message):
        train(dataclasses.replace(config, **changes), tmp_path / "out", accelerator="cpu")
    assert not (tmp_path / "out").exists()


def test_a_diverging_training_says_so_and_saves_no_broken_state(files, tmp_path):
    root, basis = files
    config = small(root / "pairs", basis, learning_rate=1e30, basis_learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged in round 1"):
        train(config, tmp_path / "out", accelerator="cpu")
    assert not (tmp_path / "out" / "state.safetensors").exists()


def test_an_absent_device_is_an_error_of_one_sentence(unbroken, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="cannot train on 1 of 'cuda'"):
        train(unbroken[0], tmp_path / "out", accelerator="cuda")


def test_a_checkpoint_without_a_reconstruction_branch_is_refused(files, tmp_path):
    from harmaug.checkpoints import save_checkpoint
    from harmaug.nets import SycoNet

    root, _ = files
    save_checkpoint(tmp_path / "released", SycoNet(4, 3, 5, width=8, reconstruction=False), {})
    config = small(root / "pairs", None, net={}, init=str(tmp_path / "released"))
    with pytest.raises(ValueError, match="no reconstruction branch"):
        train(config, tmp_path / "out", accelerator="cpu")


@pytest.mark.slow
def test_the_published_net_trains_and_a_finetune_starts_where_it_ended(files, tmp_path):
    root, basis = files
    config = small(
        root / "pairs",
        basis,
        architecture="syconet",
        net={"latent_dim": 4, "width": 8, "size": 32},
        rounds=1,
        round_pairs=16,
        validate_every=1,
    )
    first = train(config, tmp_path / "first", accelerator="cpu")
    finetune = small(
        root / "pairs",
        None,
        net={},
        init=str(tmp_path / "first"),
        rounds=1,
        round_pairs=16,
        learning_rate=0.0,
        basis_learning_rate=0.0,
    )
    second = train(finetune, tmp_path / "second", accelerator="cpu")
    for name, value in first.named_parameters():
        if not name.startswith("prior."):  # which follows the pairs it is finetuned on
            assert value.equal(second.get_parameter(name)), name
    before, after = log(tmp_path / "second")
    assert (before["round"], after["round"]) == (0, 1)
    assert before["kinds"]["pairs"]["coverage"] > 0


def test_no_rounds_write_the_checkpoint_that_was_given_with_its_light(files, tmp_path):
    root, basis = files
    train(
        small(root / "pairs", basis, rounds=1, spatial=0.0), tmp_path / "first", accelerator="cpu"
    )
    config = small(root / "pairs", None, net={}, init=str(tmp_path / "first"), rounds=0, light=0.2)
    train(config, tmp_path / "second", accelerator="cpu")
    before, after = (open_checkpoint(tmp_path / name)[0] for name in ("first", "second"))
    assert after.light is not None
    assert all(torch.equal(after.state_dict()[k], v) for k, v in before.state_dict().items())


def test_tensorboard_gets_every_figure(files, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root, basis = files
    config = small(root / "pairs", basis, rounds=2)
    train(config, tmp_path / "out", accelerator="cpu", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard"))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert {"reconstruction", "kl", "score", "kinds/pairs/coverage"} <= set(tags)
    assert [event.step for event in events.Scalars("kl")] == [1, 2]
