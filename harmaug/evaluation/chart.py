"""Small charts as inline SVG: lines with a band, and clouds of points with their ellipses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

_WIDTH, _HEIGHT = 460, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 16, 46
COLOURS = ("#1764ab", "#c8501e", "#2f7d32", "#7a3e9d", "#8a6d00", "#5c5c5c", "#00798c", "#ad1457")


class Line(NamedTuple):
    """Values at the same places as the other lines of a chart.

    Attributes:
        label: what the legend calls it.
        values: one a place.
        low: lower border of a band, or None.
        high: upper border of it.
    """

    label: str
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


class Cloud(NamedTuple):
    """A normal distribution in a plane, and points of it.

    Attributes:
        label: what the legend calls it.
        mean: (2,).
        covariance: (2, 2).
        points: (N, 2), may be empty.
    """

    label: str
    mean: np.ndarray
    covariance: np.ndarray
    points: np.ndarray


def line_chart(places: Sequence[float], lines: Sequence[Line], x_label: str, y_label: str) -> str:
    """Lines over shared places, evenly spaced, with the places named on the axis."""
    shown = [v for line in lines for part in line[1:] if part is not None for v in part]
    axes = _Axes((0, max(len(places) - 1, 1)), (0, max([v for v in shown if v == v], default=1)))
    parts = [axes.frame(x_label, y_label, {i: f"{p:g}" for i, p in enumerate(places)})]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        if line.low is not None and line.high is not None:
            border = [*enumerate(line.low), *reversed([*enumerate(line.high)])]
            parts.append(f'<polygon points="{axes.path(border)}" fill="{colour}" opacity="0.15"/>')
        path = axes.path(enumerate(line.values))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(parts, [line.label for line in lines])


def cloud_chart(clouds: Sequence[Cloud], x_label: str, y_label: str) -> str:
    """Points of distributions, and for each the ellipse of two standard deviations."""
    outlines = [_ellipse(cloud) for cloud in clouds]
    every = np.concatenate([*outlines, *(cloud.points for cloud in clouds)])
    reach = max(float(np.abs(every).max()), 1.0)
    axes = _Axes((-reach, reach), (-reach, reach))
    ticks = {tick: f"{tick:g}" for tick in _ticks(-reach, reach)}
    parts = [axes.frame(x_label, y_label, ticks)]
    for number, (cloud, outline) in enumerate(zip(clouds, outlines, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        for x, y in cloud.points:
            parts.append(
                f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="2" fill="{colour}" '
                'opacity="0.5"/>'
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
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    def path(self, points: object) -> str:
        known = [(x, y) for x, y in points if y == y]  # type: ignore[attr-defined]
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in known)

    def frame(self, x_label: str, y_label: str, x_ticks: dict[float, str]) -> str:
        bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
        parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#555"/>']
        for value, text in x_ticks.items():
            x = self.x(value)
            parts.append(f'<path d="M{x:.1f} {bottom}v5" stroke="#555"/>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>')
        for value in _ticks(*self.y_range):
            y = self.y(value)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ccc"/>')
            parts.append(
                f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
        middle = (_TOP + bottom) / 2
        parts.append(
            f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">'
            f"{escape(x_label)}</text>"
            f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
            f"{escape(y_label)}</text>"
        )
        return "".join(parts)


def _ticks(low: float, high: float) -> list[float]:
    """Some four to seven round values within a range."""
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
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(label)}</span>'
        for number, label in enumerate(labels)
    )
    return (
        f'<div class="chart"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img">{"".join(parts)}</svg><p class="legend">{legend}</p></div>'
    )
