"""The command line: what it writes, what it keeps, and how it refuses."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import torch
from PIL import Image

import harmaug
from harmaug.cli import main
from harmaug.inputs import check_inputs
from harmaug.io.photos import Photo, read_mask, read_photo, write_photo
from harmaug.lut import composite_lut, identity_lut, read_cube


class FakeAugmenter:
    """Stands in for SycoNetAugment: random affine colour maps, from the generator alone."""

    basis = torch.stack([identity_lut(5), identity_lut(5).flip(0), identity_lut(5) * 0.5])

    @classmethod
    def from_pretrained(cls, name):
        if name != "unified":
            raise ValueError(f"no checkpoint {name!r}; known are: unified.")
        return cls()

    def admit(self, real, mask, space="unit", names=("real", "mask")):
        return check_inputs(real, mask, space, names=names)

    def decide(self, inputs, n=1, *, generator=None, strength=1.0, spatial=1.0):
        assert inputs.real.dtype == torch.float32
        gain = torch.rand(1, n, 3, 1, 1, 1, generator=generator)
        luts = identity_lut(5).lerp(identity_lut(5) * gain + 0.2, strength)
        return types.SimpleNamespace(luts=luts)

    def recolour(self, luts, inputs):
        return composite_lut(inputs.real, inputs.mask, luts)


@pytest.fixture(autouse=True)
def fake_augmenter(monkeypatch):
    module = types.ModuleType("harmaug.augment")
    module.SycoNetAugment = FakeAugmenter
    module.open_augmenter = FakeAugmenter.from_pretrained
    monkeypatch.setitem(sys.modules, "harmaug.augment", module)


@pytest.fixture
def files(tmp_path):
    """A photo with every kind of pixel, a mask with hard and soft parts, and a place to write."""
    rng = np.random.default_rng(0)
    write_photo(tmp_path / "photo.png", Photo(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)))
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:50] = 255
    mask[10:30, 20:25] = 100
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def augment(files, *options, real="photo.png", mask="mask.png"):
    return main(
        ["augment", str(files / real), str(files / mask), "-o", str(files / "out"), *options]
    )


def refused(capsys, code, *words):
    """The error: exit code 2, and one sentence on stderr that holds the words."""
    error = capsys.readouterr().err
    assert code == 2
    assert error.startswith("harmaug: error: ")
    assert error.count("\n") == 1
    for word in words:
        assert word in error


class TestAugment:
    def test_writes_n_different_composites(self, files, capsys):
        assert augment(files, "-n", "3") == 0
        names = sorted(path.name for path in (files / "out").iterdir())
        assert names == ["photo_1.png", "photo_2.png", "photo_3.png"]
        pixels = [read_photo(files / "out" / name).pixels for name in names]
        assert not np.array_equal(pixels[0], pixels[1])
        assert str(files / "out") in capsys.readouterr().out

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("alpha", [False, True])
    def test_background_keeps_the_integers_of_the_source(self, files, dtype, alpha):
        rng = np.random.default_rng(1)
        top = np.iinfo(dtype).max
        pixels = rng.integers(0, top, (40, 60, 3), dtype=dtype, endpoint=True)
        opacity = rng.integers(0, top, (40, 60), dtype=dtype, endpoint=True) if alpha else None
        write_photo(files / "deep.png", Photo(pixels, opacity))
        assert augment(files, "-n", "2", real="deep.png") == 0
        mask = np.asarray(Image.open(files / "mask.png"))
        for k in (1, 2):
            composite = read_photo(files / "out" / f"deep_{k}.png")
            assert composite.pixels.dtype == dtype
            assert np.array_equal(composite.pixels[mask == 0], pixels[mask == 0])
            assert (composite.pixels[mask == 255] != pixels[mask == 255]).mean() > 0.9
            assert np.array_equal(composite.alpha, opacity) if alpha else composite.alpha is None

    def test_orientation_is_applied_once(self, files):
        exif = Image.Exif()
        exif[0x0112] = 6
        ramp = np.linspace(0, 255, 60 * 40).reshape(60, 40).astype(np.uint8)
        Image.fromarray(ramp).convert("RGB").save(files / "turned.png", exif=exif)
        assert augment(files, "-n", "1", real="turned.png") == 0
        with Image.open(files / "out" / "turned_1.png") as image:
            assert image.size == (60, 40)
            assert image.getexif().get(0x0112, 1) == 1
            assert np.asarray(image)[0, 0, 0] == np.rot90(ramp, 3)[0, 0]

    def test_the_seed_decides(self, files):
        results = []
        for seed in ("1", "1", "2"):
            assert augment(files, "-n", "1", "--seed", seed, "--force") == 0
            results.append((files / "out" / "photo_1.png").read_bytes())
        assert results[0] == results[1] != results[2]

    def test_strength_0_is_the_photo(self, files):
        assert augment(files, "-n", "1", "--strength", "0") == 0
        source = read_photo(files / "photo.png").pixels
        assert np.array_equal(read_photo(files / "out" / "photo_1.png").pixels, source)

    def test_sheet(self, files, capsys):
        assert augment(files, "-n", "10", "--sheet") == 0
        with Image.open(files / "out" / "photo_sheet.png") as sheet:
            assert sheet.height > 3 * 40
        assert "photo_01.png" in {path.name for path in (files / "out").iterdir()}
        assert "photo_sheet.png" in capsys.readouterr().out

    def test_existing_files_are_named_and_kept(self, files, capsys):
        assert augment(files, "-n", "4") == 0
        before = {path: path.read_bytes() for path in (files / "out").iterdir()}
        code = augment(files, "-n", "4", "--seed", "9")
        refused(capsys, code, "4 files exist", "photo_1.png", "photo_3.png, ...", "--force")
        assert {path: path.read_bytes() for path in (files / "out").iterdir()} == before
        assert augment(files, "-n", "4", "--seed", "9", "--force") == 0
        assert (files / "out" / "photo_1.png").read_bytes() not in before.values()

    @pytest.mark.parametrize(
        ("source", "output"),
        [
            ("photo.png", "photo_2.png"),
            ("mask.png", "photo_1.png"),
            ("mask.png", "photo_sheet.png"),
        ],
    )
    @pytest.mark.parametrize("put", [os.rename, os.link, os.symlink])
    def test_an_input_is_never_replaced_even_if_forced(self, files, capsys, source, output, put):
        path = files / "out" / output
        path.parent.mkdir()
        put(files / source, path)
        before = path.read_bytes()
        names = {"mask": f"out/{output}"} if source == "mask.png" else {}
        if put is os.rename and source == "photo.png":
            os.link(path, files / source)
        code = augment(files, "-n", "2", "--sheet", "--force", **names)
        refused(capsys, code, f"{path} is an input of this command", "another folder")
        assert [path.name for path in path.parent.iterdir()] == [output]
        assert path.read_bytes() == before

    def test_cmyk_is_noted(self, files, capsys):
        Image.open(files / "photo.png").convert("CMYK").save(files / "print.jpg")
        assert augment(files, "-n", "1", real="print.jpg") == 0
        assert "harmaug: note: " in capsys.readouterr().err


class TestBadInput:
    def check(self, files, capsys, *words, options=("-n", "2"), **names):
        refused(capsys, augment(files, *options, **names), *words)
        assert not (files / "out").exists()

    def test_a_missing_photo(self, files, capsys):
        self.check(files, capsys, "none.png does not exist", real="none.png")

    def test_a_missing_mask(self, files, capsys):
        self.check(files, capsys, "none.png does not exist", mask="none.png")

    def test_a_folder_for_a_photo(self, files, capsys):
        (files / "folder").mkdir()
        self.check(files, capsys, "folder", "neither a file nor a pipe", real="folder")

    def test_a_file_that_is_no_image(self, files, capsys):
        (files / "notes.png").write_text("no image")
        self.check(files, capsys, "notes.png is not an image", real="notes.png")

    def test_a_truncated_photo(self, files, capsys):
        (files / "cut.png").write_bytes((files / "photo.png").read_bytes()[:2000])
        self.check(files, capsys, "cut.png is damaged", real="cut.png")

    def test_a_mask_of_another_size(self, files, capsys):
        Image.new("L", (40, 60), 255).save(files / "turned.png")
        words = ("turned.png must be (1, 1, 40, 60)", "photo.png, got (60, 40)")
        self.check(files, capsys, *words, mask="turned.png")

    def test_a_photo_for_a_mask(self, files, capsys):
        self.check(files, capsys, "photo.png is no mask", mask="photo.png")

    @pytest.mark.parametrize(("level", "word"), [(0, "empty"), (255, "full")])
    def test_an_empty_or_full_mask(self, files, capsys, level, word):
        Image.new("L", (60, 40), level).save(files / "flat.png")
        self.check(files, capsys, f"flat.png is {word}", mask="flat.png")

    def test_an_unknown_checkpoint(self, files, capsys):
        self.check(files, capsys, "'none'", "unified", options=("--checkpoint", "none"))

    def test_a_photo_over_the_size_limit(self, files, capsys):
        self.check(files, capsys, "over the limit of 0.001", options=("--size-limit", "0.001"))

    def test_an_output_that_is_a_file(self, files, capsys):
        photo, mask = str(files / "photo.png"), str(files / "mask.png")
        code = main(["augment", photo, mask, "-o", mask])
        refused(capsys, code, "mask.png", "exists", "folder")

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("-n", "0"),
            ("-n", "-1"),
            ("-n", "two"),
            ("--seed", "-1"),
            ("--seed", str(2**63)),
            ("--strength", "-0.1"),
            ("--strength", "nan"),
            ("--strength", "inf"),
            ("--size-limit", "big"),
        ],
    )
    def test_wrong_values(self, files, capsys, option, value):
        with pytest.raises(SystemExit) as stop:
            augment(files, option, value)
        refused(capsys, stop.value.code, option, f"'{value}'")
        assert not (files / "out").exists()

    @pytest.mark.parametrize("arguments", [[], ["paint"], ["augment"], ["demo", "--colour"]])
    def test_wrong_arguments(self, capsys, arguments):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        refused(capsys, stop.value.code, "--help")

    def test_a_full_disk_leaves_nothing_half_written(self, files, capsys, monkeypatch):
        def fail(*_):
            raise OSError(28, "No space left on device", "photo_1.png")

        monkeypatch.setattr("os.replace", fail)
        refused(capsys, augment(files), "photo_1.png: No space left on device")
        assert list((files / "out").iterdir()) == []

    def test_an_interrupt_exits_130_without_a_traceback(self, files, capsys, monkeypatch):
        def interrupt(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr(FakeAugmenter, "decide", interrupt)
        assert augment(files) == 130
        assert capsys.readouterr().err == "harmaug: interrupted.\n"
        assert list((files / "out").iterdir()) == []

    def test_an_error_of_the_program_itself_is_not_hidden(self, files, monkeypatch):
        def fail(*_, **__):
            raise AttributeError("a bug")

        monkeypatch.setattr(FakeAugmenter, "decide", fail)
        with pytest.raises(AttributeError):
            augment(files)


class TestDemo:
    def test_writes_composites_and_a_sheet_and_says_where(self, tmp_path, capsys):
        assert main(["demo", "-o", str(tmp_path / "demo"), "-n", "2"]) == 0
        names = {path.name for path in (tmp_path / "demo").iterdir()}
        assert {"astronaut_1.png", "coffee_2.png", "sheet.png"} <= names
        assert len(names) == 2 * 5 + 1
        assert str(tmp_path / "demo" / "sheet.png") in capsys.readouterr().out

    def test_a_second_run_does_not_replace_the_first(self, tmp_path, capsys):
        assert main(["demo", "-o", str(tmp_path), "-n", "1"]) == 0
        refused(capsys, main(["demo", "-o", str(tmp_path), "-n", "1"]), "files exist", "--force")
        assert main(["demo", "-o", str(tmp_path), "-n", "1", "--force"]) == 0


class TestLuts:
    def test_writes_the_basis_and_a_picture(self, tmp_path, capsys):
        assert main(["luts", "unified", "-o", str(tmp_path)]) == 0
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["lut_1.cube", "lut_2.cube", "lut_3.cube", "luts.png"]
        assert torch.equal(read_cube(tmp_path / "lut_2.cube"), FakeAugmenter.basis[1])
        assert str(tmp_path / "luts.png") in capsys.readouterr().out

    def test_an_unknown_checkpoint(self, tmp_path, capsys):
        refused(capsys, main(["luts", "none", "-o", str(tmp_path / "out")]), "'none'", "unified")
        assert not (tmp_path / "out").exists()


class TestInfo:
    def test_shows_versions_kernels_and_checkpoints(self, capsys):
        assert main(["info"]) == 0
        text = capsys.readouterr().out
        for kernel in harmaug.backends().values():
            assert kernel in text
        for name in (torch.__version__, "unified", *harmaug.list_checkpoints()):
            assert name in text


class TestPackagedCheckpoint:
    """The commands on the real augmenter."""

    @pytest.fixture(autouse=True)
    def real_augmenter(self, fake_augmenter, monkeypatch):
        monkeypatch.undo()

    def test_augment(self, files):
        assert augment(files, "-n", "2") == 0
        source = read_photo(files / "photo.png").pixels
        background = np.asarray(Image.open(files / "mask.png")) == 0
        for k in (1, 2):
            pixels = read_photo(files / "out" / f"photo_{k}.png").pixels
            assert np.array_equal(pixels[background], source[background])
            assert not np.array_equal(pixels, source)

    def test_augment_by_hand_made_filters(self, files):
        assert augment(files, "-n", "2", "--checkpoint", "filters", "--seed", "3") == 0
        photo, mask = read_photo(files / "photo.png"), read_mask(files / "mask.png")
        generator = torch.Generator().manual_seed(3)
        made = harmaug.FilterAugment().augment(photo.tensor(), mask, 2, generator=generator)
        for k, composite in enumerate(made, start=1):
            pixels = read_photo(files / "out" / f"photo_{k}.png").pixels
            assert np.array_equal(pixels, photo.recoloured(composite).pixels)

    def test_luts(self, tmp_path):
        assert main(["luts", "unified", "-o", str(tmp_path)]) == 0
        basis = harmaug.SycoNetAugment.from_pretrained("unified").basis
        paths = sorted(tmp_path.glob("*.cube"))
        assert torch.equal(torch.stack([read_cube(path) for path in paths]), basis)

    def test_an_unknown_or_damaged_checkpoint(self, files, capsys):
        refused(capsys, augment(files, "--checkpoint", "unifid"), "'unifid'", "unified")
        folder = files / "checkpoint"
        harmaug.SycoNetAugment.from_pretrained("unified").save_pretrained(folder)
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        refused(capsys, augment(files, "--checkpoint", str(folder)), "damaged", str(weights))
        assert not (files / "out").exists()


class TestProgram:
    def test_help_names_every_command(self, capsys):
        with pytest.raises(SystemExit) as stop:
            main(["--help"])
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert all(command in text for command in ("demo", "augment", "luts", "info"))
        assert "examples:" in text

    @pytest.mark.parametrize("command", ["demo", "augment", "luts", "info"])
    def test_every_command_has_help_with_an_example(self, capsys, command):
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert f"  harmaug {command}" in capsys.readouterr().out

    @pytest.mark.slow
    def test_runs_as_a_module(self, files):
        def run(*arguments):
            command = [sys.executable, "-m", "harmaug", *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=False)

        version = run("--version")
        assert version.returncode == 0
        assert version.stdout.startswith("harmaug ")
        missing = run("augment", "none.png", "none.png", "-o", str(files / "out"))
        assert missing.returncode == 2
        assert missing.stderr == "harmaug: error: none.png does not exist.\n"


class TestStreams:
    """Files are written whatever the streams of the process are, and no message is a traceback."""

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
    @pytest.mark.parametrize("folder", ["合成", "caf\udce9"])
    def test_output_has_replacements_for_what_its_encoding_lacks(
        self, files, monkeypatch, encoding, folder
    ):
        try:
            (files / folder).mkdir()
        except (OSError, UnicodeError):
            pytest.skip("this file system has no such names")
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
        arguments = ["augment", str(files / "photo.png"), str(files / "mask.png"), "--sheet"]
        assert main([*arguments, "-n", "2", "-o", str(files / folder)]) == 0
        assert len(list((files / folder).iterdir())) == 3
        names = {"合成": r"\u5408\u6210", "caf\udce9": r"caf\udce9"}
        shown = folder if (encoding, folder) == ("utf-8", "合成") else names[folder]
        assert f"{files}{os.sep}{shown}" in written.getvalue().decode(encoding)

    @pytest.mark.parametrize("absent", [("stderr",), ("stdout",), ("stdin", "stdout", "stderr")])
    def test_streams_may_be_absent(self, files, monkeypatch, absent):
        for name in absent:
            monkeypatch.setattr(sys, name, None)
        assert augment(files, "-n", "1", "--sheet") == 0
        assert len(list((files / "out").iterdir())) == 2
        assert augment(files, "-n", "1", "--sheet") == 2

    @pytest.mark.parametrize("command", [["info"], ["--help"], ["augment", "--help"]])
    def test_a_reader_that_stops_is_no_error(self, monkeypatch, capfd, command):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert main(command) == 141
        assert capfd.readouterr().err == ""

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    def test_output_on_a_full_disk_is_one_sentence(self, monkeypatch, capsys):
        with open("/dev/full", "w") as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            code = main(["info"])
        refused(capsys, code, "No space left on device")

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
    def test_a_process_without_streams_or_with_a_broken_one(self, files):
        command = [sys.executable, "-m", "harmaug"]
        job = ["augment", files / "photo.png", files / "mask.png", "-n", "1", "-o", files / "out"]
        closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
        assert subprocess.run([*closed, *command, *job], check=False).returncode == 0
        assert read_photo(files / "out" / "photo_1.png").pixels.shape == (40, 60, 3)
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([*command, "info"], stdout=write, stderr=-1, check=False)
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
    def test_ctrl_c_ends_a_process_with_one_line(self, files):
        job = [files / "photo.png", files / "mask.png", "-n", "2000", "-o", files / "out"]
        command = [sys.executable, "-m", "harmaug", "augment", *job]
        # A shell starts programs in its background deaf to SIGINT, and they hand that on.
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(command, stderr=-1, stdout=-1)
        signal.signal(signal.SIGINT, heard)
        while process.poll() is None and not (files / "out" / "photo_0001.png").exists():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, b"harmaug: interrupted.\n")
        assert not list(files.glob("out/.*")), "no temporary file stays"


class TestEnvironment:
    @pytest.mark.slow
    @pytest.mark.parametrize(("value", "code"), [("", 0), ("mmx", 2)])
    def test_a_variable_may_be_empty_but_not_wrong(self, value, code):
        done = subprocess.run(
            [sys.executable, "-m", "harmaug", "info"],
            env={**os.environ, "HARMAUG_SIMD": value},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code
        assert done.stderr == "" if code == 0 else "HARMAUG_SIMD=mmx" in done.stderr
        assert done.stderr.count("\n") == (code > 0)
