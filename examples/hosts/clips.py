"""VideoTripletTransformer: batches of clips, (B, T, 3, H, W); one decision for each clip.

Where: in ``video_harmonization/train_net.py``, below ``dataset = create_dataset(cfg)`` in
``train``. Its dataset yields tuples, of which its collate function makes a dict. With
``drift=0.2`` colours change slowly over the frames of a clip.
"""

from typing import Any

import torch
from layouts import batches, triple

import harmaug


def add_harmaug(dataset: Any) -> Any:
    """Wrap the loader: the lines to add."""
    aug = harmaug.SycoNetAugment.from_pretrained("unified").without_light()
    fields = harmaug.Fields.preset("videotriplettransformer")
    return harmaug.AugmentedLoader(dataset, aug, fields, p="auto")


def clip_batch() -> dict[str, Any]:
    """Return a batch of clips of 4 frames; the pictures move to the right."""
    comp, real, mask = (
        torch.stack([part.roll(4 * frame, -1) for frame in range(4)], 1)
        for part in triple("unit", soft=False)
    )
    return {
        "comp": comp,
        "real": real,
        "video_object_path": ["003234408d/object_0"] * len(comp),
        "mask": mask,
        "selected_frames": [[f"{frame:05}.jpg" for frame in range(4)] for _ in comp],
    }


def main() -> None:
    for data in add_harmaug(batches(clip_batch)):
        comp = data["comp"]
        moved = [one.roll(-4 * frame, -1) for frame, one in enumerate(comp.unbind(1))]
        assert (moved[0] - moved[3]).abs().max() < 1e-5, "no colour flickers"
        print({key: getattr(value, "shape", value) for key, value in data.items()})


if __name__ == "__main__":
    main()
