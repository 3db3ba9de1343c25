"""The packaged photos."""

from pathlib import Path

import harmaug.data
from harmaug.data.demo import demo_photos

FOLDER = Path(harmaug.data.__file__).with_name("photos")


def test_every_photo_has_a_soft_mask_of_its_size_with_both_sides():
    names = []
    for name, photo, mask in demo_photos():
        names.append(name)
        assert mask.shape == photo.pixels.shape[:2]
        assert max(mask.shape) <= 512
        assert 0.02 < mask.mean() < 0.9
        assert ((mask > 0) & (mask < 1)).any()
    assert len(names) >= 4


def test_every_file_is_credited_and_small():
    credits = (FOLDER / "CREDITS.md").read_text(encoding="utf-8")
    for path in FOLDER.glob("*.jpg"):
        assert f"| {path.name} |" in credits
        assert path.stat().st_size < 100_000
