"""3D LUTs: tensors, the operator that applies them, fits, and files."""

from harmaug.lut.cube import read_cube, write_cube
from harmaug.lut.fitting import fit_pair, simplex_least_squares
from harmaug.lut.hald import read_hald, write_hald
from harmaug.lut.ops import apply_lut, backends, composite_lut
from harmaug.lut.tensors import check_lut, identity_lut, lut_roughness, mix_luts, resize_lut

__all__ = [
    "apply_lut",
    "backends",
    "check_lut",
    "composite_lut",
    "fit_pair",
    "identity_lut",
    "lut_roughness",
    "mix_luts",
    "read_cube",
    "read_hald",
    "resize_lut",
    "simplex_least_squares",
    "write_cube",
    "write_hald",
]
