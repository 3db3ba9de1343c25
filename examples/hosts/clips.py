"""VideoTripletTransformer: batches of clips, (B, T, 3, H, W); one decision for each clip.

Where: in ``video_harmonization/train_net.py``, below ``dataset = create_dataset(cfg)`` in
``train``. The dataset yields tuples. The model reads a dict with the names of its parts: if you
have made the dataset return one, take ``Fields.preset("videotriplettransformer", composite="comp",
real="real", mask="mask")``. With ``drift=0.2`` colours change slowly over the frames of a clip.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(dataset: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified")
    fields = harmaug.Fields.preset("videotriplettransformer")
    return harmaug.AugmentedLoader(dataset, aug, fields, p=0.5)


def clip_batch() -> list[Any]:
    """Return a batch of clips of 4 frames; the pictures move to the right."""
    comp, real, mask = (
        torch.stack([part.roll(4 * frame, -1) for frame in range(4)], 1)
        for part in triple("unit", soft=False)
    )
    names = [tuple(f"{frame:05}.jpg" for _ in comp) for frame in range(4)]
    return [comp, real, ("003234408d/object_0",) * len(comp), mask, names]


def main() -> None:
    for comp, real, paths, mask, frames in add_harmaug(batches(clip_batch)):
        moved = [one.roll(-4 * frame, -1) for frame, one in enumerate(comp.unbind(1))]
        assert (moved[0] - moved[3]).abs().max() < 1e-5, "no colour flickers"
        print(tuple(comp.shape), tuple(real.shape), tuple(mask.shape), paths[0], len(frames))


if __name__ == "__main__":
    main()
