"""The comparison of real codebases: its files, its command, its figures; no checkout is needed."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photo_folders import write_folder
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path[:0] = [
    str(ROOT / "benchmarks" / "hosts"),
    str(ROOT / "benchmarks" / "downstream"),
    str(ROOT / "examples" / "harmonizer"),
    str(ROOT / "tests" / "hosts"),
]

import gains  # noqa: E402
import own_trainer  # noqa: E402
import store  # noqa: E402
import subsets  # noqa: E402
import with_and_without  # noqa: E402
from codebases import CODEBASES  # noqa: E402
from own_lines import loader_lines  # noqa: E402
from sets import PHOTO_FOLDERS, Data  # noqa: E402
from with_and_without import Training  # noqa: E402

from harmaug.data.folder import HarmonyFolder  # noqa: E402


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(PHOTO_FOLDERS[:2]):
        folder = write_folder(root / "photos" / name, photos=12, size=40, seed=number)
        masks = folder / "masks"
        for path in [*masks.iterdir(), *(folder / "real_images").iterdir()]:
            path.rename(path.with_name(name + path.name))  # one name, one photo
        names = sorted(path.name for path in masks.iterdir())
        (folder / f"{name}_train.txt").write_text("\n".join(names[:9]))
        (folder / f"{name}_val.txt").write_text("\n".join(names[9:]))
    (root / "transforms").mkdir()
    looks = np.random.default_rng(0).integers(0, 256, (20, 3, 5, 5, 5), dtype=np.uint8)
    np.savez(root / "transforms" / "looks.npz", luts=looks)
    return root


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return _written(root, 0)


def _written(root: Path, seed: int) -> Path:
    data = Data(root, root / "store")
    return subsets.written(data, "color-transfer", 8, seed, root / "written", tests=4)


def test_a_set_is_read_back_as_iharmony4(folder: Path) -> None:
    read = {split: HarmonyFolder(folder / subsets.SUBSET, split) for split in ("train", "test")}
    assert {split: len(items) for split, items in read.items()} == {"train": 8, "test": 4}
    changed = 0
    for items in read.values():
        for row in range(len(items)):
            sample = items[row]
            assert sample["real"].shape == (3, 64, 64)
            outside = (sample["mask"] == 0).expand_as(sample["real"])
            change = (sample["composite"] - sample["real"]).abs()
            assert change[outside].mean() < 0.02  # two JPEG files of one background
            changed += int(change[~outside].mean() > 0.02)
    assert changed > 6


def test_names_give_photo_and_mask_as_the_codebases_read_them(folder: Path) -> None:
    subset = folder / subsets.SUBSET
    for split in ("train", "test"):
        for name in (subset / f"{subsets.SUBSET}_{split}.txt").read_text().split():
            assert (subset / "composite_images" / name).is_file()
            assert (subset / "real_images" / f"{name.split('_')[0]}.jpg").is_file()
            assert (subset / "masks" / f"{'_'.join(name.split('_')[:-1])}.png").is_file()
        empty = folder / subsets.EMPTY
        assert (empty / f"{subsets.EMPTY}_{split}.txt").read_text() == ""


def test_test_pairs_are_the_same_for_all_seeds_and_none_is_trained_on(root: Path) -> None:
    first, second = (_written(root, seed) for seed in (0, 1))
    trained, tested = zip(*map(subsets.digests, (first, second)), strict=True)
    assert trained[0] != trained[1]
    assert tested[0] == tested[1]
    for one in (first, second):
        subset = one / subsets.SUBSET
        train = (subset / f"{subsets.SUBSET}_train.txt").read_text().split()
        assert not set(train) & set(subsets.scenes(one))


def test_the_subset_has_one_name_in_both_processes() -> None:
    assert (own_trainer.SUBSET, own_trainer.EMPTY) == (subsets.SUBSET, subsets.EMPTY)


@pytest.mark.parametrize("name", CODEBASES)
def test_the_lines_are_those_of_the_page_but_for_checkpoint_and_seed(name: str) -> None:
    codebase = CODEBASES[name]
    mine = own_trainer.lines(codebase, "unified", 3)
    page = loader_lines("trainer.train_data", codebase.preset)
    assert mine[:3] == page[:3]
    assert mine[3] == page[3].replace('p="auto"', 'p="auto", seed=3')
    assert own_trainer.lines(codebase, None, 3) == []


@pytest.mark.parametrize("name", CODEBASES)
def test_the_learning_rate_falls_after_the_same_share_of_a_shorter_training(name: str) -> None:
    codebase = CODEBASES[name]
    edits = codebase.edits(codebase.published_epochs)
    unchanged = "milestones=[{}, {}]".format(*codebase.milestones)
    assert edits[unchanged] == unchanged
    assert codebase.edits(2 * codebase.published_epochs)[unchanged] == (
        f"milestones=[{2 * codebase.milestones[0]}, {2 * codebase.milestones[1]}]"
    )


@pytest.mark.parametrize("name", CODEBASES)
def test_each_edit_stands_once_in_the_script(name: str, request: pytest.FixtureRequest) -> None:
    codebase = CODEBASES[name]
    checkouts = request.config.getoption("--checkouts", default=None)
    if checkouts is None:
        pytest.skip(
            "needs checkouts: pytest tests/hosts tests/test_benchmarks_hosts.py --checkouts"
        )
    script = Path(checkouts, codebase.checkout, codebase.script)
    if not script.is_file():
        pytest.skip(f"{script} is not there")
    source = script.read_text("utf-8")
    assert [source.count(text) for text in (codebase.below, *codebase.edits())] == [1] * (
        1 + len(codebase.edits())
    )


def test_keys_differ_with_every_setting_and_with_pictures_and_checkpoint() -> None:
    one, known = Training("issam", "retouch", "none", 0, 24), {"pairs": "a", "sha256": None}
    changes: dict[str, Any] = {
        "codebase": "pctnet-cnn",
        "set": "color-transfer",
        "arm": "domain",
        "seed": 1,
        "epochs": 7,
    }
    assert changes.keys() == {field.name for field in dataclasses.fields(Training)}
    keys = {dataclasses.replace(one, **{name: v}).key(known) for name, v in changes.items()}
    keys |= {one.key(known), one.key({**known, "pairs": "b"}), one.key({**known, "sha256": "c"})}
    assert len(keys) == len(changes) + 3


def test_arms_name_their_checkpoints() -> None:
    found = [Training("issam", "retouch", a, 0, 1).checkpoint for a in with_and_without.ARMS]
    assert found == [None, "retouch", "unified"]


def test_a_prediction_equal_to_the_composite_scores_as_the_composite(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torchmetrics", reason="scores need torchmetrics (extra eval)")
    subset = folder / subsets.SUBSET
    for kind, copied in (("real_images", tmp_path / "best"), ("composite_images", tmp_path / "c")):
        copied.mkdir()
        for name in subsets.scenes(folder):
            file = name if kind == "composite_images" else f"{name.split('_')[0]}.jpg"
            Image.open(subset / kind / file).save(copied / f"{Path(name).stem}.png")
    untouched = with_and_without.scored(tmp_path / "c", folder, 64, tmp_path / "1")
    best = with_and_without.scored(tmp_path / "best", folder, 64, tmp_path / "2")
    bare = untouched.pop("untouched")
    assert untouched == bare == best["untouched"]
    assert best["fMSE"] == [0.0] * 4
    assert min(bare["fMSE"]) > 0


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call the command with results in a folder of the test; return its records."""

    def call(checkouts: Path, *options: str) -> list[store.Record]:
        places = ["--store", str(root / "store"), "--results", str(tmp_path / "results")]
        arguments = ["with_and_without.py", str(root), str(checkouts), *places, *options]
        monkeypatch.setattr(sys, "argv", arguments)
        with_and_without.main()
        return store.load(tmp_path / "results")

    return call


SMOKE = ("--smoke", "--sets", "color-transfer", "--codebases", "issam")


def test_without_a_checkout_or_data_the_command_says_so(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    assert run(tmp_path, *SMOKE) == []
    assert "left out: " in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["with_and_without.py", str(tmp_path), str(tmp_path)])
    with_and_without.main()
    assert "skipped" in capsys.readouterr().out


@pytest.mark.slow
def test_a_codebase_that_fails_is_shown_with_what_it_printed_last(run: Any, tmp_path: Path) -> None:
    (tmp_path / CODEBASES["issam"].checkout).mkdir()  # without its package
    with pytest.raises(RuntimeError, match=r"own_trainer\.py issam .* failed:\n[\s\S]*Error"):
        run(tmp_path, *SMOKE, "--arms", "none")


def test_trainings_are_stored_with_settings_and_scenes_and_not_repeated(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def trained(training: Training, folder: Path, checkouts: Path) -> dict[str, Any]:
        errors = {"fMSE": [1.0] * 6, "PSNR": [30.0 + (training.arm != "none")] * 6}
        bare = {"fMSE": [2.0] * 6, "PSNR": [25.0] * 6}
        return {"loss": 0.5, "seconds": 1.0, **errors, "untouched": bare}

    monkeypatch.setattr(with_and_without, "trained", trained)
    (tmp_path / CODEBASES["issam"].checkout).mkdir()
    first = run(tmp_path, *SMOKE, "--arms", "none")
    assert [record["arm"] for record in first] == ["untouched", "none"]
    assert len(first[0]["scenes"]) == 6
    more = run(tmp_path, *SMOKE)
    assert [record["arm"] for record in more[2:]] == ["domain", "unified"]
    assert [len(record["sha256"]) for record in more[2:]] == [64, 64]
    printed = capsys.readouterr().out
    assert printed.count("stored before") == 1
    assert "+1.00 [+1.00, +1.00]" in printed
    assert "issam, color-transfer: +0.3 dB in 1 of 1 seeds" in printed


def _records(gain: float, sha256: str = "new", epochs: int = 24) -> list[store.Record]:
    """Records of one codebase: none, and the domain's checkpoint better by a constant."""
    draw = np.random.default_rng(0)
    psnr = draw.uniform(20, 30, (3, 8))
    about = {"codebase": "issam", "set": "retouch", "tested": "t"}
    bare = {"PSNR": [25.0] * 8, "fMSE": [900.0] * 8, "scenes": [f"s{k // 2}" for k in range(8)]}
    found: list[store.Record] = [{**about, "arm": "untouched", **bare}]
    for seed in range(3):
        for arm, more in (("none", 0.0), ("domain", gain)):
            values = {"PSNR": (psnr[seed] + more).tolist(), "fMSE": (1000 - psnr[seed]).tolist()}
            known = {"sha256": sha256 if arm == "domain" else None, "epochs": epochs}
            found.append({**about, "arm": arm, "seed": seed, **known, **values})
    return found


def test_a_constant_gain_has_no_spread() -> None:
    (case,) = gains.cases(_records(0.4), 24).values()
    (line,) = list(gains.rows({("issam", "retouch"): case}))[1:]
    assert "+0.40 [+0.40, +0.40]" in line
    assert "+0.40, +0.40, +0.40" in line
    np.testing.assert_allclose(gains.by_seed(case.arms["domain"], case.arms["none"]), 0.4)


def test_results_of_an_older_checkpoint_or_other_epochs_do_not_count() -> None:
    records = _records(0.1, "old") + _records(0.4) + _records(5.0, epochs=1)
    (case,) = gains.cases(records, 24).values()
    np.testing.assert_allclose(gains.by_seed(case.arms["domain"], case.arms["none"]), 0.4)


def test_rows_have_one_length_and_results_that_lack_an_arm_make_none() -> None:
    head, *body = gains.rows(gains.cases(_records(0.4), 24))
    assert {len(row) for row in body} == {len(head)}
    assert list(gains.rows(gains.cases(_records(0.4)[:2], 24))) == [head]
    assert list(gains.rows(gains.cases([], 24))) == [head]
    assert gains.summary(gains.cases(_records(0.4), 24))[0]["seeds"] == [0, 1, 2]


def test_noted_losses_need_no_change_of_the_codebase(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    class MaskWeightedMSE:
        def forward(self, *values: torch.Tensor) -> torch.Tensor:
            return sum(values[1:], values[0])

    for name in ("iharm", "iharm.model", "iharm.model.losses"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(
        sys.modules["iharm.model.losses"], "MaskWeightedMSE", MaskWeightedMSE, raising=False
    )
    found = own_trainer.noted()
    loss = MaskWeightedMSE().forward(torch.ones(2), torch.tensor([1.0, 3.0]))
    assert loss.tolist() == [2.0, 4.0]
    assert found == [3.0]
