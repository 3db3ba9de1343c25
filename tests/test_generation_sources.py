"""Sources: which photos and masks a set is made of, and the names that they get."""

from __future__ import annotations

import re
import shutil

import pytest
from generate_sets import write_originals, write_photos

from harmaug.generation.sources import Source, find_sources, host_name, original_name


def plain(folder, count=2):
    root = write_photos(folder / "set", count)
    (root / "real_images").rename(folder / "photos")
    (root / "masks").rename(folder / "photos/masks")
    return folder / "photos"


class TestNames:
    @pytest.mark.parametrize("text", ["p0", "été", "a-b"])
    def test_a_part_that_all_codebases_read_stays(self, text):
        assert host_name(text) == text

    @pytest.mark.parametrize("text", ["my_photo", "v1.2", "a b", "deep/p0"])
    def test_other_parts_lose_underscores_and_dots_but_stay_different(self, text):
        name = host_name(text)
        assert not set(name) & set("_. /")
        assert name != host_name(re.sub(r"\W|_", "-", text))

    def test_an_original_never_has_the_name_of_a_synthetic_composite(self):
        source = Source("set", "p0_1", "p0_1", "p0.jpg", "p0_1.png")
        names = [
            original_name(source, f"composite_images/p0_1_{k}.jpg") for k in (2, "aug2", "a.b")
        ]
        assert names[0] == "p0_1_2"
        assert names[1].startswith("p0_1_aug2-")
        assert names[2].startswith("p0_1_a-b-")


class TestPlain:
    def test_a_set_below_the_photos_is_no_source(self, tmp_path):
        root = plain(tmp_path)
        before = find_sources(root)
        for place in ("out", "deep/older"):  # the set that is being made, and any other
            write_photos(root / place / "photos", 3)
            (root / place / ".harmaug").mkdir()
        assert find_sources(root) == before
        assert before.problems == []

    def test_two_photos_for_one_mask_are_an_error(self, tmp_path):
        root = plain(tmp_path)
        shutil.copy(root / "p1.jpg", root / "p1.PNG")
        with pytest.raises(ValueError, match=r"p1\.PNG and p1\.jpg for one mask"):
            find_sources(root)

    def test_two_photos_of_one_name_without_a_mask_are_left_out(self, tmp_path):
        root = plain(tmp_path)
        (root / "masks/p1_1.png").unlink()
        shutil.copy(root / "p1.jpg", root / "p1.webp")
        found = find_sources(root)
        assert [source.key for source in found.sources] == ["p0_1"]
        assert len(found.problems) == 2

    def test_two_masks_of_one_name_are_an_error(self, tmp_path):
        root = plain(tmp_path)
        shutil.copy(root / "masks/p1_1.png", root / "masks/p1_1.bmp")
        with pytest.raises(ValueError, match="two masks"):
            find_sources(root)

    def test_it_has_no_originals(self, tmp_path):
        with pytest.raises(ValueError, match="--with-originals"):
            find_sources(plain(tmp_path), originals=True)


class TestIharmony4:
    @pytest.fixture
    def root(self, tmp_path):
        """Photos p0 to p5 with two composites each, of which p4 is for testing and p5 for val."""
        return write_originals(tmp_path / "set", train=4, test=1, val=1)

    def test_sources_are_those_of_the_train_list(self, root):
        found = find_sources(root)
        assert [source.key for source in found.sources] == [f"p{k}_1" for k in range(4)]
        assert {source.split for source in found.sources} == {"train"}
        assert not any(source.originals or source.carried for source in found.sources)

    def test_originals_come_with_the_files_of_the_other_lists(self, root):
        found = find_sources(root, originals=True)
        assert found.problems == []
        assert [(s.key, s.split, s.carried) for s in found.sources] == [
            *((f"p{k}_1", "train", False) for k in range(4)),
            ("p4_1", "test", True),
            ("p5_1", "val", True),
        ]
        for source in found.sources:
            assert source.originals == tuple(
                f"composite_images/{source.key}_{k}.jpg" for k in (1, 2)
            )

    @pytest.mark.parametrize("originals", [False, True])
    def test_a_photo_of_the_test_list_is_not_taken_for_training(self, root, originals):
        with open(root / "set_train.txt", "a") as file:
            file.write("p4_1_2.jpg\n")
        found = find_sources(root, originals=originals)
        assert "p4_1" not in [source.key for source in found.sources if source.split == "train"]
        assert found.problems == ["set/p4_1: its photo is in another list than train too"]

    def test_without_lists_all_composites_are_for_training(self, root):
        for path in root.glob("*.txt"):
            path.unlink()
        sources = find_sources(root, originals=True).sources
        assert {(source.split, len(source.originals)) for source in sources} == {("train", 2)}
        assert len(sources) == 6

    def test_a_composite_that_is_absent_is_named(self, root):
        (root / "composite_images/p4_1_1.jpg").unlink()
        (root / "composite_images/p0_1_2.jpg").unlink()
        found = find_sources(root, originals=True)
        assert found.problems == [
            f"set/composite_images/{name}.jpg: the file is absent" for name in ("p0_1_2", "p4_1_1")
        ]
        assert len(found.sources) == 6
        assert find_sources(root).problems == []

    def test_a_folder_without_composites_has_no_originals(self, root):
        shutil.rmtree(root / "composite_images")
        with pytest.raises(FileNotFoundError, match="no composites"):
            find_sources(root, originals=True)
