"""The fit-luts command: a basis, its figures, and what it refuses."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from photo_folders import write_folder

from harmaug.cli import main
from harmaug.lut import identity_lut, write_cube
from harmaug.training.basis import lut_rmse

QUICK = ["--lut-size", "5", "--steps", "150", "--renderings", "30", "-k", "4"]


@pytest.fixture
def looks(tmp_path):
    """A folder of 40 looks: gains and gammas."""
    draw = np.random.default_rng(0)
    (tmp_path / "looks").mkdir()
    for k in range(40):
        lut = identity_lut(5) ** float(np.exp(draw.normal(0, 0.4)))
        gain = torch.from_numpy(draw.uniform(0.6, 1.0, (3, 1, 1, 1))).float()
        write_cube(tmp_path / "looks" / f"{k:02d}.cube", lut * gain)
    return tmp_path / "looks"


def fit(looks, *options):
    return main(["fit-luts", str(looks), "-o", str(looks.parent / "b.safetensors"), *options])


def test_mixtures_of_the_basis_come_near_looks_set_aside(looks, capsys):
    assert fit(looks, *QUICK) == 0
    basis = safetensors.torch.load_file(looks.parent / "b.safetensors")["basis"]
    assert basis.shape == (4, 3, 5, 5, 5)
    card = json.loads((looks.parent / "b.json").read_text())
    assert card["learnt from"] == {"looks": 36, "tone": 30}
    figures = {row["kind"]: row for row in card["figures"]}
    assert figures["looks"]["number"] == 4
    # Four LUTs, and tone curves want their share of them.
    assert figures["looks"]["basis"] < 0.6 * figures["looks"]["identity"]
    assert figures["looks"]["pca"] < figures["looks"]["identity"]
    printed = capsys.readouterr().out
    for word in ("kind", "number", "identity", "PCA of rank 3", "this basis", "looks", "tone"):
        assert word in printed


def test_the_figures_are_those_of_the_written_basis(looks):
    assert fit(looks, *QUICK, "--renderings", "0") == 0
    from harmaug.recipes.transforms import read_transforms

    aside = read_transforms([looks], 5).looks[9::10]
    basis = safetensors.torch.load_file(looks.parent / "b.safetensors")["basis"]
    card = json.loads((looks.parent / "b.json").read_text())
    expected = lut_rmse(basis, aside).median().item()
    assert card["figures"][0]["basis"] == pytest.approx(expected, abs=0.01)


def test_the_same_seed_gives_the_same_basis_whatever_was_drawn_before(looks):
    bases = []
    for seed in ("3", "3", "4"):
        torch.rand(7)
        assert fit(looks, *QUICK, "--seed", seed, "--force") == 0
        bases.append(safetensors.torch.load_file(looks.parent / "b.safetensors")["basis"])
    assert bases[0].equal(bases[1])
    assert not bases[0].equal(bases[2])


def test_photos_weigh_colours_and_the_record_names_no_place_of_this_machine(looks):
    photos = write_folder(looks.parent / "deep" / "photos", photos=12)
    assert fit(looks, *QUICK, "--photos", str(photos)) == 0
    text = (looks.parent / "b.json").read_text()
    card = json.loads(text)
    assert {row["colours"] for row in card["figures"]} == {"all alike", "as photos use them"}
    assert card["photos"] == ["photos"]
    assert card["sources"][0] == {"file": "00.cube", "terms": "unknown"}
    assert card["seed"] == 0
    assert str(looks.parent) not in text
    assert card["command"].startswith("harmaug fit-luts ")
    assert "deep/photos" in card["command"]


def test_a_training_starts_from_the_basis(looks):
    from photo_folders import small

    from harmaug.training.data import read_data
    from harmaug.training.net import build_net

    assert fit(looks, *QUICK) == 0
    pairs = write_folder(looks.parent / "pairs", composites=1)
    config = small(pairs, str(looks.parent / "b.safetensors"))
    net = build_net(config, read_data(config, progress=False)[0])
    assert net.basis.shape == (4, 3, 5, 5, 5)


def test_an_existing_basis_is_kept_unless_forced(looks, capsys):
    (looks.parent / "b.safetensors").write_bytes(b"precious")
    assert fit(looks, *QUICK) == 2
    assert "--force" in capsys.readouterr().err
    assert (looks.parent / "b.safetensors").read_bytes() == b"precious"
    assert not (looks.parent / "b.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-k", "1"], ["count must be between 2 and the 66 LUTs"]),
        (["-k", "500"], ["count must be between 2 and the 66 LUTs", "500"]),
        (["--stretch", "0"], ["stretch must be above 0"]),
        (["--stretch", "1e30"], ["at most 10, got 1e+30"]),
        (["--photos", "no/such"], ["is not a folder"]),
        (["--lut-size", "2"], ["--lut-size", "from 3 to 65"]),
        (["--holdout", "0.9"], ["--holdout", "from 0 to 0.5"]),
        (["-o", "basis.pt"], ["expected a .safetensors file"]),
    ],
)
def test_nonsense_is_refused_in_a_sentence_and_nothing_is_written(options, words, looks, capsys):
    try:
        code = fit(looks, *QUICK, *options)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert error.startswith("harmaug: error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error
    assert not list(looks.parent.glob("*.safetensors"))


def test_a_damaged_source_is_named(looks, capsys):
    text = (looks / "07.cube").read_text().splitlines()
    (looks / "07.cube").write_text("\n".join(text[:-1]) + "\n")
    assert fit(looks, *QUICK) == 2
    assert "07.cube" in capsys.readouterr().err
    assert not (looks.parent / "b.safetensors").exists()
