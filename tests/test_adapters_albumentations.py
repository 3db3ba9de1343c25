"""The albumentations transform; skipped where albumentations is not installed."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from adapter_doubles import ToyAugment, disc, photo

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
A = pytest.importorskip("albumentations", reason="the extra 'albumentations' is not installed")

from harmaug.adapters import albumentations as adapter  # noqa: E402
from harmaug.adapters.albumentations import SyntheticComposite  # noqa: E402

HEIGHT, WIDTH = 40, 32


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> ToyAugment:
    augment = ToyAugment()
    monkeypatch.setattr(adapter, "load", lambda checkpoint: augment)
    return augment


def _data(dtype: str = "uint8") -> dict[str, np.ndarray]:
    real = photo(HEIGHT, WIDTH).permute(1, 2, 0).contiguous().numpy()
    real = (real * 255).astype(np.uint8) if dtype == "uint8" else real
    return {"image": real // 2 if dtype == "uint8" else real / 2, "real": real, "mask": _mask()}


def _mask() -> np.ndarray:
    return disc(HEIGHT, WIDTH)[0].numpy()


def _pipeline(*transforms: Any, p: float = 1.0, seed: int = 1, **options: Any) -> Any:
    targets = {"real": "image"}
    return A.Compose(
        [*transforms, SyntheticComposite(p=p, **options)], additional_targets=targets, seed=seed
    )


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_only_the_image_changes_and_its_background_is_real(dtype: str) -> None:
    data = _data(dtype)
    made = _pipeline()(**data)
    assert np.array_equal(made["real"], data["real"])
    assert np.array_equal(made["mask"], data["mask"])
    outside = data["mask"] == 0
    assert np.array_equal(made["image"][outside], data["real"][outside])
    assert not np.array_equal(made["image"], data["real"])
    assert made["image"].dtype == data["image"].dtype


def test_geometry_before_it_stays_aligned() -> None:
    made = _pipeline(A.HorizontalFlip(p=1.0), A.RandomCrop(24, 24, p=1.0))(**_data())
    outside = made["mask"] == 0
    assert outside.any()
    assert np.array_equal(made["image"][outside], made["real"][outside])


def test_probability_keeps_the_original_composite() -> None:
    data = _data()
    assert np.array_equal(_pipeline(p=0.0)(**data)["image"], data["image"])


def test_photos_without_composites_need_only_a_mask() -> None:
    data = _data()
    made = _pipeline(real=None)(image=data["real"], real=data["real"], mask=data["mask"])
    assert not np.array_equal(made["image"], data["real"])
    assert np.array_equal(made["real"], data["real"])


def test_mask_and_photo_may_have_other_names() -> None:
    """iSSAM passes the mask as a further image."""
    data = _data()
    pipeline = A.Compose(
        [SyntheticComposite(real="target_image", mask="object_mask", p=1.0)],
        additional_targets={"target_image": "image", "object_mask": "image"},
    )
    made = pipeline(image=data["image"], target_image=data["real"], object_mask=data["mask"])
    assert np.array_equal(made["target_image"], data["real"])
    assert np.array_equal(made["object_mask"], data["mask"])
    assert not np.array_equal(made["image"], data["image"])


def test_compose_seed_reproduces() -> None:
    first, second, other = (_pipeline(seed=seed)(**_data())["image"] for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_it_is_serialised_by_checkpoint_name() -> None:
    pipeline = A.Compose([SyntheticComposite("retouch", real="target", candidates=4, p=0.3)])
    saved = A.to_dict(pipeline)
    assert saved["transform"]["transforms"][0] == {
        "__class_fullname__": "harmaug.adapters.albumentations.SyntheticComposite",
        "p": 0.3,
        "checkpoint": "retouch",
        "real": "target",
        "mask": "mask",
        "strength": 1.0,
        "spatial": 1.0,
        "candidates": 4,
    }
    again = A.from_dict(saved)
    assert A.to_dict(again) == saved


def test_it_pickles_without_the_network() -> None:
    made = pickle.loads(pickle.dumps(_pipeline()))(**_data())
    assert not np.array_equal(made["image"], made["real"])
    assert len(pickle.dumps(SyntheticComposite())) < 10_000


def test_missing_target_is_explained() -> None:
    data = _data()
    with pytest.raises(ValueError, match=r"requires \['real', 'mask'\] missing keys: {'mask'}"):
        _pipeline()(image=data["image"], real=data["real"])


def test_mask_of_labels_is_a_mask() -> None:
    labels = (_mask() > 0.5).astype(np.uint8)
    made, same = (_pipeline()(**{**_data(), "mask": m})["image"] for m in (labels, labels * 255))
    assert np.array_equal(made, same)


def test_mask_of_class_ids_is_explained() -> None:
    with pytest.raises(ValueError, match="could be class ids or a faint opacity"):
        _pipeline()(**{**_data(), "mask": (_mask() > 0.5).astype(np.uint8) * 15})


def test_replay_puts_the_same_lut_on_another_photo() -> None:
    first = A.ReplayCompose([SyntheticComposite(p=1)])(**_data())
    other = {**_data(), "real": 255 - _data()["real"], "image": 255 - _data()["image"]}
    again = A.ReplayCompose.replay(first["replay"], **other)["image"]
    assert np.array_equal(again[_mask() == 0], other["real"][_mask() == 0])
    assert not np.array_equal(again, first["image"])
    same = A.ReplayCompose.replay(first["replay"], **_data())["image"]
    assert np.array_equal(same, first["image"])


def test_empty_mask_gives_the_photo(toy: ToyAugment) -> None:
    data = {**_data(), "mask": np.zeros((HEIGHT, WIDTH), np.float32)}
    assert np.array_equal(_pipeline()(**data)["image"], data["real"])
    assert toy.seen == []


def test_missing_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['albumentations'] = None\nimport harmaug.adapters.albumentations"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'harmaug[albumentations]'" in run.stderr
