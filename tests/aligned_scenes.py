"""Scenes of one viewpoint under many lights, made by the tests that read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 96
SKY = slice(0, 24)  # rows in which everything changes
ROAD = slice(72, 96)  # rows on which a car moves


def texture(draw, height, width, low=0.25, high=0.75):
    """Squares of 4 pixels a side at a random offset."""
    coarse = draw.uniform(low, high, (height // 4 + 2, width // 4 + 2, 3))
    down, across = draw.integers(0, 4, 2)
    return np.kron(coarse, np.ones((4, 4, 1)))[down:, across:][:height, :width]


def make_frames(count=8, seed=0, size=SIZE, cars=1):
    """(T, S, S, 3) in [0, 1]: a static middle with two things, a sky that drifts, passing cars."""
    draw = np.random.default_rng(seed)
    paint = texture(draw, size, size)
    paint[30:66, 8:40] = 0.5 + 0.5 * (texture(draw, 36, 32) - 0.5)  # a thing
    paint[36:60, 56:88] = 0.8 * texture(draw, 24, 32)  # another
    across = np.linspace(-1, 1, size)[None, :, None]
    frames = []
    for _ in range(count):
        scene = paint.copy()
        scene[SKY] = texture(draw, 24, size, 0.4, 0.9)
        for left in draw.integers(0, size - 20, cars):
            scene[74:94, left : left + 20] = texture(draw, 20, 20, 0.0, 1.0)
        light = np.exp(draw.normal(0, 0.35) + draw.normal(0, 0.1, 3) + across * draw.normal(0, 0.2))
        frames.append((scene * light).clip(0, 1))
    return np.stack(frames)


def write_scene(root, frames, names=None):
    """Write frames as PNG files, in order of their names."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        name = names[number] if names else f"t{number:03d}.png"
        Image.fromarray((np.asarray(frame) * 255).round().astype(np.uint8)).save(root / name)
    return root


def write_mask(path, rows, columns, size=SIZE):
    """Write a mask of a rectangle."""
    mask = np.zeros((size, size), np.uint8)
    mask[rows, columns] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
