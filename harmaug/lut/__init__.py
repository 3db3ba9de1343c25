"""3D LUTs: tensors, the operator that applies them, fits, and files."""

from harmaug.lut.algebra import LutDifference, compose_luts, lut_difference
from harmaug.lut.cube import read_cube, write_cube
from harmaug.lut.fitting import fit_pair, simplex_least_squares
from harmaug.lut.formats import LUT_SUFFIXES, read_lut
from harmaug.lut.hald import read_hald, write_hald
from harmaug.lut.inverse import InverseLut, invert_lut
from harmaug.lut.lut3d import Lut3d, lut_monotonicity, lut_smoothness
from harmaug.lut.lut_file import BakedLut, Curves, LutFile
from harmaug.lut.ops import apply_lut, backends, composite_lut
from harmaug.lut.tensors import check_lut, identity_lut, lut_roughness, mix_luts, resize_lut

__all__ = [
    "LUT_SUFFIXES",
    "BakedLut",
    "Curves",
    "InverseLut",
    "Lut3d",
    "LutDifference",
    "LutFile",
    "apply_lut",
    "backends",
    "check_lut",
    "compose_luts",
    "composite_lut",
    "fit_pair",
    "identity_lut",
    "invert_lut",
    "lut_difference",
    "lut_monotonicity",
    "lut_roughness",
    "lut_smoothness",
    "mix_luts",
    "read_cube",
    "read_hald",
    "read_lut",
    "resize_lut",
    "simplex_least_squares",
    "write_cube",
    "write_hald",
]
