"""Static sets: deterministic, read by the hosts, whole after any interruption."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from generate_sets import Forks, contents, lines, write_originals, write_photos
from PIL import Image

import harmaug
from harmaug.checkpoints.files import read_card
from harmaug.checkpoints.registry import find_checkpoint
from harmaug.cli import main
from harmaug.data.folder import HarmonyFolder
from harmaug.generation import Settings, generate
from harmaug.io.photos import read_mask, read_photo

parquet = pytest.importorskip("pyarrow.parquet", reason="needs pip install 'harmaug[generate]'")

KILLS = int(os.environ.get("HARMAUG_KILLS", "2"))  # of runs with workers, which start slowly
PNG = Settings(n=3, format="png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos") / "set")


@pytest.fixture(scope="module")
def unbroken(photos, tmp_path_factory):
    """The folder of a set that nothing interrupted."""
    output = tmp_path_factory.mktemp("unbroken") / "out"
    report = generate(photos, output, PNG, workers=0)
    assert (report.photos, report.skipped, report.summarized) == (6, 0, True)
    return output


@pytest.fixture(scope="module")
def forks():
    server = Forks()
    yield server
    server.close()


def rows(output):
    return parquet.read_table(output / "manifest.parquet").to_pylist()


class TestSet:
    def test_composites_differ_in_the_foreground_alone(self, photos, unbroken):
        for k in range(6):
            real = read_photo(unbroken / f"set/real_images/p{k}.jpg").pixels
            mask = read_mask(unbroken / f"set/masks/p{k}_1.png").numpy()
            made = [
                read_photo(unbroken / f"set/composite_images/p{k}_1_aug{i}.png").pixels
                for i in (1, 2, 3)
            ]
            for composite in made:
                assert np.array_equal(composite[mask == 0], real[mask == 0])
                assert (composite[mask == 1] != real[mask == 1]).mean() > 0.5
            assert not np.array_equal(made[0], made[1])

    def test_photos_and_masks_are_the_files_of_the_source(self, photos, unbroken):
        for folder in ("real_images", "masks"):
            for path in (photos / folder).iterdir():
                assert (unbroken / "set" / folder / path.name).read_bytes() == path.read_bytes()

    def test_nothing_else_is_left(self, unbroken):
        names = set(contents(unbroken))
        expected = {f"set/real_images/p{k}.jpg" for k in range(6)}
        expected |= {f"set/masks/p{k}_1.png" for k in range(6)}
        expected |= {f"set/composite_images/p{k}_1_aug{i}.png" for k in range(6) for i in (1, 2, 3)}
        expected |= {"set/set_train.txt", "IHD_train.txt", "train.txt", "train.jsonl"}
        expected |= {"manifest.parquet", "sheet.jpg"}
        assert names == expected
        state = {path.name for path in (unbroken / ".harmaug/1-of-1").iterdir()}
        assert state <= {"journal.jsonl", "done", "lock"}

    def test_the_manifest_makes_each_composite_again(self, unbroken):
        augment = harmaug.SycoNetAugment.from_pretrained("unified")
        table = rows(unbroken)
        assert len(table) == 18
        assert table == sorted(table, key=lambda row: row["composite"])
        for row in table:
            assert row["checkpoint_sha256"] == read_card(find_checkpoint("unified"))["sha256"]
            assert (row["seed"], row["strength"]) == (0, 1.0)
            assert row["photo"] == f"real_images/{Path(row['real']).name}"
            real = read_photo(unbroken / row["real"])
            mask = read_mask(unbroken / row["mask"])
            # Photos this small are seen as they are, so the latent decides the same LUTs.
            luts = augment.sample(real.tensor(), mask, latent=torch.tensor([row["latent"]]))
            again = real.recoloured(augment.apply(luts, real.tensor(), mask)[0]).pixels
            made = read_photo(unbroken / row["composite"]).pixels
            assert np.abs(again.astype(int) - made).max() <= 1
            shift = (luts[0] - harmaug.identity_lut(luts.shape[-1])).mean((0, 1, 3, 4, 5))
            np.testing.assert_allclose(row["lut_shift"], shift, atol=1e-4)
            assert sum(row["weights"]) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize("checkpoint", ["unified", "daylight"])
    def test_light_lies_where_the_augmenter_puts_it(self, tmp_path, checkpoint):
        """Files are put together of parts of the foreground, but grids cover the frame."""
        photos = write_photos(tmp_path / "set", 2, size=(93, 205))
        aug = harmaug.SycoNetAugment.from_pretrained(checkpoint)
        for name in ("png", "jpg"):
            settings = Settings(n=4, format=name, checkpoints=(checkpoint,), quality=100)
            generate(photos, tmp_path / name, settings, workers=0)
            for row in rows(tmp_path / name):
                real = read_photo(tmp_path / name / row["real"])
                mask = read_mask(tmp_path / name / row["mask"])
                luts = aug.sample(real.tensor(), mask, latent=torch.tensor([row["latent"]]))
                assert luts.shape[1:3] == (2, 2)
                again = real.recoloured(aug.apply(luts, real.tensor(), mask)[0]).pixels
                made = read_photo(tmp_path / name / row["composite"]).pixels
                difference = np.abs(again.astype(int) - made)
                assert difference.max() <= 1 if name == "png" else difference.mean() < 0.5

    def test_the_sheet_shows_photos(self, unbroken):
        with Image.open(unbroken / "sheet.jpg") as sheet:
            assert sheet.width > 5 * 64

    def test_it_is_a_folder_to_train_on(self, unbroken):
        folder = HarmonyFolder(unbroken, "train")
        assert len(folder) == 18
        assert folder[0].keys() >= {"real", "mask", "composite"}


class TestDeterminism:
    @pytest.mark.parametrize("options", [{"workers": 2}, {"workers": 0, "resume": True}])
    def test_workers_and_resume_change_no_byte(self, photos, unbroken, tmp_path, options):
        generate(photos, tmp_path / "out", PNG, **options)
        assert contents(tmp_path / "out") == contents(unbroken)

    def test_threads_change_no_byte_and_are_left_as_they_were(self, tmp_path):
        photos = write_photos(tmp_path / "set", 4, size=(250, 255))
        before = torch.get_num_threads()
        try:
            for threads in (1, 3):
                torch.set_num_threads(threads)
                generate(photos, tmp_path / str(threads), PNG, workers=0)
                assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
        assert contents(tmp_path / "1") == contents(tmp_path / "3")

    def test_shards_in_any_order_make_the_same_set(self, photos, unbroken, tmp_path):
        for part in (2, 3, 1):
            report = generate(photos, tmp_path / "out", PNG, shard=(part, 3), workers=0)
            assert report.summarized == (part == 1)
        assert contents(tmp_path / "out") == contents(unbroken)

    def test_a_photo_alone_gives_what_it_gave_among_others(self, photos, unbroken, tmp_path):
        alone = tmp_path / "other name"
        for name in ("real_images/p3.jpg", "masks/p3_1.png"):
            (alone / name).parent.mkdir(parents=True)
            (alone / name).write_bytes((photos / name).read_bytes())
        generate(alone, tmp_path / "out", PNG, workers=0)
        for i in (1, 2, 3):
            name = f"composite_images/p3_1_aug{i}.png"
            made = (tmp_path / "out" / "other name" / name).read_bytes()
            assert made == (unbroken / "set" / name).read_bytes()

    def test_another_seed_gives_other_composites(self, photos, unbroken, tmp_path):
        generate(photos, tmp_path / "out", Settings(n=3, format="png", seed=1), workers=0)
        name = "set/composite_images/p0_1_aug1.png"
        assert (tmp_path / "out" / name).read_bytes() != (unbroken / name).read_bytes()

    def test_domains_share_the_composites_evenly(self, photos, tmp_path):
        """One of them gives LUTs, the other grids of LUTs."""
        settings = Settings(n=4, checkpoints=("unified", "color-transfer"), candidates=8)
        generate(photos, tmp_path / "out", settings, workers=0)
        for k in range(6):
            names = [
                row["checkpoint"] for row in rows(tmp_path / "out") if f"/p{k}." in row["real"]
            ]
            assert sorted(names) == ["color-transfer"] * 2 + ["unified"] * 2

    def test_hand_made_filters_take_turns_with_checkpoints(self, photos, tmp_path):
        """Their LUTs have another size and no mixing weights."""
        settings = Settings(n=4, checkpoints=("unified", "filters"), format="png")
        generate(photos, tmp_path / "out", settings, workers=0)
        filters = harmaug.FilterAugment()
        for row in rows(tmp_path / "out"):
            made = row["checkpoint"] == "filters"
            assert made == (row["checkpoint_sha256"] is None) == (not row["weights"])
            if not made:
                continue
            real = read_photo(tmp_path / "out" / row["real"])
            mask = read_mask(tmp_path / "out" / row["mask"])
            again = filters.augment(real.tensor(), mask, latent=torch.tensor([row["latent"]]))
            composite = read_photo(tmp_path / "out" / row["composite"]).pixels
            assert np.abs(real.recoloured(again[0]).pixels.astype(int) - composite).max() <= 1
        assert sum(row["checkpoint"] == "filters" for row in rows(tmp_path / "out")) == 12

    def test_linked_photos_are_the_sources_own(self, photos, unbroken, tmp_path):
        generate(photos, tmp_path / "out", PNG, workers=0, link=True)
        assert contents(tmp_path / "out") == contents(unbroken)
        linked = tmp_path / "out/set/real_images/p0.jpg"
        assert linked.samefile(photos / "real_images/p0.jpg")


def issam(folder, split="train"):
    """Reads as iSSAM and its many heirs do: names from the left at the first "_", one list."""
    lists = [path for path in folder.glob("*.txt") if path.stem.endswith(split)]
    assert len(lists) == 1
    for line in lists[0].read_text("utf-8").splitlines():
        name = line.strip()
        real = folder / "real_images" / (name.split("_")[0] + ".jpg")
        mask = folder / "masks" / ("_".join(name.split("_")[:-1]) + ".png")
        yield folder / "composite_images" / name, mask, real


def dovenet(root, split="train", name="IHD_{}.txt"):
    """Reads as DoveNet, RainNet and their heirs do: paths in one list, names from the right."""
    for line in (root / name.format(split)).read_text("utf-8").splitlines():
        path = os.path.join(root, line.rstrip())
        parts = path.split("_")
        mask = path.replace("composite_images", "masks").replace("_" + parts[-1], ".png")
        ending = f"_{parts[-2]}_{parts[-1]}"
        real = path.replace("composite_images", "real_images").replace(ending, ".jpg")
        yield Path(path), Path(mask), Path(real)


def hdnet(root, split="train"):
    """Reads as HDNet does: as DoveNet, but another list."""
    return dovenet(root, split, "{}.txt")


def diffharmony(root, split="train"):
    """Reads as DiffHarmony does: JSON lines, the first two parts of a name up to its dot."""
    for line in (root / f"{split}.jsonl").read_text("utf-8").splitlines():
        path = root / json.loads(line)["file_name"]
        real, foreground = path.name.split(".")[0].split("_")[:2]
        mask = path.parents[1] / "masks" / f"{real}_{foreground}.png"
        yield path, mask, path.parents[1] / "real_images" / f"{real}.jpg"


class TestHosts:
    @pytest.fixture(scope="class")
    @classmethod
    def two_subsets(cls, tmp_path_factory):
        """Names that are hard to take apart; one subset has lists."""
        root = tmp_path_factory.mktemp("two_subsets")
        write_photos(root / "sources" / "H_one", 2)
        (root / "sources/H_one/composite_images").mkdir()  # which the lists name
        (root / "sources/H_one/H_one_train.txt").write_text("p1_1_7.jpg\n")
        (root / "sources/H_one/H_one_test.txt").write_text("p0_1_7.jpg\n")
        write_photos(root / "sources" / "cc", 3)
        for old, new in (("p0", "IMG_20 v1.2"), ("p1", "a_b_c_1"), ("p2", "très_été")):
            for name in (f"real_images/{old}.jpg", f"masks/{old}_1.png"):
                path = root / "sources/cc" / name
                path.rename(path.with_name(path.name.replace(old, new)))
        generate(root / "sources", root / "out", Settings(n=2), workers=0)
        return root / "out"

    def test_every_reader_finds_the_same_triples(self, two_subsets):
        triples = sorted(dovenet(two_subsets))
        assert triples == sorted([*issam(two_subsets / "H_one"), *issam(two_subsets / "cc")])
        assert triples == sorted(hdnet(two_subsets)) == sorted(diffharmony(two_subsets))
        assert len(triples) == 8
        for paths in triples:
            sizes = {Image.open(path).size for path in paths}
            assert sizes == {(64, 48)}
        assert len(HarmonyFolder(two_subsets, "train")) == 8

    def test_no_photo_of_the_test_list_is_used(self, two_subsets):
        names = {path.name for path in (two_subsets / "H_one/real_images").iterdir()}
        assert names == {"p1.jpg"}


class TestOriginals:
    """Sets beside the composites that the source has, all lists with them."""

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, tmp_path_factory):
        root = tmp_path_factory.mktemp("originals") / "source"
        write_originals(root / "HX", train=3, test=2, val=1)
        write_originals(root / "ccH", train=1, test=1)
        for path in sorted((root / "ccH").rglob("p*.*")):
            path.rename(path.with_name(path.name.replace("p", "IMG_", 1)))
        for path in (root / "ccH").glob("*.txt"):
            path.write_text(path.read_text().replace("p0_", "IMG_0_").replace("p1_", "IMG_1_"))
        return root

    @pytest.fixture(scope="class")
    @classmethod
    def output(cls, source):
        output = source.parent / "out"
        report = generate(source, output, Settings(n=2), with_originals=True, workers=0)
        assert (report.photos, report.originals, report.skipped) == (4, 16, 0)
        return output

    @pytest.mark.parametrize(("split", "photos"), [("train", 4), ("test", 3), ("val", 1)])
    def test_every_reader_finds_all_splits(self, output, split, photos):
        subsets = ("HX",) if split == "val" else ("HX", "ccH")
        triples = sorted(dovenet(output, split))
        assert len(triples) == photos * (4 if split == "train" else 2)
        assert triples == sorted(hdnet(output, split)) == sorted(diffharmony(output, split))
        assert triples == sorted(t for subset in subsets for t in issam(output / subset, split))
        for paths in triples:
            assert {Image.open(path).size for path in paths} == {(64, 48)}
        assert len(HarmonyFolder(output, split)) == len(triples)

    def test_no_photo_is_in_two_splits(self, output):
        photos = [{real for *_, real in dovenet(output, s)} for s in ("train", "test", "val")]
        assert len(set().union(*photos)) == sum(map(len, photos)) == 8
        rows = parquet.read_table(output / "manifest.parquet").to_pylist()
        assert {output / row["real"] for row in rows} == photos[0]
        assert len(rows) == 8

    def test_originals_and_their_photos_are_the_files_of_the_source(self, source, output):
        files = contents(source / "HX")
        made = contents(output / "HX")
        assert all(made[name] == data for name, data in files.items() if "/" in name)
        originals = {name for name in made if "_aug" not in name and "/" in name}
        assert originals == {name for name in files if "/" in name}

    def test_a_set_merged_into_its_source_overwrites_no_composite(self, source, output, tmp_path):
        shutil.copytree(source, tmp_path / "merged")
        generate(source, tmp_path / "set", Settings(n=2), workers=0)
        shutil.copytree(tmp_path / "set", tmp_path / "merged", dirs_exist_ok=True)
        merged, before = contents(tmp_path / "merged"), contents(source)
        for name, data in before.items():
            assert merged[name] == data or name.endswith(".txt"), name
        assert {name for name in contents(output) if "HX/comp" in name} <= merged.keys()

    @pytest.mark.parametrize(
        "options",
        [pytest.param({"workers": 2}, marks=pytest.mark.slow), {"link": True, "workers": 0}],
    )
    def test_workers_and_links_change_no_byte(self, source, output, tmp_path, options):
        made = tmp_path / "out"
        generate(source, made, Settings(n=2), with_originals=True, **options)
        assert contents(made) == contents(output)
        name = "HX/composite_images/p4_1_2.jpg"
        assert (made / name).samefile(source / name) == ("link" in options)

    def test_shards_and_resumed_runs_change_no_byte(self, source, output, tmp_path):
        for part in (2, 1, 2):
            generate(
                source,
                tmp_path / "out",
                Settings(n=2),
                with_originals=True,
                shard=(part, 2),
                resume=True,
                workers=0,
            )
            (tmp_path / "out/HX/composite_images/p3_1_1.jpg").unlink(missing_ok=True)
        generate(
            source,
            tmp_path / "out",
            Settings(n=2),
            with_originals=True,
            shard=(1, 2),
            resume=True,
            workers=0,
        )
        assert contents(tmp_path / "out") == contents(output)

    def test_without_them_the_synthetic_composites_are_the_same(self, source, output, tmp_path):
        generate(source, tmp_path / "out", Settings(n=2), workers=0)
        made, whole = contents(tmp_path / "out"), contents(output)
        names = {name for name in whole if "_aug" in name}
        assert {name for name in made if "composite_images" in name} == names
        assert all(made[name] == whole[name] for name in names)

    def test_composites_that_are_no_plain_jpeg_become_one_as_photos_do(self, tmp_path):
        root = write_originals(tmp_path / "set", train=2)
        composites = root / "composite_images"
        Image.open(composites / "p0_1_1.jpg").save(composites / "p0_1_1.png")
        (composites / "p0_1_1.jpg").unlink()
        cmyk(composites / "p0_1_2.jpg")
        report = generate(root, tmp_path / "out", Settings(n=1), with_originals=True, workers=0)
        assert (report.originals, report.skipped) == (4, 0)
        for name in ("p0_1_1", "p0_1_2"):
            made = Image.open(tmp_path / f"out/set/composite_images/{name}.jpg")
            assert (made.format, made.mode) == ("JPEG", "RGB")
        assert "CMYK" in (tmp_path / "out/generate.log").read_text()

    def test_a_test_photo_whose_mask_is_empty_is_carried_over(self, tmp_path):
        root = write_originals(tmp_path / "set", train=1, test=1)
        Image.new("L", (64, 48)).save(root / "masks/p1_1.png")
        report = generate(root, tmp_path / "out", Settings(n=1), with_originals=True, workers=0)
        assert (report.originals, report.skipped) == (4, 0)

    def test_a_composite_of_another_size_is_named_in_the_log(self, tmp_path):
        root = write_originals(tmp_path / "set", train=2)
        Image.new("RGB", (32, 32)).save(root / "composite_images/p1_1_2.jpg")
        report = generate(root, tmp_path / "out", Settings(n=1), with_originals=True, workers=0)
        assert (report.photos, report.skipped) == (1, 1)
        assert "p1_1_2.jpg is 32 x 32" in report.log.read_text()

    def test_limit_counts_photos_that_composites_are_made_of(self, source, tmp_path):
        report = generate(
            source, tmp_path / "out", Settings(n=1), with_originals=True, limit=1, workers=0
        )
        assert report.photos == 1
        assert len(list(dovenet(tmp_path / "out", "test"))) == 6


class TestWhereSetsAre:
    def test_a_set_inside_the_photo_folder_is_no_source_of_itself(self, tmp_path):
        root = write_photos(tmp_path / "set", 2)
        (root / "real_images").rename(tmp_path / "photos")
        (root / "masks").rename(tmp_path / "photos/masks")
        root = tmp_path / "photos"
        first = generate(root, root / "out", PNG, workers=0)
        made = contents(root / "out")
        again = generate(root, root / "out", PNG, workers=0, resume=True)
        assert (first.photos, first.skipped, again.before, again.skipped) == (2, 0, 2, 0)
        assert contents(root / "out") == made
        other = generate(root, root / "other", PNG, workers=0)
        assert (other.photos, other.skipped) == (2, 0)
        assert contents(root / "other") == made


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def cmyk(path):
    Image.open(path).convert("CMYK").save(path)


def deep(path):
    """16 bits a channel."""
    from kornia_rs import io as codec

    pixels = np.asarray(Image.open(path)).astype(np.uint16) * 257
    codec.write_image_png_u16(str(path.with_suffix(".png")), pixels, "rgb")
    path.unlink()


def turned(path):
    """On its side, with an orientation that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.open(path).transpose(Image.Transpose.ROTATE_90)
    image.save(path, quality=95, exif=exif)


def tagged(path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.open(path).save(path, quality=92, icc_profile=profile)


def grey(path):
    Image.open(path).convert("L").save(path)


class TestBadInput:
    @pytest.mark.parametrize(
        ("spoil", "reason"),
        [
            (lambda root: cut(root / "real_images/p2.jpg"), "cut short"),
            (lambda root: (root / "real_images/p2.jpg").write_bytes(b""), "not an image"),
            (lambda root: (root / "real_images/p2.jpg").unlink(), "the file is absent"),
            (lambda root: (root / "masks/p2_1.png").unlink(), "the photo has no mask"),
            (lambda root: (root / "masks/p2_1.png").write_bytes(b"no"), "not an image"),
            (
                lambda root: Image.new("L", (64, 48)).save(root / "masks/p2_1.png"),
                "empty",
            ),
            (
                lambda root: Image.new("L", (64, 48), 255).save(root / "masks/p2_1.png"),
                "full",
            ),
            (
                lambda root: Image.new("L", (64, 40), 255).save(root / "masks/p2_1.png"),
                "64 x 40",
            ),
            (
                lambda root: Image.new("RGB", (2000, 1100)).save(root / "real_images/p2.jpg"),
                "2.2 megapixels",
            ),
        ],
        ids=[
            "cut photo",
            "no photo",
            "absent photo",
            "absent mask",
            "no mask",
            "empty mask",
            "full mask",
            "mask of another size",
            "huge photo",
        ],
    )
    def test_is_named_in_the_log_and_stops_nothing_else(
        self, unbroken, tmp_path, spoil, reason, capsys
    ):
        root = write_photos(tmp_path / "set")
        spoil(root)
        command = ["generate", str(root), "-o", str(tmp_path / "out"), "-n", "3"]
        command += ["--format", "png", "--workers", "0", "--size-limit", "2"]
        assert main(command) == 1
        assert "1 skipped" in capsys.readouterr().err
        log = (tmp_path / "out/generate.log").read_text("utf-8")
        assert log.count("\n") == 1
        assert log.startswith("skipped  ")
        assert "p2" in log
        assert reason in log
        made, whole = contents(tmp_path / "out"), contents(unbroken)
        kept = {name for name in whole if "/p2" not in name and "_images" in name}
        assert {name: made[name] for name in kept} == {name: whole[name] for name in kept}
        assert not [name for name in made if "p2" in name]

    @pytest.mark.parametrize("change", [cmyk, deep, turned, tagged, grey])
    def test_unusual_photos_become_what_every_reader_takes(self, tmp_path, change):
        root = write_photos(tmp_path / "set", 1, size=(40, 64))
        change(root / "real_images/p0.jpg")
        source = next((root / "real_images").iterdir())
        expected = read_photo(source)
        for kind in ("png", "jpg"):
            output = tmp_path / kind
            report = generate(root, output, Settings(n=1, format=kind), workers=0)
            assert report.skipped == 0
            real, composite = (
                Image.open(output / "set" / name)
                for name in ("real_images/p0.jpg", f"composite_images/p0_1_aug1.{kind}")
            )
            assert real.format == "JPEG"
            assert real.getexif().get(0x0112, 1) == 1
            assert real.size == composite.size == (64, 40)
            assert composite.info.get("icc_profile") == expected.icc_profile
            pixels = np.asarray(real.convert("RGB")).astype(int)
            top = np.iinfo(expected.pixels.dtype).max
            assert np.abs(pixels / 255 - expected.pixels / top).mean() < 0.01
            mask = read_mask(output / "set/masks/p0_1.png").numpy()
            away = np.abs(np.asarray(composite).astype(int) - pixels)[mask == 0]
            assert away.max() == 0 if kind == "png" else away.mean() < 4
        noted = change in (cmyk, deep)
        assert (output / "generate.log").exists() == noted
        if noted:
            assert "note " in (output / "generate.log").read_text("utf-8")

    def test_plain_photos_with_masks_of_their_names(self, tmp_path):
        root = write_photos(tmp_path / "set", 3)
        (root / "real_images").rename(tmp_path / "my photos")
        (root / "masks").rename(tmp_path / "my masks")
        (tmp_path / "my photos/deep").mkdir()
        (tmp_path / "my masks/deep").mkdir()
        for name in ("photos/{}p0.jpg", "masks/{}p0_1.png"):
            path = tmp_path / f"my {name}".format("")
            path.rename(str(tmp_path / f"my {name}").format("deep/"))
        (tmp_path / "my masks/p1_1.png").rename(tmp_path / "my masks/p1.png")
        masks = tmp_path / "my masks"
        report = generate(tmp_path / "my photos", tmp_path / "out", PNG, masks=masks, workers=0)
        assert (report.photos, report.skipped) == (3, 0)
        subset = next(path for path in (tmp_path / "out").glob("my-photos*"))
        names = sorted(path.name.split("-")[0] for path in (subset / "real_images").iterdir())
        assert names == ["deep", "p1.jpg", "p2.jpg"]
        assert (subset / "masks/p1_1.png").exists()
        assert len(list(dovenet(tmp_path / "out"))) == 9

    def test_options_that_cannot_be(self, photos, tmp_path, capsys):
        output = str(tmp_path / "out")
        for arguments, word in (
            ([str(tmp_path / "none"), "-o", output], "not a folder"),
            ([str(tmp_path), "-o", output], "masks"),
            ([str(photos), "-o", output, "--checkpoint", "unifid"], "unified"),
            ([str(photos), "-o", output, "--quality", "101"], "quality"),
            ([str(photos), "-o", output, "--candidates", "2"], "candidates"),
            ([str(photos), "-o", output, "--masks", "m", "--layout", "iharmony4"], "--masks"),
            ([str(photos), "-o", output, "--with-originals"], "no composites"),
            ([str(photos), "-o", output, "--device", "gpu0"], "device must be"),
        ):
            assert main(["generate", *arguments]) == 2, arguments
            assert word in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
    @pytest.mark.parametrize("workers", ["0", "1"])
    def test_a_device_that_is_not_there_is_one_sentence(self, photos, tmp_path, workers, capfd):
        command = ["generate", str(photos), "-o", str(tmp_path / "out"), "--workers", workers]
        assert main([*command, "--device", "cuda"]) == 2
        assert capfd.readouterr().err.count("\n") == 1
        assert not (tmp_path / "out").exists()


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


@pytest.mark.slow
class TestInterruptions:
    @needs_signals
    def test_a_set_killed_50_times_ends_as_an_unbroken_one(self, photos, unbroken, forks, tmp_path):
        """Every second kill comes at any time, the others some time after a photo was made.

        A run on a slow or busy machine may spend most of its time before the first photo.
        """
        command = ["generate", photos, "-n", "3", "--format", "png", "--workers", "0", "--resume"]
        for name in ("first", "timed"):  # the first finds nothing in the disk's cache
            begun = time.perf_counter()
            assert forks.run(*command, "-o", tmp_path / name) == 0
            duration = time.perf_counter() - begun
        draw, kills, sets, midway = random.Random(), 0, 0, 0
        while kills < 50:
            sets += 1
            output, code = tmp_path / f"out{sets}", None
            while code != 0:
                delay, since, made = draw.uniform(0, 0.8 * duration), None, lines(output)
                if kills % 2 and made < 5:
                    since = (output, draw.randint(made + 1, 5))
                    delay = draw.choice([0, draw.uniform(0, 0.05 * duration)])
                if kills >= 50 or (0 < made < 5 and draw.random() < 0.25):
                    delay = since = None  # the next resume would mend what this one leaves out
                code = forks.run(*command, "-o", output, kill_after=delay, since=since)
                kills += 1
                assert code in (0, -signal.SIGKILL)
                midway += code != 0 and 0 < lines(output) < 6
            assert contents(output) == contents(unbroken)
            assert not (output / ".harmaug/1-of-1/partial").exists()
        assert midway > 10  # or the kills came too early or too late to prove anything

    @needs_signals
    def test_a_run_killed_with_its_workers_or_without_them_is_made_good(
        self, photos, unbroken, tmp_path
    ):
        output, draw = tmp_path / "out", random.Random()
        command = [sys.executable, "-m", "harmaug", "generate", str(photos), "-o", str(output)]
        command += ["-n", "3", "--format", "png", "--workers", "1", "--resume"]
        for k in range(KILLS):
            before = lines(output)
            # Elsewhere than in a checkout, whose package may be without the compiled kernel: plain
            # torch rounds otherwise.
            process = subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.DEVNULL, start_new_session=True
            )
            while process.poll() is None and lines(output) == before:
                time.sleep(0.002)  # the start takes seconds in which nothing happens
            time.sleep(draw.uniform(0, 0.05))
            if process.poll() is None:
                if k % 2:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            if process.wait() == 0:
                assert contents(output) == contents(unbroken)
                shutil.rmtree(output)
        report = generate(photos, output, PNG, workers=0, resume=True)
        assert report.photos + report.before == 6
        assert contents(output) == contents(unbroken)

    @pytest.mark.parametrize("moment", [1, 2, 3, 5, 9, 14])
    def test_cut_off_before_any_rename_it_resumes_to_the_same_set(
        self, photos, unbroken, tmp_path, monkeypatch, moment
    ):
        class Killed(BaseException):
            pass

        replace, calls = os.replace, []

        def cut_off(source, target):
            calls.append(target)
            if len(calls) == moment + 1:  # the first is that of the settings
                raise Killed
            replace(source, target)

        monkeypatch.setattr(os, "replace", cut_off)
        with pytest.raises(Killed):
            generate(photos, tmp_path / "out", PNG, workers=0)
        monkeypatch.undo()
        generate(photos, tmp_path / "out", PNG, workers=0, resume=True)
        assert contents(tmp_path / "out") == contents(unbroken)

    def test_a_torn_journal_and_files_that_were_lost_are_made_good(
        self, photos, unbroken, tmp_path
    ):
        output = tmp_path / "out"
        generate(photos, output, PNG, workers=0)
        journal = output / ".harmaug/1-of-1/journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-100])
        (output / "set/composite_images/p1_1_aug2.png").unlink()
        (output / "set/masks/p2_1.png").write_bytes(b"")
        partial = output / ".harmaug/1-of-1/partial/0123456789abcdef"
        partial.mkdir(parents=True)
        (partial / "left.png").write_bytes(b"half")
        report = generate(photos, output, PNG, workers=0, resume=True)
        assert (report.photos, report.before) == (3, 3)
        assert contents(output) == contents(unbroken)

    def test_a_process_that_outlives_its_killed_run_takes_nothing_from_the_next(self, tmp_path):
        from harmaug.generation.output import File, Output, Shard, Writer

        files = {f"set/composite_images/p0_1_aug{k}.png": File(b"whole") for k in (1, 2)}
        (tmp_path / "set/composite_images").mkdir(parents=True)
        (tmp_path / ".harmaug").mkdir()
        (tmp_path / ".harmaug/settings.json").write_text('{"shards": 1}')
        killed, following = Output(tmp_path, Shard()), Output(tmp_path, Shard())
        with killed.held({}, resume=False):
            pass  # and a process of its own is still about to write
        with following.held({}, resume=True):
            Writer(tmp_path, following.partial).write(files)
            with pytest.raises(FileNotFoundError):
                Writer(tmp_path, killed.partial).write(files)
            assert all((tmp_path / name).read_bytes() == b"whole" for name in files)

    def test_a_finished_set_is_left_as_it_is(self, photos, unbroken, tmp_path):
        generate(photos, tmp_path / "out", PNG, workers=0)
        report = generate(photos, tmp_path / "out", PNG, workers=0, resume=True)
        assert (report.photos, report.before) == (0, 6)
        assert contents(tmp_path / "out") == contents(unbroken)

    def test_two_runs_on_one_folder_are_refused(self, photos, tmp_path):
        from harmaug.generation.output import Output, Shard

        output = Output(tmp_path / "out", Shard())
        refused = pytest.raises(FileExistsError, match="another run")
        with output.held({}, resume=False), refused:
            generate(photos, tmp_path / "out", PNG, workers=0, resume=True)

    def test_another_set_or_foreign_files_are_refused(self, photos, tmp_path):
        output = tmp_path / "out"
        generate(photos, output, PNG, workers=0, limit=1)
        before = contents(output)
        with pytest.raises(FileExistsError, match="--resume"):
            generate(photos, output, PNG, workers=0, limit=1)
        with pytest.raises(ValueError, match="seed was 0, now 5"):
            generate(photos, output, Settings(n=3, format="png", seed=5), resume=True, limit=1)
        assert contents(output) == before
        with pytest.raises(FileExistsError, match="other files"):
            generate(photos, photos, PNG, workers=0)

    @needs_signals
    def test_files_the_disk_has_no_room_for_are_skipped_and_made_on_resume(
        self, photos, unbroken, forks, tmp_path
    ):
        """A limit on the size of files stands in for a full disk: writing fails midway."""
        made = {name for name in contents(unbroken) if "composite_images" in name}
        sizes = sorted(len(contents(unbroken)[name]) for name in made)

        command = ["generate", photos, "-o", tmp_path / "out", "-n", "3", "--format", "png"]
        # 2 where the manifest does not fit either
        assert forks.run(*command, "--workers", "0", size=sizes[-4]) in (1, 2)
        kept = contents(tmp_path / "out")
        assert "File too large" in kept["generate.log"].decode()
        composites = {name for name in kept if "composite_images" in name}
        assert len(composites) % 3 == 0
        assert len(composites) == 3 * lines(tmp_path / "out")
        assert set() < composites < made
        generate(photos, tmp_path / "out", PNG, workers=0, resume=True)
        assert contents(tmp_path / "out") == contents(unbroken)

    @pytest.mark.skipif(
        sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere"
    )
    def test_a_read_only_output_is_one_sentence(self, photos, tmp_path, capsys):
        output = tmp_path / "out"
        output.mkdir(mode=0o500)
        assert main(["generate", str(photos), "-o", str(output), "--workers", "0"]) == 2
        assert str(output) in capsys.readouterr().err
