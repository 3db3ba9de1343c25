"""What the native kernel is handed, as csrc/lut.h lays it out."""

from __future__ import annotations

import ctypes

_COUPLINGS = 8  # of a prior, at most


def _numbers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_int64) for name in names]


def _addresses(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_void_p) for name in names]


class View(ctypes.Structure):
    """A strided tensor."""

    _fields_ = [
        *_addresses("data"),
        *_numbers("dtype", "batch", "lut", "channel", "row", "column"),
    ]


class Job(ctypes.Structure):
    """Photos, masks and LUTs: a call of the operator, or of its backward."""

    _fields_ = [
        *_numbers("batch", "luts", "height", "width", "size"),
        *_numbers("threads", "grid_rows", "grid_columns", "tetrahedral"),
        *((name, View) for name in ("image", "mask", "lut", "result")),
        *((name, View) for name in ("grad_image", "grad_mask", "grad_lut")),
    ]


class Judge(ctypes.Structure):
    """LUTs that are judged by foregrounds."""

    _fields_ = [
        ("job", Job),
        *((name, ctypes.c_float) for name in ("border", "most", "contrast")),
        *_addresses("result"),
    ]


class Pool(ctypes.Structure):
    """Photos under masks whose thumbnails are made."""

    _fields_ = [
        *_numbers("batch", "height", "width", "rows", "columns", "threads"),
        *((name, View) for name in ("image", "mask")),
        *_addresses("result"),
    ]


class Regions(ctypes.Structure):
    """Regions whose colours are described."""

    _fields_ = [
        *_numbers("regions", "pixels", "threads"),
        *_addresses("colours", "weights"),
        *_numbers("colour_batch", "colour_channel", "weight_batch"),
        *_addresses("result"),
    ]


class Transport(ctypes.Structure):
    """Latents that the prior maps to codes."""

    _fields_ = [
        *_numbers("rows", "shared", "threads", "couplings", "size", "width"),
        *_addresses("seen", "latent", "first", "last", "last_bias", "scale", "mean", "result"),
        ("weights", ctypes.c_void_p * _COUPLINGS),
        ("bias", ctypes.c_void_p * _COUPLINGS),
        ("reach", ctypes.c_float),
    ]


BYTES = sum(ctypes.sizeof(job) for job in (Job, Judge, Pool, Regions, Transport))
