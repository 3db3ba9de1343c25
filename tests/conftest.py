"""What has to stand before any test module imports its libraries."""

import os

import torch

# The tests run in two processes, whose threads would wait for each other; and trainings here are
# compared bit for bit with those of processes that have one thread.
torch.set_num_threads(1)

# Triton settles at its first import whether kernels run on a GPU or in its interpreter.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
