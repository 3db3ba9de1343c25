"""One decision a clip, and colours that drift over its frames."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from adapter_doubles import BATCHES, FRAMES, HEIGHT, SIZE, WIDTH, ToyAugment, disc, photo, same
from torch import Tensor
from torch.utils.data import DataLoader

from harmaug.adapters import AugmentBatch, AugmentCollate, AugmentedLoader, Fields
from harmaug.adapters.decisions import draw, latent_path
from harmaug.augment import SycoNetAugment
from harmaug.inputs import check_clips
from harmaug.io import read_mask, read_photo
from harmaug.lut import apply_lut

CLIPS = Fields(composite="comp", real="real", mask="mask", space="unit")


def _still(frames: int = FRAMES) -> dict[str, Tensor]:
    """A photo that stands still for some frames, all of it foreground."""
    real = photo(SIZE, 1, HEIGHT, WIDTH).expand(-1, frames, -1, -1, -1).clone()
    return {"comp": real.clone(), "real": real, "mask": torch.ones(SIZE, frames, HEIGHT, WIDTH)}


def _steps(composite: Tensor) -> Tensor:
    """Mean change of the colours of each clip (B, T, 3, H, W) from frame to frame, (B, T - 1)."""
    return composite.diff(dim=1).abs().mean((2, 3, 4))


def test_one_lut_without_drift_and_one_a_frame_with_it() -> None:
    inputs = check_clips(_still()["real"], _still()["mask"])
    still = draw(ToyAugment(), inputs, [0, 2], frames=FRAMES)
    moving = draw(ToyAugment(), inputs, [0, 2], frames=FRAMES, drift=0.3)
    assert still is not None
    assert moving is not None
    assert still.luts.shape[:2] == (2, 1)
    assert moving.luts.shape[:2] == (2, FRAMES)


def test_a_clip_is_decided_on_by_its_middle_frame_with_a_foreground() -> None:
    """Frames 1, 3 and 4 have one, so frame 3 is what the encoder sees."""

    class Spy(ToyAugment):
        def decide(self, inputs: Any, *args: Any, **options: Any) -> Any:
            self.real = inputs.real
            return super().decide(inputs, *args, **options)

    batch, spy = _still(), Spy()
    batch["real"] = photo(SIZE, FRAMES, HEIGHT, WIDTH)
    batch["mask"][1, [0, 2]] = 0
    inputs = check_clips(batch["real"], batch["mask"])
    assert draw(spy, inputs, [1], frames=FRAMES) is not None
    assert torch.equal(spy.real, batch["real"][1, 3:4])


def test_frames_without_a_foreground_are_the_real_ones() -> None:
    batch = BATCHES["videotriplettransformer"]()
    made = AugmentBatch(ToyAugment(), Fields.preset("videotriplettransformer"), 1.0)(batch)
    composite, real = made["comp"], batch["real"]
    assert torch.equal(composite[2], real[2]), "a clip of empty masks"
    assert torch.equal(composite[0, 0], real[0, 0])
    assert not torch.equal(composite[0, 1], real[0, 1])


def test_drift_moves_colours_a_little_each_frame_and_ends_elsewhere() -> None:
    batch = _still(9)
    made = AugmentBatch(ToyAugment(), CLIPS, 1.0, drift=0.5, seed=1)(batch)["comp"]
    steps = _steps(made)
    whole = (made[:, -1] - made[:, 0]).abs().mean((1, 2, 3))
    assert (steps > 0).all()
    assert (steps.amax(1) < 0.35 * whole).all(), "no frame jumps"
    none = AugmentBatch(ToyAugment(), CLIPS, 1.0, seed=1)(batch)["comp"]
    assert _steps(none).max() == 0
    assert torch.equal(made[:, 0], none[:, 0]), "drift begins at the latent without drift"


def test_more_drift_changes_more() -> None:
    def way(drift: float) -> float:
        made = AugmentBatch(ToyAugment(), CLIPS, 1.0, drift=drift, seed=2)(_still())["comp"]
        return float(_steps(made).mean())

    assert 0 == way(0.0) < way(0.1) < way(0.4) < way(1.0)


def test_latents_of_a_path_are_as_strong_as_its_ends() -> None:
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 20000, 1, 3, generator=generator)
    path = latent_path(start, end, 5, 1.0)
    assert torch.equal(path[:, :1], start)
    torch.testing.assert_close(path[:, -1:], end, atol=1e-5, rtol=0)
    torch.testing.assert_close(path.std((0, 2)), torch.ones(5), atol=0.02, rtol=0)
    half = latent_path(start, end, 2, 0.5)[:, -1:]
    torch.testing.assert_close(half, (start + end) * math.sqrt(0.5), atol=1e-5, rtol=0)


def test_further_views_of_a_clip_drift_with_it() -> None:
    batch = _still()
    batch |= {f"{key}_hr": value.repeat_interleave(2, -1) for key, value in list(batch.items())}
    fields = Fields(
        composite="comp",
        real="real",
        mask="mask",
        space="unit",
        views=[("comp_hr", "real_hr", "mask_hr")],
    )
    made = AugmentBatch(ToyAugment(), fields, 1.0, drift=0.5)(batch)
    assert torch.equal(made["comp_hr"][..., ::2], made["comp"])
    batch |= {f"{key}_hr": batch[f"{key}_hr"][:, :3] for key in ("comp", "real", "mask")}
    with pytest.raises(ValueError, match=r"'comp_hr'.*3 frames but the main view 5.*drift=0"):
        AugmentBatch(ToyAugment(), fields, 1.0, drift=0.5)(batch)
    AugmentBatch(ToyAugment(), fields, 1.0)(batch)


@pytest.mark.parametrize("drift", [-0.1, 1.1, math.nan, "slow", True, None])
def test_drift_that_is_no_share_is_refused(drift: Any) -> None:
    with pytest.raises(ValueError, match=r"drift must be a number in \[0, 1\]"):
        AugmentedLoader([], ToyAugment(), CLIPS, drift=drift)


def test_drift_of_photos_is_refused() -> None:
    batch = {key: value[:, 0] for key, value in _still().items()}
    with pytest.raises(ValueError, match=r"drift needs clips.*drift=0"):
        AugmentBatch(ToyAugment(), CLIPS, 1.0, drift=0.2)(batch)


def test_clips_of_no_frames_are_refused() -> None:
    batch = {key: value[:, :0] for key, value in _still().items()}
    with pytest.raises(ValueError, match=r"clips of no frames, \(4, 0, 3, 24, 20\)"):
        AugmentBatch(ToyAugment(), CLIPS, 1.0)(batch)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("mask", torch.ones(SIZE, 1, HEIGHT, WIDTH), r"mask .*must be \(4, 5, 1, 24, 20\) or"),
        ("mask", torch.ones(SIZE, 3, HEIGHT, WIDTH), r"got \(4, 3, 24, 20\)"),
        (
            "comp",
            photo(SIZE, HEIGHT, WIDTH),
            r"must be \(4, 5, 3, 24, 20\) as its real, got \(4, 3",
        ),
        ("comp", photo(SIZE, 4, HEIGHT, WIDTH), r"must be \(4, 5, 3, 24, 20\) as its real"),
        ("real", [photo(5, 8, 8), photo(4, 8, 8)], r"as a tensor \(B, 3, H, W\), got list"),
    ],
)
def test_clips_that_do_not_fit_together_are_refused(key: str, value: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        AugmentBatch(ToyAugment(), CLIPS, 1.0)({**_still(), key: value})


def test_clips_of_other_lengths_in_a_list_are_refused() -> None:
    lists = {
        f"{key}s": [batch[key][0] for batch in (_still(5), _still(4), _still(5), _still(5))]
        for key in ("comp", "real", "mask")
    }
    fields = Fields(
        composite="comp",
        real="real",
        mask="mask",
        space="unit",
        views=[("comps", "reals", "masks")],
    )
    with pytest.raises(ValueError, match=r"must be \(4, 3, 24, 20\) as its real, got \(5, 3, 24"):
        AugmentBatch(ToyAugment(), fields, 1.0)({**_still(), **lists})


@pytest.mark.parametrize("mode", ["append", "interleave"])
def test_clips_grow_a_batch_or_the_epoch(mode: Any) -> None:
    batch = BATCHES["videotriplettransformer"]()
    fields = Fields.preset("videotriplettransformer")
    made = list(AugmentedLoader([batch], ToyAugment(), fields, p=1.0, mode=mode))
    if mode == "append":
        assert made[0]["comp"].shape == (2 * SIZE, *batch["comp"].shape[1:])
        assert same(made[0]["comp"][:SIZE], batch["comp"])
        assert made[0]["selected_frames"] == 2 * batch["selected_frames"]
    else:
        assert same(made[0], batch)
        assert not torch.equal(made[1]["comp"], batch["comp"])


def test_clips_in_workers_draw_what_their_seed_says() -> None:
    data: Any = [{key: value[0] for key, value in _still().items()} for _ in range(6)]
    collates = [AugmentCollate(ToyAugment(), CLIPS, 1.0, seed=3, drift=0.4) for _ in range(2)]
    first, second = (
        [batch["comp"] for batch in DataLoader(data, 2, num_workers=2, collate_fn=collate)]
        for collate in collates
    )
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0], first[1])


@pytest.fixture(scope="module")
def unified() -> SycoNetAugment:
    return SycoNetAugment.from_pretrained("unified")


def test_luts_apply_to_clips_one_for_all_frames_or_one_for_each(unified: SycoNetAugment) -> None:
    real, mask = photo(2, FRAMES, HEIGHT, WIDTH), disc(2, FRAMES, HEIGHT, WIDTH)
    luts = unified.sample(real[:, 0], mask[:, 0], n=FRAMES)
    one = unified.apply(luts[:, 0], real, mask)
    each = unified.apply(luts, real, mask[:, :, 0])
    for clip in range(2):
        for frame in range(FRAMES):
            there = real[clip, frame], mask[clip, frame]
            assert torch.equal(one[clip, frame], unified.apply(luts[clip, 0], *there))
            assert torch.equal(each[clip, frame], unified.apply(luts[clip, frame], *there))
    with pytest.raises(ValueError, match=r"luts of 2 clips of 5 frames must be"):
        unified.apply(luts[:, :2], real, mask)


def test_a_real_clip_keeps_its_colours_from_frame_to_frame(unified: SycoNetAugment) -> None:
    """Frames of DAVIS: the mask moves, and one colour stays one colour in all frames."""
    folder = os.environ.get("HARMAUG_DAVIS")
    if folder is None:
        pytest.skip("needs frames: HARMAUG_DAVIS=folder with real_images/ and masks/ of DAVIS")
    names = sorted(Path(folder, "real_images").glob("car-roundabout-*.jpg"))
    real = torch.stack([read_photo(name).tensor() for name in names])[None]
    masks = [read_mask(Path(folder, "masks", f"{name.stem}_1.png")) for name in names]
    mask = torch.stack(masks)[None].view(1, len(names), 1, *real.shape[3:])
    batch = {"comp": real, "real": real, "mask": mask}
    still = AugmentBatch(unified, CLIPS, 1.0, seed=5)(batch)["comp"]
    inside, outside = mask[0, :, 0] == 1, mask[0, :, 0] == 0
    found = draw(unified, check_clips(real, mask), [0], frames=len(names), generator=_seeded())
    assert found is not None
    again = unified.apply(found.luts[:, 0], real, mask)
    assert torch.equal(again, unified.apply(found.luts[:, 0], real, mask))
    for frame in range(len(names)):
        cut = real[0, frame][:, outside[frame]]
        assert torch.equal(still[0, frame][:, outside[frame]], cut)
        mapped = apply_lut(real[0, frame], found.luts[0, 0])
        shown = again[0, frame][:, inside[frame]]
        torch.testing.assert_close(shown, mapped[:, inside[frame]], atol=1e-5, rtol=0)
    drifting = AugmentBatch(unified, CLIPS, 1.0, seed=5, drift=0.3)(batch)["comp"]
    tint = _tint(drifting, real, inside)
    assert tint.diff(dim=0).norm(dim=1).max() < 0.6 * (_tint(still, real, inside)).norm(dim=1).max()


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def _tint(composite: Tensor, real: Tensor, inside: Tensor) -> Tensor:
    """Return the mean change of the foreground's colour in each frame, (T, 3)."""
    return torch.stack(
        [
            (after - before)[:, where].mean(1)
            for after, before, where in zip(composite[0], real[0], inside, strict=True)
        ]
    )
