"""The downstream benchmark: its plan, its store, its figures, and one small training."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photo_folders import write_folder

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks" / "downstream"), str(ROOT / "examples" / "harmonizer")]

import plan  # noqa: E402
import store  # noqa: E402
from arms import ARMS, WITHOUT_PHOTOS, Make, _in_turn, maker  # noqa: E402
from checkpoints import fingerprint  # noqa: E402
from measured import Table, gain, share_of_gain  # noqa: E402
from pretraining import pretrained  # noqa: E402
from sets import PHOTO_FOLDERS, Data, TestSet, TrainingSet, composed, scene_of  # noqa: E402
from table import Question, Results, markdown  # noqa: E402
from trial import BATCH, Trial, draw_batches, errors_of, run  # noqa: E402

from harmaug.recipes import ColorTransfer  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(PHOTO_FOLDERS[:2]):
        folder = write_folder(root / "photos" / name, photos=12, size=40, seed=number)
        masks = sorted(path.name for path in (folder / "masks").iterdir())
        (folder / f"{name}_train.txt").write_text("\n".join(masks[:9]))
        (folder / f"{name}_val.txt").write_text("\n".join(masks[9:]))
    (root / "transforms").mkdir()
    looks = np.random.default_rng(0).integers(0, 256, (20, 3, 5, 5, 5), dtype=np.uint8)
    np.savez(root / "transforms" / "looks.npz", luts=looks)
    return Data(root, root / "store")


@pytest.fixture
def training(data: Data) -> TrainingSet:
    return data.training_set("color-transfer", 6, 0)


def test_sets_of_a_seed_are_nested_and_share_no_photo_with_the_extra_photos(data: Data) -> None:
    small, large = (data.training_set("color-transfer", size, 3) for size in (4, 8))
    assert set(small.pairs.names) <= set(large.pairs.names)
    photos = {one.numpy().tobytes() for one in large.pairs.real}
    assert not photos & {one.numpy().tobytes() for one in large.extra.real}
    assert len(large.pairs) + len(large.extra) == len(data.photos("train"))


def test_seeds_draw_other_photos_and_the_same_seed_the_same(data: Data) -> None:
    first, again, other = (data.training_set("color-transfer", 6, seed) for seed in (0, 0, 1))
    assert first.pairs.digest() == again.pairs.digest() != other.pairs.digest()


def test_composites_differ_from_photos_in_the_foreground_alone(training: TrainingSet) -> None:
    pairs = training.pairs
    assert pairs.composite is not None
    changed = pairs.composite.ne(pairs.real).any(1, keepdim=True)
    assert changed.flatten(1).any(1).all()
    assert not (changed & ~pairs.mask).any()


def test_tested_photos_are_of_the_val_lists(data: Data) -> None:
    learnt = {one.numpy().tobytes() for one in data.photos("train").real}
    tested = data.tests("color-transfer")["unseen photos"]
    assert len(tested.photos) == len(tested.scenes) == 6
    assert not learnt & {one.numpy().tobytes() for one in tested.photos.real}


@pytest.mark.parametrize(
    ("name", "scene"),
    [
        ("horse004_1.png", "horse004"),
        ("image-100005_1.png", "image-100005"),
        ("mallard-water-00010_1.png", "mallard-water"),
        ("wmexico-20130502-071500_1_1.jpg", "wmexico"),
        ("d90000003-29_1_r2.jpg", "d90000003"),
    ],
)
def test_scenes_are_photos_cameras_and_sequences(name: str, scene: str) -> None:
    assert scene_of(name) == scene


@pytest.mark.parametrize("name", sorted(path.stem for path in plan.EXPERIMENTS.glob("*.json")))
def test_every_experiment_can_be_read(name: str) -> None:
    trials = plan.read_plan(name)
    assert trials
    assert len(set(trials)) == len(trials)
    assert not any(trial.extra and trial.arm in WITHOUT_PHOTOS for trial in trials)


def test_all_arms_of_a_seed_come_together() -> None:
    block = {"arm": ["none", "flips"], "set": "retouch", "seed": [0, 1], "p": [0.2, 0.5]}
    groups = plan.group(plan.expand(block))
    assert [[trial.seed for trial in some] for some in groups] == [[0] * 4, [1] * 4]


def test_unknown_experiments_and_arms_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"no experiment 'mian'; there are .*main"):
        plan.read_plan("mian")
    with pytest.raises(ValueError, match="unknown arm 'magic'"):
        plan.expand({"arm": "magic", "set": "retouch", "seed": 0})


def test_keys_differ_with_every_setting_and_with_data_and_checkpoint() -> None:
    trial = Trial("retouch", "flips", 0)
    known: dict[str, str | None] = {"pairs": "a", "checkpoint": "b"}
    changes: dict[str, Any] = {
        "set": "x",
        "arm": "x",
        "seed": 7,
        "extra": True,
        "size": 7,
        "steps": 7,
    }
    changes |= {"p": 0.7, "n": 7, "strength": 0.7, "fixed": 7}
    changes |= {"harmonizer": "dense", "before": 7}
    assert changes.keys() == {field.name for field in dataclasses.fields(Trial)}
    keys = {dataclasses.replace(trial, **{name: v}).key(known) for name, v in changes.items()}
    keys |= {trial.key(known), trial.key(known | {"pairs": "c"}), trial.key({"pairs": "a"})}
    assert len(keys) == len(changes) + 3
    assert trial.key(known) == Trial("retouch", "flips", 0).key(dict(reversed(known.items())))


def test_fingerprints_of_nets_trained_on_pairs_differ_with_the_pairs(data: Data) -> None:
    pairs = [data.training_set("color-transfer", 6, seed).pairs for seed in (0, 1)]
    assert fingerprint("own", pairs[0]) != fingerprint("own", pairs[1])
    assert fingerprint("own", pairs[0]) != fingerprint("own-finetuned", pairs[0])
    assert fingerprint("unified", pairs[0]) == fingerprint("unified", pairs[1])


def test_a_kill_in_the_middle_of_a_line_loses_that_line_alone(tmp_path: Path) -> None:
    for key in "ab":
        store.append(tmp_path, {"key": key, "set": "daylight/x"})
    file = store.file_of(tmp_path, "daylight/x")
    file.write_bytes(file.read_bytes()[:-5])
    assert [record["key"] for record in store.load(tmp_path)] == ["a"]
    store.append(tmp_path, {"key": "c", "set": "daylight/x"})
    assert [record["key"] for record in store.load(tmp_path)] == ["a", "c"]


def test_packing_keeps_every_result_and_one_file(tmp_path: Path) -> None:
    for key, name in (("a", "x"), ("b", "y"), ("a", "x")):
        store.append(tmp_path, {"key": key, "set": name})
    assert store.pack(tmp_path) == 2
    store.append(tmp_path, {"key": "c", "set": "x"})
    assert [record["key"] for record in store.load(tmp_path)] == ["a", "b", "c"]
    assert store.pack(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == [store.PACKED]
    assert [record["key"] for record in store.load(tmp_path)] == ["a", "b", "c"]


def test_a_trial_is_reproducible_and_tests_every_picture(data: Data, training: TrainingSet) -> None:
    make = maker(ARMS["filters"], data, training, None, 1.0)
    trial = Trial("color-transfer", "filters", 0, extra=True, size=6, steps=4)
    tests = data.tests("color-transfer")
    results = [run(trial, training, tests, make, CPU) for _ in range(2)]
    assert results[0]["tests"] == results[1]["tests"]
    errors = results[0]["tests"]["unseen photos"]
    assert len(errors["PSNR"]) == len(errors["fMSE"]) == len(tests["unseen photos"].photos)


def test_pre_trained_weights_are_shared_by_sizes_and_stay_as_they_were(
    data: Data, tmp_path: Path
) -> None:
    def dark(real: torch.Tensor, mask: torch.Tensor, n: int) -> torch.Tensor:
        return (real * (1 - 0.5 * mask)).repeat_interleave(n, 0)

    def never(real: torch.Tensor, mask: torch.Tensor, n: int) -> torch.Tensor:
        raise AssertionError

    trial = Trial("color-transfer", "unified", 0, steps=6, before=4, p=0.0)
    photos = data.photos("train")
    weights = pretrained(trial, photos, dark, "a", tmp_path, CPU)
    other = dataclasses.replace(trial, size=3, set="retouch", steps=9)
    again = pretrained(other, photos, never, "a", tmp_path, CPU)
    assert all(weights[name].equal(again[name]) for name in weights)
    with pytest.raises(AssertionError):
        pretrained(dataclasses.replace(trial, seed=1), photos, never, "a", tmp_path, CPU)


def test_training_goes_on_from_the_weights_it_is_given_and_takes_originals_alone(
    data: Data, training: TrainingSet, tmp_path: Path
) -> None:
    trial = Trial("color-transfer", "unified", 0, size=6, steps=6, before=4, p=0.0)
    make = maker(ARMS["filters"], data, training, None, 1.0)
    weights = pretrained(trial, data.photos("train"), make, None, tmp_path, CPU)
    tests = data.tests("color-transfer")
    fresh, further = (
        run(trial, training, tests, None, CPU, start)["tests"] for start in (None, weights)
    )
    assert fresh != further
    composite, _, _ = next(draw_batches(trial, training, make, CPU))
    assert len(composite) == BATCH


@pytest.mark.parametrize("n", [1, 2])
def test_a_share_p_of_a_batch_is_made_and_the_rest_are_the_set_s_own(
    training: TrainingSet, n: int
) -> None:
    asked = []

    def white(real: torch.Tensor, mask: torch.Tensor, count: int) -> torch.Tensor:
        asked.append(count)
        return torch.lerp(real, torch.ones_like(real), mask).repeat_interleave(count, 0)

    trial = Trial("color-transfer", "filters", 0, p=0.25, n=n)
    composite, real, mask = next(draw_batches(trial, training, white, CPU))
    made = ((composite == 1) | (mask == 0)).flatten(1).all(1)
    assert composite.shape == real.shape
    assert len(real) == BATCH
    assert asked == [n]
    assert made.sum() == BATCH / 4


def test_fixed_composites_are_drawn_once(training: TrainingSet) -> None:
    calls = []

    def make(real: torch.Tensor, mask: torch.Tensor, count: int) -> torch.Tensor:
        calls.append(count)
        return real.repeat_interleave(count, 0)

    batches = draw_batches(Trial("color-transfer", "static", 0), training, make, CPU)
    for _ in range(5):
        next(batches)
    assert calls == [ARMS["static"].fixed]


@pytest.mark.parametrize("name", ["filters", "looks", "recipe"])
def test_arms_keep_the_background_and_make_n_composites(
    data: Data, training: TrainingSet, name: str
) -> None:
    make: Make = maker(ARMS[name], data, training, None, 1.0)
    real, mask = training.pairs.real.float() / 255, training.pairs.mask.float()
    made = make(real, mask, 2)
    assert made.shape == (12, 3, 128, 128)
    outside = (mask == 0).repeat_interleave(2, 0).expand_as(made)
    assert torch.equal(made[outside], real.repeat_interleave(2, 0)[outside])
    assert not made[0].equal(made[1])


def test_two_makers_in_turn_make_every_second_photo_s_composites() -> None:
    def paint(value: float) -> Make:
        return lambda real, mask, n: torch.full((len(real) * n, *real.shape[1:]), value)

    real, mask = torch.zeros(3, 3, 4, 4), torch.ones(3, 1, 4, 4)
    made = _in_turn(paint(0.25), paint(0.75))(real, mask, 2)
    assert made[:, 0, 0, 0].tolist() == [0.25, 0.25, 0.75, 0.75, 0.25, 0.25]
    assert len(_in_turn(paint(0.25), paint(0.75))(real[:1], mask[:1], 1)) == 1


def test_untouched_composites_have_the_errors_of_an_independent_formula(
    training: TrainingSet,
) -> None:
    pairs = training.pairs
    assert pairs.composite is not None
    errors = errors_of(None, pairs, CPU)
    square = (pairs.composite.double() - pairs.real.double()).square()
    area = pairs.mask.sum((1, 2, 3))
    np.testing.assert_allclose(errors["fMSE"], (square.sum((1, 2, 3)) / area / 3), atol=0.06)
    psnr = 10 * torch.log10(255**2 / square.mean((1, 2, 3)))
    np.testing.assert_allclose(errors["PSNR"], psnr, atol=0.006)


def _table(psnr: np.ndarray, seeds: list[int] | None = None) -> Table:
    scenes = [f"scene {picture // 2}" for picture in range(psnr.shape[1])]
    return Table({"PSNR": psnr, "fMSE": -psnr}, seeds or list(range(len(psnr))), scenes)


def test_gains_are_paired_by_seed_so_that_a_constant_gain_has_no_spread() -> None:
    base = np.random.default_rng(0).normal(30, 5, (4, 20))
    over, better, seeds = gain(_table(base[::-1] + 0.5, [3, 2, 1, 0]), _table(base))
    assert (better, seeds) == (4, 4)
    np.testing.assert_allclose(over, (0.5, 0.5, 0.5))


def test_less_error_is_a_gain_too() -> None:
    base = np.zeros((3, 4))
    assert gain(_table(base + 1), _table(base), "fMSE")[1] == 3


def test_an_interval_holds_the_spread_of_scenes_and_of_seeds() -> None:
    draw = np.random.default_rng(1)
    noise = draw.normal(0, 1, (5, 1)) + np.repeat(draw.normal(0, 1, (1, 20)), 2, 1)
    over, _, _ = gain(_table(noise), _table(np.zeros((5, 40))))
    expected = np.sqrt(noise.mean(1).var() / 5 + noise[0, ::2].var() / 20)
    assert over.low < noise.mean() < over.high
    assert 0.7 * 3.92 * expected < over.high - over.low < 1.3 * 3.92 * expected


def test_shares_are_of_the_best_arm_s_gain() -> None:
    base = np.random.default_rng(2).normal(30, 5, (3, 10))
    tables = [_table(base + more) for more in (0.75, 0.0, 1.0)]
    share = share_of_gain(tables[0], tables[1], tables[2])
    assert share == pytest.approx((0.75, 0.75, 0.75))


def test_results_are_picked_by_every_setting_and_only_whole_seeds_count() -> None:
    def record(seed: int, name: str, **settings: object) -> dict[str, Any]:
        errors = {"PSNR": [30.0 + seed], "fMSE": [1.0], "scenes": [name]}
        usual = {"extra": False, "size": 200, "steps": 600, "p": 0.5, "n": 1, "strength": 1.0}
        about = {"arm": "none", "set": name, "seed": seed, "fixed": None}
        return usual | about | {"tests": {"t": errors}} | settings

    records = [record(0, "a"), record(0, "b"), record(1, "a"), record(0, "a", p=0.9)]
    records += [record(0, name, arm="untouched") for name in "ab"]
    table = Results(records).arm("none", Question(["a", "b"], ("t",), {}))
    assert table is not None
    assert table.seeds == [0]
    assert table.errors["PSNR"].tolist() == [[30.0, 30.0]]
    assert table.scenes == ["a", "b"]
    newer = record(0, "a") | {"tests": {"t": {"PSNR": [31.0], "fMSE": [1.0], "scenes": ["a"]}}}
    again = Results([*records, newer]).arm("none", Question(["a"], ("t",), {}))
    assert again is not None
    assert again.errors["PSNR"].tolist() == [[31.0], [31.0]]  # seeds 0 and 1
    part = Results([records[0], *records[-2:]])
    assert part.arm("none", Question(["a", "b"], ("t",), {})) is None


def test_tables_are_markdown() -> None:
    assert markdown([["a", "b"], ["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_results_hold_no_pictures_and_no_paths() -> None:
    records = store.load(store.RESULTS)
    assert len(records) > 1000
    for record in records:
        assert "/" not in json.dumps({k: v for k, v in record.items() if k != "set"})


def test_colour_transfer_never_gets_a_single_photo(data: Data) -> None:
    photos = data.photos("train").take(range(2))
    assert composed(photos, ColorTransfer(), torch.Generator()).composite is not None
    assert isinstance(data.tests("color-transfer")["unseen photos"], TestSet)
