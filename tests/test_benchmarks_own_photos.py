"""The comparison of own photos alone: its arms, its trainings, its figures, and a small run."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photo_folders import write_folder
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks" / "own_photos"
sys.path[:0] = [
    str(FOLDER),
    str(ROOT / "benchmarks" / "downstream"),
    str(ROOT / "examples" / "harmonizer"),
]

import compare  # noqa: E402
import figures  # noqa: E402
import store  # noqa: E402
import training  # noqa: E402
from composites import ARMS, make_with, taught  # noqa: E402
from figures import Results, by_kind, estimate, rows  # noqa: E402
from sets import PHOTO_FOLDERS, Data  # noqa: E402
from training import BATCH, STEPS, THUMBNAILS, Training, draw_batches  # noqa: E402
from true_pairs import KINDS, SETS, read_photos, read_tests  # noqa: E402

from harmaug import SycoNetAugment  # noqa: E402

CHECKPOINT = SycoNetAugment.from_pretrained("daylight")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(PHOTO_FOLDERS[:2]):
        write_folder(root / "photos" / name, photos=20, size=40, seed=number)
    for number, name in enumerate(SETS.values()):
        if name != "hflickr_official":
            write_folder(root / "pairs" / name, photos=3, composites=1, size=40, seed=10 + number)
    (root / "transforms").mkdir()
    looks = np.random.default_rng(0).integers(0, 256, (20, 3, 5, 5, 5), dtype=np.uint8)
    np.savez(root / "transforms" / "looks.npz", luts=looks)
    return root


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command with results in a folder of the test; return its records."""

    def call(*options: str) -> list[store.Record]:
        places = ["--store", str(root / "store"), "--results", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["compare.py", str(root), *places, *options])
        compare.main()
        return store.load(tmp_path)

    return call


def test_the_command_adds_to_its_results_and_trains_nothing_twice(run: Any, capsys: Any) -> None:
    quick = ("--steps", "2", "--harmonizers", "colour-map", "--arms")
    first = run(*quick, "filters", "--seeds", "0")
    assert [record["arm"] for record in first] == ["untouched", "filters"]
    more = run(*quick, "filters", "looks", "--seeds", "0", "1")
    assert more[:2] == first
    assert [(r["arm"], r["seed"]) for r in more[2:]] == [("looks", 0), ("filters", 1), ("looks", 1)]
    printed = capsys.readouterr().out
    assert printed.count("stored before") == 1
    assert re.search(r"left out: .*hflickr_official is not there", printed)
    assert "filters, as published" in printed


@pytest.mark.slow
def test_a_smoke_run_trains_every_arm_and_says_what_it_leaves_out(run: Any, capsys: Any) -> None:
    records = run("--smoke", "--harmonizers", "colour-map")
    trained = {record["arm"] for record in records} - {"untouched"}
    printed = capsys.readouterr().out
    absent = set(ARMS) - trained
    assert absent <= {"recipes", "unified-even"}  # no illuminants here; light that may not vary
    even = SycoNetAugment.from_pretrained("unified").net.varies
    assert ("unified-even" in trained) == even
    assert len(re.findall(r": left out: ", printed)) == len(absent)


def test_without_data_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(sys, "argv", ["compare.py", str(tmp_path)])
    compare.main()
    assert "skipped" in capsys.readouterr().out


def test_a_result_holds_all_settings_and_its_checkpoint(run: Any) -> None:
    *_, record = run("--steps", "2", "--harmonizers", "dense", "--seeds", "3", "--arms", "daylight")
    assert {"photos", "tested", "loss", "seconds"} <= record.keys()
    assert Training("dense", "daylight", 3, 2).settings().items() <= record.items()
    assert len(record["sha256"]) == 64
    for name, errors in record["tests"].items():
        assert len(errors["fMSE"]) == len(errors["PSNR"]) == 3, name


def test_keys_differ_with_every_setting_and_with_pictures_and_checkpoint() -> None:
    one, known = Training("dense", "filters", 0), {"photos": "a", "sha256": None}
    changes: dict[str, Any] = {"harmonizer": "colour-map", "arm": "looks", "seed": 1, "steps": 7}
    assert changes.keys() == {field.name for field in dataclasses.fields(Training)}
    keys = {dataclasses.replace(one, **{name: v}).key(known) for name, v in changes.items()}
    keys |= {one.key(known), one.key({**known, "photos": "b"}), one.key({**known, "sha256": "c"})}
    assert len(keys) == len(changes) + 3
    assert one.key(known) == one.key(dict(reversed(known.items())))


def test_trainings_are_reproducible(root: Path) -> None:
    data, store_folder = Data(root, root / "store"), root / "store"
    photos, tests = read_photos(root, store_folder)[0], read_tests(root, store_folder)[0]
    make = make_with(ARMS["filters-relight"], data, photos, None)
    one = Training("colour-map", "filters-relight", 0, 3)
    results = [training.run(one, photos, tests, make, torch.device("cpu")) for _ in range(2)]
    assert results[0]["tests"] == results[1]["tests"]


def test_no_folder_of_test_photos_is_trained_on() -> None:
    assert not set(PHOTO_FOLDERS) & {"hday2night_reals", *SETS.values()}
    assert {name for names in KINDS.values() for name in names} == set(SETS)


def test_small_foregrounds_are_tested_but_not_trained_on(root: Path, tmp_path: Path) -> None:
    from PIL import Image

    for folder in ("photos/labelme", "pairs/webcam"):
        write_folder(tmp_path / folder, photos=2, composites=int(folder[1] == "a"), size=40)
        mask = np.zeros((40, 40), np.uint8)
        mask[20:22, 20:22] = 255
        Image.fromarray(mask).save(tmp_path / folder / "masks" / "p0_1.png")
    tests, absent = read_tests(tmp_path, tmp_path / "store")
    assert len(tests["webcams"].photos) == 2
    assert len(absent) == len(SETS) - 1
    photos, absent = read_photos(tmp_path, tmp_path / "store")
    assert len(photos) == 1
    assert len(absent) == len(PHOTO_FOLDERS) - 1


@pytest.mark.parametrize("name", ["filters", "filters-scaled", "filters-relight", "even"])
def test_arms_keep_the_background(root: Path, name: str) -> None:
    photos = read_photos(root, root / "store")[0].take(range(4))
    arm = dataclasses.replace(ARMS["daylight"], source="even") if name == "even" else ARMS[name]
    make = make_with(arm, Data(root, root / "store"), photos, CHECKPOINT)
    real, mask = photos.real.float() / 255, photos.mask.float()
    made = make(real, mask, 1)
    outside = (mask == 0).expand_as(real)
    assert torch.equal(made[outside], real[outside])
    assert not torch.equal(made, real)


def test_weaker_filters_change_less(root: Path) -> None:
    photos = read_photos(root, root / "store")[0]
    real, mask = photos.real.float() / 255, photos.mask.float()
    change = {}
    for name in ("filters", "filters-scaled"):
        torch.manual_seed(0)
        made = make_with(ARMS[name], Data(root, root / "store"), photos, None)(real, mask, 1)
        change[name] = (made - real).square().mean()
    assert 0 < change["filters-scaled"] < 0.7 * change["filters"]


def test_taught_recipes_need_no_pairs_and_no_sequences() -> None:
    assert taught("unified")
    names = [part for one in taught("daylight") for part in one.split("+")]
    assert "filters" in names
    assert not {"transplant", "timelapse"} & set(names)


@pytest.mark.parametrize("harmonizer", THUMBNAILS)
def test_batches_pair_each_composite_with_its_photo(root: Path, harmonizer: str) -> None:
    photos = read_photos(root, root / "store")[0]

    def white(real: torch.Tensor, mask: torch.Tensor, n: int) -> torch.Tensor:
        assert n == 1
        return torch.lerp(real, torch.ones_like(real), mask)

    size = THUMBNAILS[harmonizer]
    batches = draw_batches(photos, white, size, torch.device("cpu"))
    for _ in range(5):
        composite, real, mask = next(batches)
        assert composite.shape == real.shape == (BATCH, 3, size, size)
        assert mask.shape == (BATCH, 1, size, size)
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(composite, torch.lerp(real, torch.ones_like(real), mask))


def _records(
    gains: dict[str, float], seeds: int = 3, steps: int = STEPS, sha256: str | None = None
) -> list[store.Record]:
    """Records whose errors are those of the filters times 1 + gain."""
    draw = np.random.default_rng(0)
    base = {name: draw.uniform(500, 1500, (seeds, 8)) for name in SETS}
    scenes = [f"scene {pair // 2}" for pair in range(8)]

    def tests(seed: int, factor: float) -> dict[str, Any]:
        return {
            name: {
                "fMSE": (v[seed] * factor).tolist(),
                "PSNR": (30 - v[seed] / 100 * factor).tolist(),
                "scenes": scenes,
            }
            for name, v in base.items()
        }

    found: list[store.Record] = [{"arm": "untouched", "tested": "t", "tests": tests(0, 2.0)}]
    for arm, gain in gains.items():
        for seed in range(seeds):
            about: dict[str, Any] = {
                "harmonizer": "dense",
                "arm": arm,
                "seed": seed,
                "steps": steps,
            }
            found.append({**about, "tested": "t", "sha256": sha256, "tests": tests(seed, 1 + gain)})
    return found


def test_a_change_is_paired_so_that_a_constant_one_has_no_spread() -> None:
    gain = Results(_records({"filters": 0.0, "unified": -0.2}), "dense").gain("unified")
    assert gain is not None
    for found in (gain.relative, gain.each, gain.known_aside):
        np.testing.assert_allclose(found, (-20, -20, -20))
    assert (gain.better, gain.seeds) == (3, 3)
    assert all(change["fMSE"].high < 0 < change["PSNR"].low for change in gain.kinds.values())


def test_means_of_kinds_have_the_same_weight_and_are_those_of_a_plain_average() -> None:
    records = _records({"filters": 0.0})
    levels = Results(records, "dense").levels("filters", "fMSE")
    by_hand = {
        kind: np.mean([r["tests"][n]["fMSE"] for r in records[1:] for n in names])
        for kind, names in KINDS.items()
    }
    by_hand["all"] = np.mean(list(by_hand.values()))
    assert levels == pytest.approx(by_hand)


def test_an_interval_holds_the_spread_of_scenes_within_kinds() -> None:
    results = Results(_records({"filters": 0.0}, seeds=1), "dense")
    means = results.means("filters", "fMSE", [0])
    spread = []
    for names in KINDS.values():
        values = np.concatenate([results.arms["filters"][0]["tests"][n]["fMSE"] for n in names])
        by_scene = np.stack([v.reshape(4, 2) for v in values.reshape(-1, 8)], 1).mean((1, 2))
        spread.append(by_scene.var() / 4)
    found = estimate(means.mean(0))
    expected = 3.92 * np.sqrt(np.sum(spread)) / len(KINDS)
    assert 0.7 * expected < found.high - found.low < 1.3 * expected


def test_tables_take_the_newest_checkpoint_and_the_steps_of_the_protocol() -> None:
    old, new = (_records({"unified": gain}, sha256=name) for gain, name in ((0.5, "a"), (0.1, "b")))
    short = _records({"looks": 0.3}, steps=8)
    results = Results([*old, *new[:2], *short], "dense")
    assert {seed: r["sha256"] for seed, r in results.arms["unified"].items()} == {0: "b"}
    assert results.arms.keys() == {"unified"}
    assert not Results(old, "colour-map").arms


@pytest.mark.parametrize("known", [{}, {"filters": 0.0}, {"filters": 0.0, "unified": -0.1}])
def test_tables_have_rows_of_one_length_however_far_the_trainings_are(
    known: dict[str, float],
) -> None:
    for records in (_records(known), []):
        for table in (rows, by_kind):
            head, *body = table(Results(records, "dense"))
            assert {len(row) for row in body} <= {len(head)}
    assert len(list(rows(Results(_records(known), "dense")))) == 2 + len(known)


@pytest.mark.parametrize("known", [{}, {"filters": 0.0, "unified": -0.1}])
def test_the_chart_is_drawn_however_far_the_trainings_are(
    known: dict[str, float], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    chart = importlib.import_module("chart")
    chart.draw(_records(known), tmp_path / "charts" / "chart.png")
    with Image.open(tmp_path / "charts" / "chart.png") as picture:
        assert picture.width > picture.height


def test_results_hold_no_pictures_and_no_paths() -> None:
    for record in store.load(figures.RESULTS):
        assert "/" not in str({name: v for name, v in record.items() if name != "tests"})
