"""3D LUTs: the operator, tensors and files."""

from harmaug.lut.files import read_cube, read_hald, write_cube, write_hald
from harmaug.lut.ops import apply_lut, backends, composite_lut
from harmaug.lut.tensors import identity_lut, lut_roughness, mix_luts, resize_lut

__all__ = [
    "apply_lut",
    "backends",
    "composite_lut",
    "identity_lut",
    "lut_roughness",
    "mix_luts",
    "read_cube",
    "read_hald",
    "resize_lut",
    "write_cube",
    "write_hald",
]
