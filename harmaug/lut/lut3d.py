"""A learnable 3D LUT as a module, with the terms that keep it smooth and monotone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harmaug.lut.ops import Interpolation, apply_lut, composite_lut
from harmaug.lut.tensors import check_lut, identity_lut


class Lut3d(nn.Module):
    """One learnable 3D LUT; it starts as the identity.

    >>> lut = harmaug.lut.Lut3d(33)
    >>> loss = (lut(image) - wanted).square().mean()
    >>> loss = loss + 1e-4 * lut.smoothness() + 10 * lut.monotonicity()

    Its results are clamped to [0, 1]; a node whose value has left that range gets no gradient from
    the pixels that it alone makes.

    Attributes:
        lut: (3, D, D, D), the parameter, ``lut[c, b, g, r]``.
    """

    def __init__(self, size: int = 33, initial: Tensor | None = None) -> None:
        """Make the module.

        Args:
            size: number of grid nodes an axis, at least 2; unused where ``initial`` is given.
            initial: (3, D, D, D), floating point, to start from in place of the identity; copied.

        Raises:
            TypeError: ``initial`` is no floating-point tensor.
            ValueError: another shape, or ``size`` is below 2.
        """
        super().__init__()
        if initial is None:
            initial = identity_lut(size)
        check_lut(initial, "initial")
        if initial.ndim != 4:
            raise ValueError(f"initial must be one LUT (3, D, D, D), got {tuple(initial.shape)}.")
        self.lut = nn.Parameter(initial.detach().clone(memory_format=torch.contiguous_format))

    def forward(
        self,
        image: Tensor,
        mask: Tensor | None = None,
        *,
        interpolation: Interpolation = "trilinear",
    ) -> Tensor:
        """Recolour pictures, or their foregrounds alone.

        Args:
            image: (B, 3, H, W) or (3, H, W), floating point in [0, 1], or uint8.
            mask: (B, 1, H, W) and as in `composite_lut`; None for the whole frame.
            interpolation: "trilinear" or "tetrahedral", as in `apply_lut`.

        Returns:
            The shape, dtype and device of ``image``.
        """
        if mask is None:
            return apply_lut(image, self.lut, interpolation=interpolation)
        return composite_lut(image, mask, self.lut, interpolation=interpolation)

    def smoothness(self) -> Tensor:
        """Return `lut_smoothness` of the LUT."""
        return lut_smoothness(self.lut)

    def monotonicity(self) -> Tensor:
        """Return `lut_monotonicity` of the LUT."""
        return lut_monotonicity(self.lut)

    def extra_repr(self) -> str:
        """Return the size, for ``print``."""
        return f"size={self.lut.shape[-1]}"


def lut_smoothness(lut: Tensor) -> Tensor:
    """Return how far neighbouring nodes are apart: mean squared differences, added over the axes.

    The smoothness term of image-adaptive 3D LUTs (Zeng et al., TPAMI 2020), without the double
    weight that their code gives to the outermost cells. An affine colour map is not free here, in
    contrast to `lut_roughness`.

    Args:
        lut: (..., 3, D, D, D), floating point; differentiable.

    Returns:
        (...): one figure a LUT.
    """
    check_lut(lut)
    axes = (-3, -2, -1)
    return torch.stack([lut.diff(dim=a).square().mean((-4, -3, -2, -1)) for a in axes]).sum(0)


def lut_monotonicity(lut: Tensor) -> Tensor:
    """Return how far outputs fall where an input rises: mean falls, added over the axes.

    The monotonicity term of image-adaptive 3D LUTs (Zeng et al., TPAMI 2020); 0 where no output
    falls along any axis.

    Args:
        lut: (..., 3, D, D, D), floating point; differentiable.

    Returns:
        (...): one figure a LUT.
    """
    check_lut(lut)
    axes = (-3, -2, -1)
    return torch.stack([(-lut.diff(dim=a)).relu().mean((-4, -3, -2, -1)) for a in axes]).sum(0)
