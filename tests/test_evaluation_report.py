import base64
import io
import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harmaug.evaluation import report
from harmaug.evaluation.bootstrap import Estimate
from harmaug.evaluation.chart import Cloud, Line, _ticks, cloud_chart, line_chart
from harmaug.evaluation.files import number, text_table, write_csv, write_json

NAN = math.nan


def svg(chart):
    """The chart's elements by name; raises where it is not well-formed."""
    root = ElementTree.fromstring(chart)
    found = {}
    for element in root.iter():
        found.setdefault(element.tag, []).append(element)
    return found


class TestCharts:
    def test_a_line_rises_with_its_values(self):
        chart = svg(line_chart([1, 2, 4], [Line("draws", [1.0, 2.0, 3.0])], "m", "mismatch"))
        points = chart["polyline"][0].get("points").split()
        x, y = np.array([point.split(",") for point in points], dtype=float).T
        assert (np.diff(x) > 0).all()
        assert (np.diff(y) < 0).all()  # downwards is larger
        labels = [text.text for text in chart["text"]]
        assert {"1", "2", "4", "m", "mismatch"} <= set(labels)

    def test_bands_and_unknown_values_are_drawn_as_far_as_known(self):
        line = Line("a < b", [1.0, NAN, 3.0], [0.5, NAN, 2.0], [2.0, NAN, 4.0])
        chart = line_chart([0, 1, 2], [line], "x & y", "z")
        found = svg(chart)
        assert len(found["polyline"][0].get("points").split()) == 2
        assert "nan" not in chart
        assert "a &lt; b" in chart

    @pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [NAN], [1e-9, 1e9]])
    def test_odd_values_still_make_a_chart(self, values):
        assert "nan" not in line_chart(list(range(len(values))), [Line("a", values)], "x", "y")

    def test_an_ellipse_holds_two_deviations(self):
        cloud = Cloud("a", np.zeros(2), np.diag([100.0, 25.0]), np.array([[20.0, 0.0]]))
        chart = svg(cloud_chart([cloud], "a*", "b*"))
        points = [p.split(",") for p in chart["polygon"][0].get("points").split()]
        x, y = np.array(points, dtype=float).T
        dot = chart["circle"][0]
        assert x.max() == pytest.approx(float(dot.get("cx")), abs=0.2)
        assert np.ptp(x) / np.ptp(y) == pytest.approx(2 * (460 - 74) / (300 - 62), rel=0.02)

    def test_a_cloud_may_have_no_spread(self):
        cloud = Cloud("a", np.zeros(2), np.zeros((2, 2)), np.empty((0, 2)))
        assert "nan" not in cloud_chart([cloud], "x", "y")

    @given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
    def test_ticks_are_few_round_and_within(self, low, extent):
        high = low + extent
        found = _ticks(low, high)
        assert 2 <= len(found) <= 8
        assert all(low - 1e-6 * extent <= tick <= high + 1e-6 * extent for tick in found)


class TestReport:
    def test_text_is_escaped(self):
        rows = [["<head>", "a"], ["<b>", "x & y"]]
        page = report.document(
            "<title>", [report.heading("<h>"), report.paragraph("&"), report.table(rows)]
        )
        for raw in ("<head>,", "<b>", "<h>", "x & y", "<h1><title>"):
            assert raw not in page
        assert "<th>&lt;head&gt;</th>" in page
        assert "<td>x &amp; y</td>" in page

    @pytest.mark.parametrize(
        "image",
        [
            torch.linspace(0, 1, 3 * 300 * 200).view(3, 300, 200),
            torch.full((1, 40, 30), 0.5),
            torch.full((3, 40, 30), 200, dtype=torch.uint8),
        ],
    )
    def test_pictures_are_inside_the_file(self, image):
        uri = report.data_uri(image)
        kind, _, data = uri.partition(",")
        assert kind == "data:image/jpeg;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert max(picture.size) <= 192
        scale = 255 if image.is_floating_point() else 1
        expected = image.float().mean().item() * scale
        assert np.asarray(picture).mean() == pytest.approx(expected, abs=2)
        assert uri in report.gallery("a row", [("caption", image)])


class TestFiles:
    def test_json_holds_estimates_and_no_nan(self, tmp_path):
        value = {"a": Estimate(1.0, NAN, 2.0), "b": [math.inf, (1, "x")], "c": None}
        write_json(tmp_path / "f.json", value)
        read = json.loads((tmp_path / "f.json").read_text())
        assert read == {
            "a": {"value": 1.0, "low": None, "high": 2.0},
            "b": [None, [1, "x"]],
            "c": None,
        }

    def test_csv_holds_a_line_for_each_row(self, tmp_path):
        write_csv(tmp_path / "f.csv", [{"name": "a,b", "v": 1 / 3}, {"name": "c", "v": NAN}])
        lines = (tmp_path / "f.csv").read_text().splitlines()
        assert lines == ["name,v", '"a,b",0.333333', "c,nan"]

    def test_a_file_that_fails_is_not_there(self, tmp_path):
        with pytest.raises(TypeError):
            write_json(tmp_path / "f.json", {"a": object()})
        assert list(tmp_path.iterdir()) == []

    def test_columns_are_aligned(self):
        table = text_table([["", "long head"], ["name", "1"], ["x", ""]], indent="")
        assert table.split("\n") == ["      long head", "name          1", "x"]

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (1234.5, "1234"),
            (123.45, "123"),
            (12.345, "12.3"),
            (0.01234, "0.012"),
            (0.0, "0.00"),
            (9.999, "10.00"),
            (NAN, "-"),
            (math.inf, "inf"),
            (Estimate(1.0, 0.5, 2.0), "1.00 [0.500, 2.00]"),
            (Estimate(1.0, NAN, NAN), "1.00"),
        ],
    )
    def test_figures_have_three_digits_and_their_interval(self, value, text):
        assert number(value) == text
