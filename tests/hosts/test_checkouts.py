"""The lines of examples/hosts on host codebases' own datasets: ``--checkouts FOLDER``."""

import subprocess
import sys
from pathlib import Path

import pytest
import trainer_trials
import trials


def _run(script: str | None, name: str, host: str, request: pytest.FixtureRequest) -> None:
    folder = request.config.getoption("--checkouts", default=None)
    if folder is None:
        pytest.skip("needs checkouts of host codebases: pytest tests/hosts --checkouts FOLDER")
    if not (Path(folder) / host).is_dir():
        pytest.skip(f"no checkout of {host} in {folder}")
    pytest.importorskip("torchvision", reason="the datasets of host codebases need torchvision")
    command = [sys.executable, "-B", str(script), name, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("host", trials.HOSTS)
def test_lines_of_the_example_serve_the_host(host: str, request: pytest.FixtureRequest) -> None:
    _run(trials.__file__, host, host, request)


@pytest.mark.parametrize("name", trainer_trials.TRAININGS)
def test_its_own_training_runs_with_them(name: str, request: pytest.FixtureRequest) -> None:
    _run(trainer_trials.__file__, name, trainer_trials.TRAININGS[name].checkout, request)


def test_each_host_has_its_own_training_run_too() -> None:
    trained = {training.checkout for training in trainer_trials.TRAININGS.values()}
    assert trained == set(trials.HOSTS)
