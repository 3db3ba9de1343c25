import pytest
import torch
from evaluation_doubles import random_pair
from photo_folders import write_folder

from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.metrics import fmse
from harmaug.evaluation.pairs import look_like_cameras, pair_generator, scene_of


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "set", photos=2, composites=2)
    return HarmonyFolder(tmp_path / "set", size=32)


class TestPair:
    def test_the_foreground_holds_every_pixel_under_the_mask(self):
        pair = random_pair()
        strip = pair.at(pair.inside())
        inside = pair.mask[0, 0] > 0
        for whole, part in zip(pair, strip, strict=True):
            assert torch.equal(part[0, :, 0], whole[0][:, inside])
        for image in (pair.real * 0.5, 1 - pair.real):
            other = pair._replace(real=image).at(pair.inside()).real
            torch.testing.assert_close(
                fmse(other, strip.real, strip.mask), fmse(image, pair.real, pair.mask)
            )

    def test_a_part_of_it_spreads_over_the_whole(self):
        pair = random_pair(height=40)
        rows = torch.arange(40.0).view(1, 1, 40, 1).expand_as(pair.mask)
        few = pair._replace(real=rows.expand(1, 3, -1, -1)).at(pair.inside(20)).real[0, 0, 0]
        assert len(few) == 20
        assert few[0] == 0
        assert few[-1] == 39
        assert torch.equal(pair.inside(10**6), pair.inside())

    def test_its_random_numbers_hang_on_name_and_seed_alone(self, folder):
        numbers = [
            torch.rand((), generator=pair_generator(folder.items[row], seed)).item()
            for row, seed in ((0, 0), (0, 0), (1, 0), (0, 1))
        ]
        assert numbers[0] == numbers[1]
        assert len(set(numbers)) == 3


def test_scenes_are_photos_or_what_stands_before_the_first_dash(tmp_path):
    write_folder(tmp_path / "set", photos=1, composites=2)
    for kind in ("real_images", "masks", "composite_images"):
        for path in list((tmp_path / "set" / kind).iterdir()):
            for time in range(5):
                name = path.name.replace("p0", f"cam-2013-{time}")
                path.with_name(name).write_bytes(path.read_bytes())
    items = HarmonyFolder(tmp_path).items
    assert len({scene_of(item, "photo") for item in items}) == 6
    assert {scene_of(item, "prefix") for item in items} == {("set", "p0"), ("set", "cam")}
    assert not look_like_cameras(items)  # 6 photos, 2 prefixes
    assert look_like_cameras([item for item in items if "cam" in item.name])
    with pytest.raises(ValueError, match="scenes must be one of photo, prefix, got 'day'"):
        scene_of(items[0], "day")
