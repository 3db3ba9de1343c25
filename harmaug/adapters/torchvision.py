"""The torchvision adapter: a v2 transform for dicts and tuples with tv_tensors.

Put it into a ``v2.Compose`` after the geometry, for samples, or call it on batches after the
loader or in a collate function, as batch transforms are.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from harmaug.adapters.batch import AugmentBatch
from harmaug.adapters.fields import Fields
from harmaug.adapters.routing import Augmenters
from harmaug.adapters.sample import SampleTransform

try:
    from torchvision.transforms import v2
except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
    raise ImportError(
        "this adapter needs a torchvision that fits the installed torch: "
        "pip install 'harmaug[torchvision]'."
    ) from error


class SyntheticComposite(v2.Transform):
    """Replaces the composite of a sample or of a batch by a synthetic one.

    A composite that was a ``tv_tensors.Image`` stays one; real, mask and everything else are left
    as they are.

    Args:
        augment: the augmenter, or several in a list; they stay out of the module's state dict and
            parameters.
        fields: layout of the sample or batch.
        p: probability, for each sample, of a synthetic composite.
        options: as for `AugmentBatch`, or for samples as for `SampleTransform`.
    """

    def __init__(self, augment: Augmenters, fields: Fields, p: float = 0.5, **options: Any) -> None:
        super().__init__()
        self.sample = SampleTransform(augment, fields, p=p, **options)
        self.batch = AugmentBatch(augment, fields, p, **options)

    def forward(self, *inputs: Any) -> Any:
        """Return the inputs with a synthetic composite, batched or not as ``real`` is."""
        tree = inputs if len(inputs) > 1 else inputs[0]
        real = self.sample.fields.places.views[0].real.get(tree)
        batched = isinstance(real, Tensor) and real.ndim >= 4
        return self.batch(tree) if batched else self.sample(tree)

    def extra_repr(self) -> str:
        """Return the probability, as the other transforms show it."""
        return f"p={self.batch.p}"
