"""Other programs that apply a 3D LUT to a picture, each as a function without arguments.

Those that interpolate trilinearly in float32 return harmaug's values in planes, not clamped. A peer
that is not installed raises ImportError or FileNotFoundError, and the benchmark lists it as not
installed. OpenCV (5.0) and kornia (0.9) have no 3D LUT.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import harmaug
from harmaug.lut import reference

Peer = Callable[[], Any]


def grid_sample(image: Tensor, lut: Tensor) -> Peer:
    """Return the lookup of 5-D grid_sample, its grid made beforehand."""
    grid = image.mul(2).sub(1).permute(0, 2, 3, 1).unsqueeze(1).contiguous()
    volume = lut.expand(image.shape[0], *lut.shape)

    def run() -> Tensor:
        found = F.grid_sample(volume, grid, align_corners=True, padding_mode="border")
        return found.squeeze(2)

    return run


def compiled_reference(image: Tensor, lut: Tensor) -> Peer:
    """Return torch.compile of the definition in plain torch."""
    if shutil.which("c++") is None:
        raise FileNotFoundError("torch.compile needs a C++ compiler")
    compiled = torch.compile(reference.composite)
    many = lut.expand(image.shape[0], 1, *lut.shape)
    with torch.no_grad():
        compiled(image, None, many)
    return torch.no_grad()(lambda: compiled(image, None, many).squeeze(1))


def pillow(image: Tensor, lut: Tensor) -> Peer:
    """Return Pillow's Color3DLUT filter, 8 bit."""
    from PIL import Image, ImageFilter

    picture = Image.fromarray(_bytes(image))
    table = ImageFilter.Color3DLUT(lut.shape[-1], lut.permute(1, 2, 3, 0).flatten().tolist())
    return lambda: picture.filter(table)


def pillow_lut(image: Tensor, lut: Tensor) -> Peer:
    """Return Pillow's filter with a table that pillow_lut resampled, 8 bit."""
    from PIL import Image, ImageFilter
    from pillow_lut import operations

    picture = Image.fromarray(_bytes(image))
    table = ImageFilter.Color3DLUT(lut.shape[-1], lut.permute(1, 2, 3, 0).flatten().tolist())
    resampled = operations.resize_lut(table, lut.shape[-1])
    return lambda: picture.filter(resampled)


def open_color_io(image: Tensor, lut: Tensor, interpolation: str, layout: str) -> Peer:
    """Return OpenColorIO's CPU processor on float32; it allocates no memory and does not clamp.

    Args:
        image: (1, 3, H, W) in [0, 1].
        lut: (3, D, D, D).
        interpolation: "linear" or "tetrahedral".
        layout: "planar", or packed "rgba", in which it computes.
    """
    import PyOpenColorIO as ocio

    transform = ocio.Lut3DTransform(gridSize=lut.shape[-1])
    transform.setInterpolation(getattr(ocio, f"INTERP_{interpolation.upper()}"))
    transform.setData(lut.permute(3, 2, 1, 0).contiguous().numpy().ravel())  # blue fastest
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    height, width = image.shape[2:]
    if layout == "planar":
        planes, results = image[0].numpy(), np.empty_like(image[0].numpy())
        source = ocio.PlanarImageDesc(*planes, width, height)
        target = ocio.PlanarImageDesc(*results, width, height)
    else:
        opaque = torch.cat((image[0], torch.ones(1, height, width)))
        pixels = opaque.permute(1, 2, 0).contiguous().numpy()
        packed = np.empty_like(pixels)
        source = ocio.PackedImageDesc(pixels, width, height, 4)
        target = ocio.PackedImageDesc(packed, width, height, 4)
        results = packed[..., :3].transpose(2, 0, 1)

    def run() -> Tensor:
        processor.apply(source, target)
        return torch.from_numpy(results).unsqueeze(0)

    return run


def timecube(image: Tensor, lut: Tensor, interpolation: str) -> Peer:
    """Return timecube's filter on float32 planes, with the fastest code of this machine.

    The environment variable TIMECUBE names its library, which its makefile builds as a plugin:
    compile the objects of its folders timecube and graphengine into a shared library instead.

    Args:
        image: (1, 3, H, W) in [0, 1].
        lut: (3, D, D, D).
        interpolation: "linear" or "tetrahedral".
    """
    path = os.environ.get("TIMECUBE")
    if path is None:
        raise FileNotFoundError("TIMECUBE")
    library = ctypes.CDLL(path)
    for name in ("timecube_lut_from_file", "timecube_filter_create"):
        getattr(library, name).restype = ctypes.c_void_p
    library.timecube_filter_get_tmp_size.restype = ctypes.c_size_t
    with tempfile.TemporaryDirectory() as folder:
        cube = Path(folder) / "lut.cube"
        harmaug.write_cube(cube, lut)
        table = ctypes.c_void_p(library.timecube_lut_from_file(os.fsencode(cube)))
    height, width = image.shape[2:]
    internal, floats, fastest = -1, 3, 2**31 - 1  # its numbers for range, type and instructions
    method = int(interpolation == "tetrahedral")
    settings = (width, height, floats, internal, 32, floats, internal, 32, method, fastest)
    filter_ = library.timecube_filter_create(table, (ctypes.c_int * len(settings))(*settings))
    if filter_ is None:
        raise FileNotFoundError("timecube took no such picture")
    handle, result = ctypes.c_void_p(filter_), torch.empty_like(image)
    scratch = torch.empty(library.timecube_filter_get_tmp_size(handle) + 64, dtype=torch.uint8)
    aligned = ctypes.c_void_p(-(-scratch.data_ptr() // 64) * 64)
    steps = (ctypes.c_ssize_t * 3)(*[4 * width] * 3)

    def planes(tensor: Tensor) -> ctypes.Array[ctypes.c_void_p]:
        return (ctypes.c_void_p * 3)(*(plane.data_ptr() for plane in tensor[0]))

    source, target = planes(image), planes(result)

    def run() -> Tensor:
        library.timecube_filter_apply(handle, source, steps, target, steps, aligned)
        return result

    return run


def ffmpeg_seconds(image: Tensor, lut: Tensor, interpolation: str, frames: int) -> float:
    """Return seconds a frame of FFmpeg's lut3d on planar float32: with minus without the filter."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise FileNotFoundError("ffmpeg")
    height, width = image.shape[2:]
    with tempfile.TemporaryDirectory() as folder:
        raw, cube = Path(folder) / "frame.raw", Path(folder) / "lut.cube"
        raw.write_bytes(image[0, [1, 2, 0]].contiguous().numpy().tobytes())  # planes g, b, r
        harmaug.write_cube(cube, lut)
        lut3d = f"lut3d=file={cube}:interp={interpolation}"

        def seconds(graph: str) -> float:
            command = [program, "-hide_banner", "-benchmark", "-threads", "1"]
            command += ["-stream_loop", str(frames - 1), "-f", "rawvideo", "-pix_fmt", "gbrpf32le"]
            command += ["-s", f"{width}x{height}", "-i", str(raw), "-filter_threads", "1"]
            command += ["-vf", graph, "-f", "null", "-"]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times = re.search(r"bench: utime=([\d.]+)s stime=([\d.]+)s", done.stderr)
            assert times is not None, done.stderr
            return float(times[1]) + float(times[2])

        return (seconds(lut3d) - seconds("null")) / frames


def _bytes(image: Tensor) -> np.ndarray:
    return image[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
