import pytest
from evaluation_doubles import FixedDraws, small_net
from photo_folders import write_folder

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.augmenter_report import (
    TERMS,
    augmenter_report,
    draw_rows,
    headline,
    pair_rows,
    reconstruction_rows,
)
from harmaug.evaluation.figures import AugmenterEvaluation, summarize
from harmaug.evaluation.measure import measure
from harmaug.evaluation.samplers import CheckpointSampler

AUG = SycoNetAugment(small_net())
SAMPLERS = {
    "net": CheckpointSampler(AUG),
    "true": FixedDraws(["composite"]),
    "photo": FixedDraws(["real"], 0.5),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_folder(root / "one", photos=3, composites=2)
    write_folder(root / "two", photos=2, composites=1, seed=1)
    return HarmonyFolder(root, size=32)


@pytest.fixture(scope="module")
def measured(folder):
    return measure(AUG.net, folder, {"one": SAMPLERS, "two": SAMPLERS}, draws=4)


@pytest.fixture(scope="module")
def figures(measured):
    return summarize(measured)


def test_tables_hold_a_row_for_each_sampler_and_pair(figures, measured):
    rows = draw_rows(figures["one"], 4)
    assert [row[0] for row in rows] == ["draws", *SAMPLERS, "true composites"]
    assert len({len(row) for row in rows}) == 1
    assert [row[2] == "" for row in rows[1:4]] == [True, False, False]
    assert headline("one", figures["one"]).startswith("one: 6 pairs of 3 scenes")
    assert reconstruction_rows(figures["one"])[-1][0] == "KL in nats"
    pairs = pair_rows(measured, "photo")
    assert len(pairs) == 8
    assert {row["scene"] for row in pairs} == {"p0", "p1", "p2"}
    assert all(row["nearest draw fMSE, true"] == 0 for row in pairs)


def test_one_pair_has_no_spread_to_show(measured):
    found = summarize(measured.part([0]))["one"]
    assert headline("one", found).startswith("one: 1 pair of 1 scene,")
    rows = draw_rows(found, 4)
    assert [row[4] for row in rows[1:4]] == ["-", "-", "-"]
    assert rows[-1][5] == "-"
    assert reconstruction_rows(found)[4] == ["latent dimensions active", "-", ""]


def test_the_report_shows_every_part_and_asks_nothing_of_the_web(figures, measured):
    settings = {
        "checkpoint": "<mine>",
        "data": "a & b",
        "draws": 4,
        "seed": 0,
        "scenes": "photo",
        "size": 32,
    }
    evaluation = AugmenterEvaluation(settings, None, {"net": "a checkpoint"}, {}, figures)
    html = augmenter_report(AUG, measured, evaluation)
    assert "&lt;mine&gt;" in html
    assert "a &amp; b" in html
    for part in ("all subsets", "Covered best", "Covered worst", "Latent traversals", "<svg"):
        assert part in html
    assert all(f"<b>{word}</b>" in html for word, _ in TERMS)
    assert html.count("<svg") == 2
    assert "http" not in html
    assert "<script" not in html
    assert html.count("<img") > 9 * 7
