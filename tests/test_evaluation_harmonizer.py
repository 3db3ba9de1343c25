import json
import math
import shutil

import numpy as np
import pytest
import torch
from photo_folders import write_folder
from PIL import Image

from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.harmonizer import (
    METRICS,
    HarmonizerEvaluation,
    ImageScores,
    find_predictions,
    read_images,
    score,
    summarize_scores,
)
from harmaug.evaluation.harmonizer_report import harmonizer_report, score_table
from harmaug.io.tables import write_json


@pytest.fixture
def data(tmp_path):
    write_folder(tmp_path / "data" / "one", photos=2, composites=2)
    write_folder(tmp_path / "data" / "two", photos=2, composites=1, seed=1)
    for kind in ("real_images", "masks", "composite_images"):  # iHarmony4's names differ by subset
        for path in (tmp_path / "data" / "two" / kind).iterdir():
            path.rename(path.with_name(f"q{path.name[1:]}"))
    return tmp_path / "data"


@pytest.fixture
def items(data):
    return HarmonyFolder(data).items


def predict(items, root, source="real", suffix=".png", nested=False):
    """Predictions that are copies of the photos or of the composites."""
    for item in items:
        path = root / (item.subset if nested else "") / f"{item.composite.stem}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(getattr(item, source)) as image:
            image.save(path)
    return root


class TestFinding:
    @pytest.mark.parametrize("nested", [False, True])
    @pytest.mark.parametrize("suffix", [".png", ".JPG", ".bmp"])
    def test_predictions_are_found_by_name_flat_or_by_subset(self, items, tmp_path, nested, suffix):
        root = predict(items, tmp_path / "out", suffix=suffix, nested=nested)
        found = find_predictions(root, items)
        assert [item for item, _ in found] == items
        assert [path.stem for _, path in found] == [item.composite.stem for item in items]

    def test_a_folder_named_like_a_subset_decides_between_like_names(self, data, tmp_path):
        shutil.copytree(data / "one", data / "three")
        items = HarmonyFolder(data).items
        root = predict(items, tmp_path / "out", nested=True)
        assert all(path.parent.name == item.subset for item, path in find_predictions(root, items))
        flat = predict(items, tmp_path / "flat")
        with pytest.raises(ValueError, match=r"could be the prediction for one/.* and for three/"):
            find_predictions(flat, items)

    def test_two_files_for_one_composite_are_refused(self, items, tmp_path):
        root = predict(items, tmp_path / "out")
        predict(items[:1], root, suffix=".jpg")
        with pytest.raises(ValueError, match=r"several predictions: .*\.jpg, .*\.png; keep one"):
            find_predictions(root, items)

    def test_missing_predictions_are_counted_and_the_first_named(self, items, tmp_path):
        root = predict(items[4:], tmp_path / "out")
        with pytest.raises(FileNotFoundError) as error:
            find_predictions(root, items)
        message = str(error.value)
        assert "4 of 6 composites have no prediction" in message
        assert message.count("one/") == 3
        assert "--skip-missing" in message
        assert len(find_predictions(root, items, skip_missing=True)) == 2

    def test_a_folder_of_other_names_says_what_it_holds(self, items, tmp_path):
        root = predict(items[:1], tmp_path / "out")
        (root / f"{items[0].composite.stem}.png").rename(root / "epoch_3.png")
        for skip in (False, True):
            with pytest.raises(FileNotFoundError, match=r"6 of 6 .* and there is epoch_3\.png"):
                find_predictions(root, items, skip_missing=skip)

    def test_no_folder_and_no_images_are_refused(self, items, tmp_path):
        with pytest.raises(FileNotFoundError, match="is not a folder of predictions"):
            find_predictions(tmp_path / "nowhere", items)
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "._p0_1_1.png").touch()
        with pytest.raises(FileNotFoundError, match="holds no image"):
            find_predictions(tmp_path / "empty", items)


class TestScoring:
    def test_photos_as_predictions_are_perfect(self, items, tmp_path):
        scores = score(find_predictions(predict(items, tmp_path / "out"), items), 32)
        for each in scores:
            assert each.prediction["MSE"] == 0
            assert each.prediction["PSNR"] == math.inf
            assert each.prediction["fSSIM"] == pytest.approx(1)
            assert each.composite["MSE"] > 0
        assert summarize_scores(scores)["all"]["worse"].value == 0

    def test_composites_as_predictions_are_the_untouched_row(self, items, tmp_path):
        root = predict(items, tmp_path / "out", source="composite")
        scores = score(find_predictions(root, items), 32)
        for each in scores:
            assert list(each.prediction) == list(METRICS)
            assert each.prediction == each.composite

    def test_metrics_are_those_of_numpy_at_native_size(self, items, tmp_path):
        root = predict(items, tmp_path / "out", source="composite")
        scores = score(find_predictions(root, items), None)
        for found, item in zip(scores, items, strict=True):
            real, composite = (
                np.asarray(Image.open(p), float) for p in (item.real, item.composite)
            )
            mask = np.asarray(Image.open(item.mask), float) / 255
            square = (real - composite) ** 2
            assert found.prediction["MSE"] == pytest.approx(square.mean(), rel=1e-5)
            foreground = (square * mask[..., None]).sum() / 3 / mask.sum()
            assert found.prediction["fMSE"] == pytest.approx(foreground, rel=1e-5)
            assert found.ratio == pytest.approx(mask.mean())

    def test_pictures_are_resized_as_the_field_does(self, items, tmp_path):
        item = items[0]
        root = predict([item], tmp_path / "out", source="composite")
        images = read_images(item, root / f"{item.composite.stem}.png", 20)
        expected = Image.open(item.real).resize((20, 20), Image.Resampling.BILINEAR)
        assert torch.equal(images.real[0], torch.from_numpy(np.array(expected)).permute(2, 0, 1))
        assert torch.equal(images.composite, images.prediction)
        assert images.mask.shape == (1, 1, 20, 20)

    def test_a_prediction_at_the_size_asked_for_is_taken_as_it_is(self, items, tmp_path):
        item, path = items[0], tmp_path / "small.png"
        Image.open(item.real).resize((20, 20), Image.Resampling.BILINEAR).save(path)
        images = read_images(item, path, 20)
        assert torch.equal(images.prediction, images.real)
        with pytest.raises(ValueError, match=r"20x20 .* 32x32 as its photo; --image-size"):
            read_images(item, path, None)
        with pytest.raises(ValueError, match=r"20x20 pixels, expected 32x32 .*, or 24x24"):
            read_images(item, path, 24)

    def test_a_16_bit_prediction_is_rounded_to_8(self, items, tmp_path):
        from harmaug.io.photos import Photo, read_photo, write_photo

        item, path = items[0], tmp_path / "deep.png"
        pixels = read_photo(item.real).pixels.astype(np.uint16) * 257
        write_photo(path, Photo(pixels))
        images = read_images(item, path, None)
        assert torch.equal(images.prediction, images.real)

    def test_a_composite_of_another_size_than_its_photo_is_refused(self, items):
        item = items[0]
        Image.open(item.composite).resize((30, 32)).save(item.composite)
        with pytest.raises(ValueError, match=r"is 30x32 pixels but its photo p0\.png is 32x32"):
            read_images(item, item.real, 32)


class TestSummary:
    def scores(self, items, ratios):
        return [
            ImageScores(
                item,
                item.real,
                ratio,
                dict.fromkeys(METRICS, row + 1.0),
                dict.fromkeys(METRICS, 2.5),
            )
            for row, (item, ratio) in enumerate(zip(items, ratios, strict=False))
        ]

    def test_images_fall_into_the_bins_of_the_field(self, items):
        figures = summarize_scores(self.scores(items, [0.0, 0.049, 0.05, 0.149, 0.15, 1.0]))
        groups = {name: found["prediction"]["MSE"].value for name, found in figures.items()}
        assert groups == {
            "all": 3.5,
            "one": 2.5,
            "two": 5.5,
            "foreground 0-5 %": 1.5,
            "foreground 5-15 %": 3.5,
            "foreground 15-100 %": 5.5,
        }

    def test_empty_bins_and_the_whole_of_one_subset_are_left_out(self, items):
        figures = summarize_scores(self.scores(items, [0.2, 0.3]))
        assert list(figures) == ["one", "foreground 15-100 %"]
        assert figures["one"]["worse"].value == 0
        assert figures["one"]["scenes"] == 1  # two composites of one photo

    def test_empty_masks_are_left_out_of_foreground_metrics_alone(self, items):
        scores = self.scores(items, [0.0, 0.2, 0.2])
        scores[0].prediction["fMSE"] = math.nan
        figures = summarize_scores(scores)[
            "all" if len({each.item.subset for each in scores}) > 1 else "one"
        ]
        assert figures["prediction"]["fMSE"].value == 2.5
        assert figures["prediction"]["MSE"].value == 2

    def test_tables_and_files_hold_perfect_predictions(self, items, tmp_path):
        scores = score(find_predictions(predict(items, tmp_path / "out"), items), 32)
        figures = summarize_scores(scores)
        assert score_table(figures)[1][:6] == ["all", "6", "prediction", "0.00", "0.00", "inf"]
        write_json(tmp_path / "f.json", figures)
        read = json.loads((tmp_path / "f.json").read_text())
        assert read["all"]["prediction"]["PSNR"]["value"] is None
        rows = [each.row() for each in scores]
        assert len(rows) == 6
        assert rows[0]["composite MSE"] > rows[0]["MSE"] == 0

    def test_the_report_shows_the_worst_and_what_was_made_worse(self, items, tmp_path):
        root = predict(items, tmp_path / "out")
        Image.new("RGB", (32, 32), "red").save(root / f"{items[3].composite.stem}.png")
        scores = score(find_predictions(root, items), 32)
        settings = {"predictions": "<out>", "data": "d", "split": None, "size": 32, "missing": 2}
        figures = summarize_scores(scores)
        assert figures["all"]["worse"].value == pytest.approx(1 / 6)
        html = harmonizer_report(scores, HarmonizerEvaluation(settings, figures))
        worst, _, worse = html.partition("Made worse")
        first = worst.index(f"one/{items[3].name}")
        assert all(first < worst.index(f"/{item.name}<") for item in items if item is not items[3])
        assert items[3].name in worse
        assert items[0].name not in worse
        assert "&lt;out&gt;" in html
        assert "2 have no prediction" in html
        assert "http" not in html
