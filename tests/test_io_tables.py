"""Tables and records: what they hold, and that a file is whole or absent."""

import json
import math
from typing import NamedTuple

import pytest

from harmaug.io.tables import text_table, write_csv, write_json

NAN = math.nan


class Bounds(NamedTuple):
    value: float
    low: float
    high: float


def test_json_holds_named_tuples_and_no_nan(tmp_path):
    value = {"a": Bounds(1.0, NAN, 2.0), "b": [math.inf, (1, "x")], "c": None}
    write_json(tmp_path / "f.json", value)
    read = json.loads((tmp_path / "f.json").read_text())
    assert read == {
        "a": {"value": 1.0, "low": None, "high": 2.0},
        "b": [None, [1, "x"]],
        "c": None,
    }


def test_csv_holds_a_line_for_each_row(tmp_path):
    write_csv(tmp_path / "f.csv", [{"name": "a,b", "v": 1 / 3}, {"name": "c", "v": NAN}])
    lines = (tmp_path / "f.csv").read_text().splitlines()
    assert lines == ["name,v", '"a,b",0.333333', "c,nan"]


def test_a_file_that_fails_is_not_there(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "f.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_columns_of_figures_are_aligned_to_the_right_and_words_to_the_left():
    rows = [["", "long head", "what"], ["name", "1", "a photo"], ["x", "-", ""], ["yy", "inf", "b"]]
    assert text_table(rows).split("\n") == [
        "        long head  what",
        "  name          1  a photo",
        "  x             -",
        "  yy          inf  b",
    ]


def test_rows_of_one_table_have_one_length():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        text_table([["a", "b"], ["c"]])
