"""Parts of a report in one HTML file: pictures, charts and style are inside it, without scripts."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#ececec;margin:2em auto;
 max-width:1500px;padding:0 1em}
h1{font-size:1.7em;margin-bottom:.2em}h2{margin-top:2em}
p,li{max-width:75em}
table{border-collapse:collapse;margin:1em 0;background:#f7f7f7}
th,td{padding:.3em .8em;border:1px solid #ccc;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
.wide{overflow-x:auto}
.row{display:flex;flex-wrap:wrap;gap:8px;margin:.4em 0 1.2em}
figure{margin:0;flex:none;width:158px}figure img{display:block;width:100%}
figcaption{font-size:12px;color:#444;overflow-wrap:anywhere}
.charts{display:flex;flex-wrap:wrap;gap:20px}
.chart{background:#f7f7f7;padding:8px;width:460px}.chart svg text{font:12px system-ui,sans-serif}
.legend{margin:0 8px;font-size:13px}.legend span{margin-right:1.2em;white-space:nowrap}
.legend i{display:inline-block;width:12px;height:12px;margin-right:5px}
small{color:#555}
"""
_SIDE = 192  # pixels of a picture, a little more than shown
_WIDTH, _HEIGHT = 460, 300  # of a chart, and the place of its axes within
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, _WIDTH - 16, 16, _HEIGHT - 46
_COLOURS = ("#1764ab", "#c8501e", "#2f7d32", "#7a3e9d", "#8a6d00", "#5c5c5c", "#00798c", "#ad1457")


def document(title: str, parts: Sequence[str]) -> str:
    """Return the whole file."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def section(title: str, text: str = "") -> str:
    """Return a heading and the paragraph below it."""
    return f"<h2>{escape(title)}</h2>" + (paragraph(text) if text else "")


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def definitions(terms: Iterable[tuple[str, str]]) -> str:
    """Return a list of words and what they mean."""
    return "<ul>" + "".join(f"<li><b>{escape(a)}</b>: {escape(b)}</li>" for a, b in terms) + "</ul>"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first row is its head and the first column names the rows."""
    head, *body = (
        "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for row, tag in zip(rows, ["th", *["td"] * (len(rows) - 1)], strict=True)
    )
    return (
        f'<div class="wide"><table><thead>{head}</thead><tbody>{"".join(body)}</tbody>'
        "</table></div>"
    )


def gallery(title: str, pictures: Iterable[tuple[str, Tensor]]) -> str:
    """Return a row of captioned pictures, (3, H, W) or (1, H, W) in [0, 1], or uint8."""
    figures = "".join(
        f'<figure><img alt="" src="{data_uri(image)}"><figcaption>{escape(caption)}</figcaption>'
        "</figure>"
        for caption, image in pictures
    )
    return f'<div><small>{escape(title)}</small><div class="row">{figures}</div></div>'


def data_uri(image: Tensor) -> str:
    """Return a small JPEG of a picture, (3, H, W) or (1, H, W), for an ``src`` attribute."""
    if image.is_floating_point():
        image = image.detach().clamp(0, 1).mul(255).round().byte()
    picture = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


class Cloud(NamedTuple):
    """A normal distribution in a plane, and points of it."""

    label: str
    mean: np.ndarray  # (2,)
    covariance: np.ndarray  # (2, 2)
    points: np.ndarray  # (N, 2), may be empty


def charts(parts: Sequence[str]) -> str:
    """Return charts side by side."""
    return f'<div class="charts">{"".join(parts)}</div>'


def cloud_chart(clouds: Sequence[Cloud], x_label: str, y_label: str) -> str:
    """Return the chart of points, and for each cloud the ellipse of two standard deviations."""
    outlines = [_ellipse(cloud) for cloud in clouds]
    every = np.concatenate([*outlines, *(cloud.points for cloud in clouds)])
    reach = max(float(np.abs(every).max()), 1.0)
    axes = _Axes((-reach, reach), (-reach, reach))
    parts = [axes.frame(x_label, y_label, {tick: f"{tick:g}" for tick in _ticks(-reach, reach)})]
    for number, (cloud, outline) in enumerate(zip(clouds, outlines, strict=True)):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += (
            f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2" fill="{colour}" '
            'opacity="0.5"/>'
            for x, y in cloud.points
        )
        parts.append(
            f'<polygon points="{axes.path(outline)}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
    return _svg(parts, [cloud.label for cloud in clouds])


class _Axes:
    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self.x_range, self.y_range = x_range, (y_range[0], y_range[1] + (y_range[1] == y_range[0]))

    def x(self, value: float) -> float:
        low, high = self.x_range
        return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    def path(self, points: Iterable[Sequence[float]]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points if y == y)

    def frame(self, x_label: str, y_label: str, x_ticks: dict[float, str]) -> str:
        parts = [f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="#555"/>']
        for value, text in x_ticks.items():
            x = self.x(value)
            parts.append(
                f'<path d="M{x:.1f} {_BOTTOM}v5" stroke="#555"/>'
                f'<text x="{x:.1f}" y="{_BOTTOM + 18}" text-anchor="middle">{text}</text>'
            )
        for value in _ticks(*self.y_range):
            y = self.y(value)
            parts.append(
                f'<path d="M{_LEFT} {y:.1f}H{_RIGHT}" stroke="#ccc"/>'
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
        parts.append(
            f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
            f'<text transform="translate(14 {(_TOP + _BOTTOM) / 2}) rotate(-90)" '
            f'text-anchor="middle">{escape(y_label)}</text>'
        )
        return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Return some four to seven round values within a range."""
    rough = (high - low) / 6
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _ellipse(cloud: Cloud) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    values, vectors = np.linalg.eigh(cloud.covariance)
    axes = vectors * np.sqrt(np.maximum(values, 0))
    return cloud.mean + 2 * np.stack((np.cos(angle), np.sin(angle)), 1) @ axes.T


def _svg(parts: Sequence[str], labels: Sequence[str]) -> str:
    legend = "".join(
        f'<span><i style="background:{_COLOURS[number % len(_COLOURS)]}"></i>{escape(label)}</span>'
        for number, label in enumerate(labels)
    )
    return (
        f'<div class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img">{"".join(parts)}</svg><p class="legend">{legend}</p></div>'
    )
