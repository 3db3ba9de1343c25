"""What the page of ``harmaug explore`` shows and writes, without its layout."""

from __future__ import annotations

import configparser
import dataclasses
import io
import socket
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_doubles import small_net
from packaging.requirements import Requirement
from packaging.version import Version
from PIL import Image

import harmaug
from harmaug.cli import main
from harmaug.cli.explore.code import python_code
from harmaug.cli.explore.draws import Draws, augmenter, write_files
from harmaug.cli.explore.scene import SIDE, demo_scene, drawn_mask, own_scene
from harmaug.cli.explore.settings import Settings
from harmaug.data import demo_photos
from harmaug.io import read_mask, read_photo

PLAIN = Settings("retouch", n=2, strength=0.8, spatial=1.0, seed=7)


@pytest.fixture(scope="module")
def varying(tmp_path_factory):
    """Settings with a checkpoint whose changes vary across the foreground."""
    net = small_net(spatial=True)
    net.spread.mul_(3)
    path = tmp_path_factory.mktemp("varying") / "varying.safetensors"
    harmaug.SycoNetAugment(net).save_pretrained(path)
    return Settings(str(path), n=2, strength=1.0, spatial=1.5, seed=3)


@pytest.fixture
def files(tmp_path):
    """A photo of 16 bits that is larger than the page, and its mask."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 65536, (40, SIDE + 60, 3), dtype=np.uint16)
    photo, mask = tmp_path / "a {b}.png", tmp_path / "mask.png"
    harmaug.io.write_photo(photo, harmaug.io.Photo(pixels))
    values = np.zeros(pixels.shape[:2], np.uint8)
    values[5:30, 100:700] = 255
    values[10:12, 200:300] = 90
    Image.fromarray(values).save(mask)
    return str(photo), str(mask)


def executed(code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, "code", "exec"), {})


class TestCode:
    @pytest.mark.parametrize(("name", "checkpoint"), [("cat", "retouch"), ("coffee", "filters")])
    def test_of_a_demo_photo_makes_the_very_files(self, name, checkpoint, tmp_path, monkeypatch):
        scene, chosen = demo_scene(name), dataclasses.replace(PLAIN, checkpoint=checkpoint)
        made, again = tmp_path / "made", tmp_path / "again"
        made.mkdir()
        again.mkdir()
        write_files(scene, chosen, made)
        executed(python_code(scene, chosen), again, monkeypatch)
        for k in (1, 2):
            file = f"{name}_{k}.png"
            assert (made / file).read_bytes() == (again / file).read_bytes()

    def test_of_own_files_makes_the_very_files(self, files, varying, tmp_path, monkeypatch):
        made = tmp_path / "made"
        made.mkdir()
        scene = own_scene(*files, megapixels=1)
        write_files(scene, varying, made)
        executed((made / "a {b}.py").read_text(), tmp_path, monkeypatch)
        for k in (1, 2):
            file = f"a {{b}}_{k}.png"
            assert (made / file).read_bytes() == (tmp_path / file).read_bytes()

    @pytest.mark.parametrize("own", [True, False])
    def test_of_a_drawing_reads_the_drawn_mask(self, own, files, tmp_path, monkeypatch):
        layer = np.zeros((30, 40, 4), np.uint8)
        layer[10:20, 5:30] = 200
        drawing = {"layers": [layer]}
        scene = own_scene(files[0], None, 1, drawing) if own else demo_scene("rocket", drawing)
        made = tmp_path / "made"
        made.mkdir()
        write_files(scene, PLAIN, made)
        mask = made / f"{scene.name}_mask.png"
        mask.rename(tmp_path / mask.name)
        executed(python_code(scene, PLAIN), tmp_path, monkeypatch)
        file = f"{scene.name}_1.png"
        assert (made / file).read_bytes() == (tmp_path / file).read_bytes()


class TestFiles:
    def test_pictures_keep_size_depth_and_background(self, files, tmp_path):
        scene = own_scene(*files, megapixels=1)
        made = tmp_path / "made"
        made.mkdir()
        paths = write_files(scene, PLAIN, made)
        with zipfile.ZipFile(paths[0]) as archive:
            assert archive.testzip() is None
            assert set(archive.namelist()) == {path.name for path in paths[1:]}
        given, mask = read_photo(files[0]).pixels, read_mask(files[1]).numpy()
        for k in (1, 2):
            pixels = read_photo(made / f"a {{b}}_{k}.png").pixels
            assert pixels.dtype == np.uint16
            assert np.array_equal(pixels[mask == 0], given[mask == 0])
            assert not np.array_equal(pixels[mask > 0], given[mask > 0])

    def test_cube_makes_the_composite_with_spatial_0(self, files, varying, tmp_path):
        scene = own_scene(*files, megapixels=1)
        write_files(scene, varying, tmp_path)
        aug = harmaug.SycoNetAugment.from_pretrained(varying.checkpoint)
        generator = torch.Generator().manual_seed(varying.seed)
        inputs = aug.admit(scene.photo.tensor(), read_mask(files[1]))
        latent = aug.decide(inputs, 2, generator=generator, spatial=varying.spatial).latent
        expected = aug.augment(
            scene.photo.tensor(), read_mask(files[1]), latent=latent[0], spatial=0
        )
        for k in (1, 2):
            lut = harmaug.read_cube(tmp_path / f"a {{b}}_{k}.cube")
            found = harmaug.composite_lut(scene.photo.tensor(), read_mask(files[1]), lut)
            torch.testing.assert_close(found, expected[k - 1])


class TestPictures:
    def test_page_shows_the_composites_of_augment(self):
        scene = demo_scene("cat")
        photo, mask = next((p, m) for name, p, m in demo_photos() if name == "cat")
        aug = harmaug.SycoNetAugment.from_pretrained("retouch")
        composites = aug.augment(
            photo.tensor(), mask, 2, strength=0.8, generator=torch.Generator().manual_seed(7)
        )
        for shown, composite in zip(Draws.of(scene, PLAIN).composites(), composites, strict=True):
            assert np.array_equal(np.asarray(shown), photo.recoloured(composite).pixels)

    def test_large_photo_is_shown_smaller(self, files):
        draws = Draws.of(own_scene(*files, megapixels=1), PLAIN)
        assert {max(image.size) for image in draws.composites()} == {SIDE}

    def test_field_is_grey_outside_and_without_a_spatial_part_there_is_none(self, varying):
        scene = demo_scene("cat")
        assert Draws.of(scene, PLAIN).fields() == []
        outside = scene.inputs.mask[0, 0].numpy() == 0
        for field in Draws.of(scene, varying).fields():
            values = np.asarray(field)
            assert set(values[outside].ravel()) == {128}
            assert np.abs(values.astype(int) - 128).max() > 4

    def test_picture_of_a_lut_is_the_photo_and_a_chart_through_it(self):
        draws = Draws.of(demo_scene("rocket"), PLAIN)
        for lut, shown in zip(draws.flat[0], draws.lut_pictures(), strict=True):
            pixels = torch.from_numpy(np.array(shown)).permute(2, 0, 1)
            before, after = pixels[:, -132:-66], pixels[:, -66:]
            assert torch.equal(harmaug.apply_lut(before, lut), after)


class TestScene:
    def test_faults_are_told_in_one_sentence(self, files, tmp_path):
        photo, mask = files
        text, empty, full = (tmp_path / name for name in ("a.txt", "empty.png", "full.png"))
        text.write_text("no picture")
        size = (SIDE + 60, 40)
        Image.new("L", size, 0).save(empty)
        Image.new("L", size, 255).save(full)
        Image.new("L", (10, 20)).save(tmp_path / "small.png")
        for given, words in (
            ((None, None), "Give a photo"),
            ((photo, None), "Give its mask"),
            ((str(text), mask), "a.txt is not an image"),
            ((photo, str(text)), "a.txt is not an image"),
            ((photo, str(empty)), "empty.png is empty"),
            ((photo, str(full)), "full.png is full"),
            ((photo, str(tmp_path / "small.png")), r"has 10 x 20 pixels, but .* has 828 x 40"),
            ((photo, photo), "is no mask"),
        ):
            with pytest.raises(ValueError, match=words) as caught:
                own_scene(*given, megapixels=1)
            assert str(tmp_path) not in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_photo_of_100_megapixels_is_refused_before_it_is_decoded(self, files, tmp_path):
        large = tmp_path / "large.png"
        Image.new("1", (10000, 10000)).save(large)
        with pytest.raises(ValueError, match=r"100\.0 megapixels, over the limit of 50"):
            own_scene(str(large), files[1], megapixels=50)

    def test_drawing_is_scaled_to_the_photo(self):
        layer = np.zeros((10, 20, 4), np.uint8)
        layer[2:8, 5:15, 3] = 120
        mask = np.asarray(Image.open(io.BytesIO(drawn_mask({"layers": [layer]}, 100, 200))))
        expected = np.zeros((100, 200), bool)
        expected[20:80, 50:150] = True
        assert mask.shape == (100, 200)
        assert ((mask > 127) == expected).mean() > 0.99

    def test_nothing_drawn_asks_for_a_drawing(self):
        for layers in ([], None, [np.zeros((4, 4, 4), np.uint8)]):
            with pytest.raises(ValueError, match="Draw over the foreground"):
                demo_scene("cat", {"layers": layers})


@pytest.mark.parametrize(
    ("name", "value"), [("n", 0), ("n", 9), ("strength", None), ("spatial", -1), ("seed", None)]
)
def test_setting_out_of_range_is_told_by_name(name, value):
    given = {"checkpoint": "unified", "n": 1, "strength": 1.0, "spatial": 1.0, "seed": 0}
    with pytest.raises(ValueError, match=f"{name} must be a number .* got"):
        Settings(**(given | {name: value}))


def test_visitors_share_an_augmenter():
    assert augmenter("unified") is augmenter("unified")


class TestCommand:
    def test_without_gradio_says_how_to_install_it(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "gradio", None)
        assert main(["explore"]) == 2
        assert "pip install 'harmaug[explore]'" in capsys.readouterr().err

    def test_port_in_use_and_foreign_host_are_told(self, capsys):
        pytest.importorskip("gradio", reason="the page needs gradio")
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            port = str(busy.getsockname()[1])
            assert main(["explore", "--port", port]) == 2
        told = capsys.readouterr().err.strip()
        assert told.endswith(f"port {port} of 127.0.0.1 is in use: choose another one with --port.")
        assert main(["explore", "--host", "203.0.113.1"]) == 2
        assert "is no address to listen on" in capsys.readouterr().err

    def test_unknown_checkpoint_is_told(self, tmp_path, monkeypatch, capsys):
        pytest.importorskip("gradio", reason="the page needs gradio")
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # put back after the command's own
        assert main(["explore", "--checkpoint", "unifed", "--port", "7997"]) == 2
        assert "did you mean 'unified'" in capsys.readouterr().err


def test_space_names_its_files_and_a_gradio_of_the_extra():
    space = Path(__file__).parents[1] / "examples" / "space"
    if not space.exists():
        pytest.skip("there is no examples/ beside tests/")
    yaml = pytest.importorskip("yaml", reason="the front matter is YAML")
    front = yaml.safe_load((space / "README.md").read_text("utf-8").split("---")[1])
    assert front["sdk"] == "gradio"
    assert (space / front["app_file"]).exists()
    assert "harmaug[explore]" in (space / "requirements.txt").read_text("utf-8")
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[1] / "setup.cfg", "utf-8")
    (needed,) = setup["options.extras_require"]["explore"].split()
    assert Version(front["sdk_version"]) in Requirement(needed).specifier
