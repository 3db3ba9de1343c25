"""The two evaluations as a program calls them; `test_cli_evaluate` holds what they write."""

import inspect
import json

import pytest
from evaluation_doubles import small_net
from photo_folders import write_folder

from harmaug.augment import SycoNetAugment
from harmaug.cli import _parser
from harmaug.evaluation import evaluate_augmenter, evaluate_harmonizer
from harmaug.evaluation.evaluations import AUGMENTER_FILES, HARMONIZER_FILES
from harmaug.io.tables import write_json
from harmaug.nets import LiteSycoNet


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(LiteSycoNet, "refinement_steps", 5)
    write_folder(tmp_path / "set", photos=2, composites=1)
    SycoNetAugment(small_net()).save_pretrained(tmp_path / "mine")
    return tmp_path


def options(kind, *required):
    arguments = ["evaluate", kind, *required, "--data", "d", "-o", "o"]
    return vars(_parser().parse_args(arguments))


def test_the_result_is_what_the_file_holds(place):
    found = evaluate_augmenter(place / "mine", place / "set", place / "out", image_size=32, draws=2)
    assert sorted(path.name for path in (place / "out").iterdir()) == sorted(AUGMENTER_FILES)
    write_json(place / "again.json", vars(found))
    assert (place / "again.json").read_text() == (place / "out" / "figures.json").read_text()
    assert found.figures["set"]["draws"]["mine"]["coverage"].value > 0
    assert found.skipped == {"absent": 0, "empty": 0}


def test_scores_are_what_the_file_holds(place):
    (place / "set" / "composite_images").rename(place / "predictions")
    write_folder(place / "set", photos=2, composites=1)
    found = evaluate_harmonizer(
        str(place / "predictions"), place / "set", str(place / "out"), image_size=None
    )
    assert sorted(path.name for path in (place / "out").iterdir()) == sorted(HARMONIZER_FILES)
    read = json.loads((place / "out" / "scores.json").read_text())
    assert read["settings"] == found.settings
    assert found.figures["set"]["worse"].value == 0


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (evaluate_augmenter, options("augmenter")),
        (evaluate_harmonizer, options("harmonizer", "--predictions", "p")),
    ],
)
def test_arguments_and_their_defaults_are_the_options_of_the_command_line(function, given):
    for name, parameter in inspect.signature(function).parameters.items():
        option = given["force" if name == "overwrite" else name]
        if parameter.default not in (inspect.Parameter.empty, ()):
            assert option == parameter.default, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"draws": 0}, "n must be at least 1, got 0"),
        ({"image_size": 0}, "size must be a positive number of pixels, got 0"),
        ({"scenes": "day"}, "scenes must be one of photo, prefix, got 'day'"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_written(place, arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate_augmenter(place / "mine", place / "set", place / "out", **arguments)
    assert not (place / "out").exists()


def test_an_earlier_evaluation_is_kept_unless_overwritten(place):
    (place / "out").mkdir()
    (place / "out" / "scores.json").write_text("old")
    given = (place / "set" / "composite_images", place / "set", place / "out")
    with pytest.raises(FileExistsError, match=r"scores\.json: .* overwrite=True \(--force\)"):
        evaluate_harmonizer(*given)
    assert (place / "out" / "scores.json").read_text() == "old"
    evaluate_harmonizer(*given, image_size=16, overwrite=True)
    assert json.loads((place / "out" / "scores.json").read_text())["settings"]["size"] == 16
