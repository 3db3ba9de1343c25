"""The codebases: what is made smaller in their scripts so that a CPU can train them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

INPUT = 32  # pixels a side that the networks see
AREA = 1000 * INPUT**2 // 256**2  # pixels: the losses' smallest foreground, the same share


@dataclass(frozen=True)
class Codebase:
    """A host codebase and its training.

    Attributes:
        title: as people call it.
        checkout: folder, as its repository is called.
        script: of the model, below the checkout.
        preset: of `harmaug.Fields`.
        below: its line that the new lines follow.
        smaller: text of the script -> what stands there instead.
        schedule: its line with the milestones of the learning rate, and these in epochs.
        epochs: of its script, and of a training here.
        size: pixels a side of its predictions.
        predict: its predictor, composite (H, W, 3) uint8, mask (H, W) -> prediction.
    """

    title: str
    checkout: str
    script: str
    preset: str
    below: str
    smaller: Mapping[str, str]
    milestones: tuple[int, int]
    published_epochs: int
    epochs: int
    size: int
    predict: Callable[[Any, np.ndarray, np.ndarray], np.ndarray]

    def edits(self, epochs: int | None = None) -> dict[str, str]:
        """Return what is replaced in the script; milestones keep their share of the epochs."""
        epochs = epochs or self.epochs
        first, second = (round(m * epochs / self.published_epochs) for m in self.milestones)
        return {
            **self.smaller,
            f"num_epochs = {self.published_epochs}": f"num_epochs = {epochs}",
            "milestones=[{}, {}]".format(*self.milestones): f"milestones=[{first}, {second}]",
            "        trainer.validation(epoch)": "",
        }


def _small(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(image, (INPUT, INPUT), interpolation=cv2.INTER_LINEAR)


def _of_input(predictor: Any, composite: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return predictor.predict(_small(composite), _small(mask))


def _of_photo(predictor: Any, composite: np.ndarray, mask: np.ndarray) -> np.ndarray:
    _, full = predictor.predict(_small(composite), composite, _small(mask), mask)
    return full


CODEBASES = {
    "issam": Codebase(
        title="iSSAM",
        checkout="image_harmonization",
        script="models/fixed256/improved_ssam.py",
        preset="issam",
        below="logger.info(f'Starting Epoch: {",
        smaller={
            "crop_size = (256, 256)": f"crop_size = ({INPUT}, {INPUT})",
            "'lr': 1e-3,": "'lr': 1e-3, 'fused': True,",  # the same steps in less time
            "depth=4, ch=32": "depth=4, ch=16",
            "MaskWeightedMSE()": f"MaskWeightedMSE(min_area={AREA})",
        },
        milestones=(105, 115),
        published_epochs=120,
        epochs=24,
        size=INPUT,
        predict=_of_input,
    ),
    "pctnet-cnn": Codebase(
        title="PCT-Net (CNN)",
        checkout="PCT-Net-Image-Harmonization",
        script="models/PCTNet_CNN.py",
        preset="pctnet-cnn",
        below="logger.info(f'Starting Epoch: {",
        smaller={
            "low_res_size = (256, 256)": f"low_res_size = ({INPUT}, {INPUT})",
            # Half the width. Its last layer is written for 32 channels.
            "PCTNet(**ccfg['params'])": "PCTNet(**{**ccfg['params'], 'ch': 16}); "
            "model.get_params = torch.nn.Conv2d(16, model.out_dim, 1)",
            "/ 16.0,": "/ 16.0, 'fused': True,",
            "min_area=1000": f"min_area={4 * AREA}",
            # The loss by VGG16: pretrained weights are a download, and it takes most of the time.
            "contrastive_loss_weight = 0.01": "contrastive_loss_weight = 0",
        },
        milestones=(160, 175),
        published_epochs=180,
        epochs=24,
        size=64,
        predict=_of_photo,
    ),
}
