"""What has to stand before any test module imports its libraries."""

import os

import torch

# Triton settles at its first import whether kernels run on a GPU or in its interpreter.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
