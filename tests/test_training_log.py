"""The log: whole lines only, each round once."""

import json

import pytest

from harmaug.training.log import Log


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
