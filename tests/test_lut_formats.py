"""LUT files of every format mean what OpenColorIO and colour-science take them for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lut_files import KINDS

from harmaug.lut.formats import read_lut

EACH = 20  # files of each kind; 300 in all
BAR = 2e-6
INTERPOLATIONS = ("trilinear",)


def opencolorio(path, colours, interpolation):
    """Colours (N, 3) through OpenColorIO's CPU processor, in [0, 1]."""
    ocio = pytest.importorskip("PyOpenColorIO", reason="opencolorio is not installed")
    known = {"trilinear": ocio.INTERP_LINEAR, "tetrahedral": ocio.INTERP_TETRAHEDRAL}
    transform = ocio.FileTransform(str(path), interpolation=known[interpolation])
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    depth, exact = ocio.BIT_DEPTH_F32, ocio.OPTIMIZATION_LOSSLESS
    result = colours.copy()
    processor.getOptimizedCPUProcessor(depth, depth, exact).applyRGB(result)
    return result.clip(0, 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_files_map_colours_as_opencolorio_does(tmp_path, kind):
    for seed in range(EACH):
        path, colours = kind(tmp_path / f"{seed}{KINDS[kind]}", np.random.default_rng(seed))
        lut, image = read_lut(path), torch.from_numpy(colours.T).reshape(1, 3, 1, -1)
        for interpolation in INTERPOLATIONS:
            theirs = opencolorio(path, colours, interpolation)
            ours = lut(image, interpolation=interpolation).reshape(3, -1).T.numpy()
            error = np.abs(ours - theirs).max()
            assert error <= BAR, f"{path.name}, {interpolation}: {error:.2g}"


def test_there_are_three_hundred_files():
    assert len(KINDS) * EACH == 300
