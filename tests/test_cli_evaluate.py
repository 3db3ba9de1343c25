"""``harmaug evaluate``: what it writes, and how it refuses."""

import json
import sys

import numpy as np
import pytest
from evaluation_doubles import small_net
from photo_folders import write_folder
from PIL import Image

from harmaug.augment import SycoNetAugment
from harmaug.cli import main
from harmaug.evaluation.harmonizer import METRICS
from harmaug.lut import identity_lut, write_cube
from harmaug.nets import LiteSycoNet


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(LiteSycoNet, "refinement_steps", 5)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    root = tmp_path_factory.mktemp("nets")
    for name, seed in (("mine", 0), ("other", 1)):
        SycoNetAugment(small_net(seed)).save_pretrained(root / name)
    return root


@pytest.fixture
def place(tmp_path):
    """Two subsets of pairs, and a folder of predictions that are the photos."""
    for name, seed in (("one", 0), ("two", 1)):
        write_folder(tmp_path / "data" / name, photos=3, composites=2, seed=seed)
        for path in (tmp_path / "data" / name / "composite_images").iterdir():
            target = tmp_path / "predictions" / name / f"{path.stem}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            real = path.parents[1] / "real_images" / f"{path.stem.split('_')[0]}.png"
            target.write_bytes(real.read_bytes())
    return tmp_path


@pytest.fixture
def augmenter(place, checkpoints):
    def run(*options, data="data", checkpoint="mine", draws="3"):
        return main(
            [
                *("evaluate", "augmenter", "--checkpoint", str(checkpoints / checkpoint)),
                *("--data", str(place / data), "--image-size", "32", "--draws", draws),
                *("-o", str(place / "out"), *options),
            ]
        )

    return run


@pytest.fixture
def harmonizer(place):
    def run(*options, data="data", predictions="predictions"):
        return main(
            [
                *("evaluate", "harmonizer", "--predictions", str(place / predictions)),
                *("--data", str(place / data), "-o", str(place / "out"), *options),
            ]
        )

    return run


def refused(place, capsys, code, *words):
    """Exit code 2, one sentence on stderr that holds the words, and nothing written."""
    lines = [
        line
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("harmaug: ") and not line.startswith("harmaug: note: ")
    ]
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("harmaug: error: ")
    for word in words:
        assert word in lines[0]
    assert not (place / "out").is_dir() or list((place / "out").iterdir()) == []


class TestAugmenter:
    def test_writes_figures_pairs_and_a_report(self, augmenter, place, capsys):
        assert augmenter() == 0
        out = capsys.readouterr().out
        assert "all: 12 pairs of 6 scenes" in out
        assert "best of 3" in out
        names = ["figures.json", "pairs.csv", "report.html"]
        assert sorted(path.name for path in (place / "out").iterdir()) == names
        found = json.loads((place / "out" / "figures.json").read_text())
        assert list(found["figures"]) == ["all", "one", "two"]
        assert found["settings"]["draws"] == 3
        assert len(found["sha256"]) == 64
        assert len((place / "out" / "pairs.csv").read_text().splitlines()) == 13

    @pytest.mark.slow
    def test_sets_checkpoints_and_baselines_beside_it(self, augmenter, place, checkpoints, capsys):
        write_cube(place / "look.cube", identity_lut(5) ** 0.7)
        options = ("--baselines", "--transforms", str(place / "look.cube"))
        options += ("--against", str(checkpoints / "other"), "--limit", "4")
        assert augmenter(*options) == 0
        draws = json.loads((place / "out" / "figures.json").read_text())["figures"]["one"]["draws"]
        assert list(draws) == [
            *("mine", "other"),
            *("filters", "filters x 0.6", "filters, matched", "basis mixtures", "random looks"),
        ]
        assert draws["filters"]["roughness"] is None
        assert draws["random looks"]["roughness"]["value"] > 0

    def test_checkpoints_of_one_name_are_told_apart_by_their_path(
        self, augmenter, place, checkpoints
    ):
        twin = checkpoints / "elsewhere" / "mine"
        SycoNetAugment(small_net(2)).save_pretrained(twin)
        assert augmenter("--against", str(twin), "--limit", "2", data="data/one") == 0
        draws = json.loads((place / "out" / "figures.json").read_text())["figures"]["one"]["draws"]
        assert list(draws) == [str(checkpoints / "mine"), str(twin)]

    @pytest.mark.slow
    def test_the_seed_decides_and_files_are_kept_unless_forced(self, augmenter, place, capsys):
        found = []
        for seed in ("0", "0", "1"):
            assert augmenter("--seed", seed, "--limit", "3", "--force", data="data/one") == 0
            text = (place / "out" / "figures.json").read_text()
            found.append(json.loads(text)["figures"]["one"]["draws"])
        assert found[0] == found[1] != found[2]
        capsys.readouterr()
        assert augmenter() == 2
        assert "--force" in capsys.readouterr().err

    def test_a_limit_is_spread_over_the_folder(self, augmenter, place):
        assert augmenter("--limit", "4") == 0
        figures = json.loads((place / "out" / "figures.json").read_text())["figures"]
        assert [figures[name]["pairs"] for name in ("all", "one", "two")] == [4, 2, 2]

    @pytest.mark.slow
    def test_scenes_may_be_cameras(self, augmenter, place, capsys):
        for kind in ("real_images", "masks", "composite_images"):
            for path in list((place / "data" / "one" / kind).iterdir()):
                for time in range(8):
                    copy = path.with_name(f"cam-{time}{path.name[1:]}")
                    copy.write_bytes(path.read_bytes())
                path.unlink()
        assert augmenter("--limit", "8", data="data/one", draws="1") == 0
        assert "--scenes prefix" in capsys.readouterr().err
        assert augmenter("--limit", "8", "--scenes", "prefix", "--force", data="data/one") == 0
        assert "--scenes prefix" not in capsys.readouterr().err
        figures = json.loads((place / "out" / "figures.json").read_text())["figures"]
        assert figures["one"]["scenes"] == 1
        assert figures["one"]["reconstruction"]["fMSE"]["low"] is None

    def test_empty_masks_are_left_out_and_counted(self, augmenter, place, capsys):
        Image.new("L", (32, 32)).save(place / "data" / "one" / "masks" / "p0_1.png")
        assert augmenter(data="data/one") == 0
        assert "Left out 0 pairs with absent files and 2 whose mask is empty" in (
            capsys.readouterr().out
        )

    def test_photos_without_composites_are_refused(self, augmenter, place, capsys):
        write_folder(place / "photos" / "set", photos=2)
        refused(place, capsys, augmenter(data="photos"), "no composites")

    def test_listed_but_absent_composites_are_refused_or_left_out(self, augmenter, place, capsys):
        names = [f"p{k}_1_1.png" for k in range(5)]
        (place / "data" / "one" / "one_test.txt").write_text("\n".join(names))
        options = ("--split", "test")
        refused(place, capsys, augmenter(*options, data="data/one"), "2 of 5", "p3_1_1")
        assert augmenter(*options, "--skip-missing", data="data/one") == 0
        assert "Left out 2 pairs with absent files" in capsys.readouterr().out

    def test_a_damaged_picture_is_refused(self, augmenter, place, capsys):
        path = place / "data" / "two" / "real_images" / "p2.png"
        path.write_bytes(path.read_bytes()[:200])
        refused(place, capsys, augmenter(), "p2.png")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--checkpoint", "unifed"), ("unknown checkpoint 'unifed'",)),
            (("--against", "nothing"), ("unknown checkpoint 'nothing'",)),
            (("--transforms", "nowhere"), ("nowhere",)),
            (("--data", "nowhere"), ("nowhere is not a folder",)),
            (("--split", "test"), ("one_test.txt",)),
        ],
    )
    def test_wrong_settings_are_refused(self, augmenter, place, capsys, options, words):
        refused(place, capsys, augmenter(*options), *words)

    def test_a_file_as_output_is_refused_before_any_work(self, augmenter, place, capsys):
        (place / "out").touch()
        refused(place, capsys, augmenter(), "out is a file; name a folder")

    def test_white_balance_alone_holds_no_looks(self, augmenter, place, capsys):
        np.savez(place / "maps.npz", maps=np.zeros((2, 9, 3)))
        code = augmenter("--transforms", str(place / "maps.npz"))
        refused(place, capsys, code, "maps.npz: no looks")


class TestHarmonizer:
    @pytest.mark.parametrize("size", ["16", "native", "256"])
    def test_writes_scores_images_and_a_report(self, harmonizer, place, capsys, size):
        assert harmonizer("--image-size", size) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["images", *METRICS, "worse"]
        assert lines[1].split()[:4] == ["all", "12", "prediction", "0.00"]
        names = ["images.csv", "report.html", "scores.json"]
        assert sorted(path.name for path in (place / "out").iterdir()) == names
        scores = json.loads((place / "out" / "scores.json").read_text())
        assert scores["settings"]["size"] == (None if size == "native" else int(size))
        assert scores["figures"]["one"]["prediction"]["SSIM"]["value"] == pytest.approx(1)
        assert scores["figures"]["one"]["composite"]["fMSE"]["low"] > 0
        assert len((place / "out" / "images.csv").read_text().splitlines()) == 13

    def test_missing_predictions_are_refused_or_left_out(self, harmonizer, place, capsys):
        (place / "predictions" / "one" / "p0_1_1.png").unlink()
        words = ("1 of 12 composites have no prediction", "one/p0_1_1.png", "--skip-missing")
        refused(place, capsys, harmonizer(), *words)
        assert harmonizer("--skip-missing", "--image-size", "16") == 0
        assert "Left out 1 composites without a prediction." in capsys.readouterr().out

    def test_predictions_of_another_size_are_refused(self, harmonizer, place, capsys):
        path = place / "predictions" / "two" / "p1_1_2.png"
        Image.open(path).resize((48, 48)).save(path)
        refused(
            place,
            capsys,
            harmonizer("--image-size", "native"),
            "48x48",
            "32x32",
            "--image-size 256",
        )
        refused(place, capsys, harmonizer("--image-size", "16"), "48x48", "or 16x16")
        assert harmonizer("--image-size", "48") == 0

    def test_a_damaged_prediction_is_refused(self, harmonizer, place, capsys):
        (place / "predictions" / "two" / "p1_1_2.png").write_bytes(b"no picture")
        refused(place, capsys, harmonizer("--image-size", "16"), "p1_1_2.png")

    def test_without_torchmetrics_it_says_what_to_install(
        self, harmonizer, place, capsys, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "torchmetrics.functional.image", None)
        refused(place, capsys, harmonizer("--image-size", "16"), "harmaug[eval]")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--predictions", "nowhere"), ("nowhere is not a folder of predictions",)),
            (("--data", "nowhere"), ("nowhere is not a folder",)),
            (("--image-size", "4"), ("at least 11x11",)),
        ],
    )
    def test_wrong_settings_are_refused(self, harmonizer, place, capsys, options, words):
        refused(place, capsys, harmonizer(*options), *words)

    def test_no_other_size_than_pixels_or_native_is_taken(self, harmonizer, capsys):
        with pytest.raises(SystemExit):
            harmonizer("--image-size", "large")
        assert "expected a whole number" in capsys.readouterr().err
