import base64
import io
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harmaug.evaluation import report
from harmaug.evaluation.report import Cloud, _ticks, cloud_chart

NAN = math.nan


def svg(chart):
    """The chart's elements by name; raises where it is not well-formed."""
    root = ElementTree.fromstring(chart)
    found = {}
    for element in root.iter():
        found.setdefault(element.tag, []).append(element)
    return found


class TestCharts:
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
            "<title>", [report.section("<h>", "&"), report.paragraph("&"), report.table(rows)]
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
