"""The native kernels one by one, for tests."""

import contextlib

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from harmaug.lut import native

KERNELS = native.kernels()
needs_a_kernel = pytest.mark.skipif(not KERNELS, reason="the native kernel is not built here")
every_kernel = pytest.mark.parametrize("name", KERNELS or ["none"])

few = st.sampled_from([1, 2, 3, 0])
layouts = st.sampled_from(["planar", "channels last", "transposed", "cut out"])


@contextlib.contextmanager
def using(name: str | None, threads: int = 1):
    """Serve by one kernel (None: by the best), with so many threads."""
    before, wanted = torch.get_num_threads(), native._wanted
    torch.set_num_threads(threads)
    native._wanted = lambda: name  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.set_num_threads(before)
        native._wanted = wanted


def laid_out(tensor: Tensor, layout: str) -> Tensor:
    """The same values in other memory; the last two axes are height and width."""
    if layout == "channels last" and tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        return tensor.mT.contiguous().mT
    if layout == "cut out":
        height, width = tensor.shape[-2:]
        room = tensor.new_empty(*tensor.shape[:-2], height + 3, 2 * width + 5)
        view = room[..., 2 : 2 + height, 3 : 3 + 2 * width : 2]
        view.copy_(tensor)
        return view
    return tensor
