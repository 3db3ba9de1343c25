"""3D LUTs: the operator, tensors and files."""

from harmaug.lut.ops import apply_lut, backends, composite_lut
from harmaug.lut.tensors import identity_lut, lut_roughness, mix_luts, resize_lut

__all__ = [
    "apply_lut",
    "backends",
    "composite_lut",
    "identity_lut",
    "lut_roughness",
    "mix_luts",
    "resize_lut",
]
