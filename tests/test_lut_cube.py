"""`.cube` files: exact round trips, other programs' readers, and bad files."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from harmaug.lut import apply_lut, identity_lut, resize_lut
from harmaug.lut.cube import read_cube, write_cube

# Two nodes an axis; in file order red varies fastest. Written out by hand: the eight corners of the
# cube, with red and blue exchanged and green halved.
CORNERS = """\
0 0 0
0 0 1
0 0.5 0
0 0.5 1
1 0 0
1 0 1
1 0.5 0
1 0.5 1
"""


def cube(path, text, **options):
    path.write_bytes(text.encode(**options) if isinstance(text, str) else text)
    return path


def random_lut(size, seed=0, low=-0.2, high=1.2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, size, size, size, generator=generator) * (high - low) + low


def apply_pillow(image, lut):
    """Pillow's own Color3DLUT on 8-bit pixels (H, W, 3)."""
    size = lut.shape[-1]
    table = lut.permute(1, 2, 3, 0).reshape(-1).tolist()
    return np.asarray(Image.fromarray(image).filter(ImageFilter.Color3DLUT(size, table)))


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


class TestReadCube:
    def test_red_varies_fastest(self, tmp_path):
        lut = read_cube(cube(tmp_path / "a.cube", "LUT_3D_SIZE 2\n" + CORNERS))
        assert lut.shape == (3, 2, 2, 2)
        assert lut.dtype == torch.float32
        assert lut[:, 0, 0, 1].tolist() == [0, 0, 1]  # b, g, r = 0, 0, 1: pure red turns blue
        assert lut[:, 1, 1, 0].tolist() == [1, 0.5, 0]
        red, green, blue = identity_lut(2)
        torch.testing.assert_close(lut, torch.stack((blue, green / 2, red)))

    @pytest.mark.parametrize(
        "text",
        [
            "LUT_3D_SIZE 2\r\n" + CORNERS.replace("\n", "\r\n"),
            "LUT_3D_SIZE 2\r" + CORNERS.replace("\n", "\r"),
            "\ufeffLUT_3D_SIZE 2\n" + CORNERS,
            ("LUT_3D_SIZE 2\r\n" + CORNERS).encode("utf-16"),
            ("\ufeffLUT_3D_SIZE 2\n" + CORNERS).encode("utf-16-be"),
            "LUT_3D_SIZE 2\n" + CORNERS.replace(" ", "\t") + "\n# comment after the table\n \t \n",
            'TITLE "A # title"\n# comment\n\n  LUT_3D_SIZE\t2  \n#\n' + CORNERS + "\n\n# end\n",
            'LUT_3D_SIZE 2\nTITLE "after the size"\n' + CORNERS,
            "LUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1.0 1.0\n" + CORNERS,
            "LUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0.0 1.0\n" + CORNERS,
            "LUT_3D_SIZE 2\n" + CORNERS.replace("1", "+1.0E+00").replace("0.5", "5e-1"),
            "LUT_3D_SIZE 2\n" + CORNERS.replace("0.5", ".5").replace("\n", "   \n"),
            "LUT_3D_SIZE 2\n" + CORNERS.rstrip("\n"),
        ],
    )
    def test_layout_of_the_text_does_not_matter(self, tmp_path, text):
        plain = read_cube(cube(tmp_path / "a.cube", "LUT_3D_SIZE 2\n" + CORNERS))
        assert torch.equal(read_cube(cube(tmp_path / "b.cube", text)), plain)

    def test_title_in_any_encoding(self, tmp_path):
        text = b'TITLE "caf\xe9"\nLUT_3D_SIZE 2\n' + CORNERS.encode()
        assert read_cube(cube(tmp_path / "a.cube", text)).shape == (3, 2, 2, 2)

    def test_values_outside_the_unit_range_are_kept(self, tmp_path):
        text = "LUT_3D_SIZE 2\n" + CORNERS.replace("0.5", "-0.25").replace("1", "1.5")
        lut = read_cube(cube(tmp_path / "a.cube", text))
        assert (lut.min(), lut.max()) == (-0.25, 1.5)

    @pytest.mark.parametrize("top", [16, -16])
    def test_hdr_values_up_to_sixteen_are_kept(self, tmp_path, top):
        text = "LUT_3D_SIZE 2\n" + CORNERS.replace("1", str(top))
        assert read_cube(cube(tmp_path / "a.cube", text))[2, 0, 0, 1] == top

    @pytest.mark.parametrize("top", [16.001, 255, 1023, 65535, -255])
    def test_a_table_of_code_values_is_refused_with_its_largest(self, tmp_path, top):
        text = "LUT_3D_SIZE 2\n" + CORNERS.replace("1", str(top))
        path = cube(tmp_path / "codes.cube", text)
        with pytest.raises(ValueError, match="divide code values by their largest") as error:
            read_cube(path)
        assert str(path) in str(error.value)
        assert f"got {abs(top):g}; " in str(error.value)

    def test_code_values_of_a_dark_look_are_refused(self, tmp_path):
        write_cube(tmp_path / "a.cube", identity_lut(5) * 0.1)
        head, rows = (tmp_path / "a.cube").read_text().split("\n\n")
        codes = [" ".join(str(255 * float(x)) for x in row.split()) for row in rows.splitlines()]
        with pytest.raises(ValueError, match=r"got 25\.5; divide code values"):
            read_cube(cube(tmp_path / "b.cube", "\n".join((head, *codes))))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "LUT_3D_SIZE 2\n" + CORNERS[:-8],
                "takes 8 rows of numbers, got 7; the last is line 8",
            ),
            ("LUT_3D_SIZE 2\n" + CORNERS + "0 0 0\n", "line 10: one row too many: .* takes 8"),
            (
                "LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 0.5", 1),
                "line 4: expected 3 numbers, got '0 0.5'",
            ),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 x 0", 1), "line 4: .*got '0 x 0'"),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 nan 0", 1), "line 4: .*finite"),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "inf 0 0", 1), "line 4: .*finite"),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 1e999 0", 1), "line 4: .*finite"),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 1e39 0", 1), "line 4: .*finite"),
            (
                "LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0,5 0 0", 1),
                "line 4: .*'0,5 0 0'; decimals take a point",
            ),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0, 0.5, 0", 1), "columns a space"),
            ("LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 1_0 0", 1), "line 4: .*'0 1_0 0'"),
            (
                "LUT_3D_SIZE 2\n" + CORNERS.replace("0 0.5 0", "0 0.5 0 # green", 1),
                "line 4: expected 3 numbers, got '0 0.5 0 # green'",
            ),
            ("LUT_3D_SIZE 2\n" + CORNERS + "</cube>\n", "line 10: one row too many"),
            ("LUT_3D_SIZE 2\n" + CORNERS + "EOF\n", "line 10: unknown keyword 'EOF'"),
            (CORNERS, "line 1: expected LUT_3D_SIZE"),
            ("", "no line LUT_3D_SIZE"),
            ("LUT_3D_SIZE 1\n0 0 0\n", "line 1: LUT_3D_SIZE must be 2 to 256, got 1"),
            ("LUT_3D_SIZE 300\n0 0 0\n", "line 1: .* got 300"),
            ("LUT_3D_SIZE 1000000\n0 0 0\n", "line 1: .* got 1000000"),
            ("LUT_3D_SIZE 2.0\n", "line 1: expected one LUT_3D_SIZE"),
            ("LUT_3D_SIZE " + "9" * 5000, "line 1: expected one LUT_3D_SIZE"),
            ("LUT_3D_SIZE two\n", "line 1: expected one LUT_3D_SIZE"),
            ("LUT_3D_SIZE 2\nLUT_3D_SIZE 2\n" + CORNERS, "line 2: expected one LUT_3D_SIZE"),
            (
                "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n",
                "line 1: LUT_1D_SIZE announces a 1D LUT.*read_lut reads",
            ),
            (
                "LUT_3D_SIZE 2\nLUT_1D_SIZE 2\n0 0 0\n1 1 1\n" + CORNERS,
                "line 2: LUT_1D_SIZE announces a 1D LUT",
            ),
            ("LUT_IN_VIDEO_RANGE\nLUT_3D_SIZE 2\n" + CORNERS, "line 1: unknown keyword"),
            ("LUT_3D_SIZE 2\n0 0 0\nDOMAIN_MIN 0 0 0\n", "line 3: DOMAIN_MIN must stand before"),
            (
                "LUT_3D_SIZE 2\n" + CORNERS + "DOMAIN_MAX 255 255 255\n",
                "line 10: DOMAIN_MAX must stand before the table",
            ),
            ("LUT_3D_SIZE 2\nDOMAIN_MIN 0 0\n" + CORNERS, "line 2: expected 3 numbers, got '0 0'"),
            ("LUT_3D_SIZE 2\nDOMAIN_MIN 1 1 1\n" + CORNERS, r"line 2: the domain 1\.\.1 is empty"),
            ("LUT_3D_SIZE 2\nDOMAIN_MAX 255 255 255\n" + CORNERS, r"line 2: the domain 0\.\.255"),
            (b"\x89PNG\0\0", "not plain text"),
            ("LUT_3D_SIZE 2\n".encode("utf-16-le"), "not plain text"),
            ("x" * 10**6, "not plain text"),
        ],
    )
    def test_bad_files_are_refused_by_name_and_line(self, tmp_path, text, message):
        path = cube(tmp_path / "bad.cube", text)
        with pytest.raises(ValueError, match=message) as error:
            read_cube(path)
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)

    @settings(max_examples=200, deadline=None)
    @given(data=st.data())
    def test_any_bytes_give_a_lut_or_one_sentence(self, tmp_path_factory, data):
        lines = ("LUT_3D_SIZE 2\n" + CORNERS).encode().splitlines()
        word = st.sampled_from(
            [b"0", b"1e999", b"1e39", b"-", b"LUT_3D_SIZE", b"DOMAIN_MAX", b"TITLE", b"#"]
        )
        for _ in range(data.draw(st.integers(1, 3))):
            words = st.lists(word, max_size=4).map(b" ".join) | st.binary(max_size=9)
            lines[data.draw(st.integers(0, len(lines) - 1))] = data.draw(words)
        path = cube(tmp_path_factory.getbasetemp() / "any.cube", b"\n".join(lines))
        try:
            assert read_cube(path).isfinite().all()
        except ValueError as error:
            assert str(path) in str(error)  # noqa: PT017

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.cube"):
            read_cube(tmp_path / "none.cube")


class TestDomain:
    def test_an_affine_lut_of_another_domain_is_resampled_exactly(self, tmp_path):
        # Nodes hold 0.25 + their own colour / 2, so every domain must give the same function.
        low, high, size = torch.tensor([-0.5, 0.0, -0.125]), torch.tensor([1.5, 1.0, 1.25]), 5
        node = torch.linspace(0, 1, size)
        rows = [
            low + (high - low) * torch.stack((node[r], node[g], node[b]))
            for b in range(size)
            for g in range(size)
            for r in range(size)
        ]
        lines = [" ".join(map(str, (0.25 + row / 2).tolist())) for row in rows]
        head = "LUT_3D_SIZE 5\nDOMAIN_MIN -0.5 0 -0.125\nDOMAIN_MAX 1.5 1 1.25\n"
        lut = read_cube(cube(tmp_path / "a.cube", head + "\n".join(lines)))
        torch.testing.assert_close(lut, 0.25 + identity_lut(5) / 2)

    def test_colours_outside_a_narrow_domain_take_its_edge(self, tmp_path):
        text = "LUT_3D_SIZE 2\nDOMAIN_MIN 0.25 0 0\nDOMAIN_MAX 0.75 1 1\n" + CORNERS
        lut = resize_lut(read_cube(cube(tmp_path / "a.cube", text)), 5)
        assert lut[2, 0, 0, 0] == 0  # red 0 is below the domain: its lower edge
        assert lut[2, 0, 0, 4] == 1


class TestWriteCube:
    @settings(max_examples=20, deadline=None)
    @given(size=st.integers(2, 9), seed=st.integers(0, 2**31), scale=st.sampled_from([1e-6, 1, 13]))
    def test_round_trip_is_exact(self, tmp_path_factory, size, seed, scale):
        path = tmp_path_factory.mktemp("cube") / "a.cube"
        lut = random_lut(size, seed) * scale
        write_cube(path, lut, title="Round trip")
        assert torch.equal(read_cube(path), lut)

    def test_numbers_carry_no_exponent(self, tmp_path):
        write_cube(tmp_path / "a.cube", identity_lut(2) * 1e-7)
        rows = (tmp_path / "a.cube").read_text().split("\n\n")[1]
        assert re.fullmatch(r"([0-9.]+ [0-9.]+ [0-9.]+\n){8}", rows)

    def test_other_dtypes_and_strides(self, tmp_path):
        lut = identity_lut(4, dtype=torch.float64).flip(0).requires_grad_()
        write_cube(tmp_path / "a.cube", lut)
        torch.testing.assert_close(read_cube(tmp_path / "a.cube"), lut.detach().float())

    @pytest.mark.parametrize(
        ("lut", "title", "error", "message"),
        [
            (torch.zeros(1, 3, 4, 4, 4), None, ValueError, r"one LUT .*\(1, 3, 4, 4, 4\)"),
            (torch.zeros(3, 4, 4, 5), None, ValueError, r"\(3, 4, 4, 5\)"),
            (torch.full((3, 2, 2, 2), torch.nan), None, ValueError, "finite"),
            (identity_lut(2) * 255, None, ValueError, "got 255; divide code values"),
            (identity_lut(2), 'say "x"', ValueError, "double quotes"),
            (identity_lut(2), "two\nlines", ValueError, "one line"),
            (np.zeros((3, 2, 2, 2)), None, TypeError, "torch.Tensor"),
        ],
    )
    def test_bad_input_leaves_no_file(self, tmp_path, lut, title, error, message):
        with pytest.raises(error, match=message):
            write_cube(tmp_path / "a.cube", lut, title)
        assert list(tmp_path.iterdir()) == []

    def test_a_failure_while_writing_keeps_the_old_file(self, tmp_path, monkeypatch):
        path = cube(tmp_path / "a.cube", "old")

        def fail(*_):
            raise OSError("disk full")

        monkeypatch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_cube(path, identity_lut(2))
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_missing_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            write_cube(tmp_path / "none" / "a.cube", identity_lut(2))


class TestOtherPrograms:
    def test_pillow_applies_the_same_table(self, tmp_path, pixels):
        lut = random_lut(9, low=0, high=1)
        write_cube(tmp_path / "a.cube", lut)
        lut = read_cube(tmp_path / "a.cube")
        ours = apply_lut(torch.from_numpy(pixels).permute(2, 0, 1), lut).permute(1, 2, 0).numpy()
        assert np.abs(ours.astype(int) - apply_pillow(pixels, lut)).max() <= 1

    def test_pillow_lut_reads_the_same(self, tmp_path):
        pillow_lut = pytest.importorskip("pillow_lut", reason="pillow_lut is not installed")
        lut = random_lut(4, low=0, high=1)
        write_cube(tmp_path / "a.cube", lut, title="Looks")
        theirs = pillow_lut.load_cube_file(str(tmp_path / "a.cube"))
        torch.testing.assert_close(from_table(theirs), lut)

    def test_colour_science_reads_and_writes_the_same(self, tmp_path):
        colour = pytest.importorskip("colour", reason="colour-science is not installed")
        lut = random_lut(5)
        write_cube(tmp_path / "a.cube", lut, title="Looks")
        theirs = colour.read_LUT(str(tmp_path / "a.cube"))
        table = torch.from_numpy(theirs.table).permute(3, 2, 1, 0)  # theirs is [r, g, b, c]
        torch.testing.assert_close(table.float(), lut)
        colour.write_LUT(theirs, str(tmp_path / "b.cube"))
        torch.testing.assert_close(read_cube(tmp_path / "b.cube"), lut, atol=1e-6, rtol=0)

    @pytest.mark.parametrize("domain", [None, (-0.25, 1.25), (0.2, 0.9)])
    def test_opencolorio_maps_colours_the_same(self, tmp_path, domain):
        ocio = pytest.importorskip("PyOpenColorIO", reason="opencolorio is not installed")
        path = tmp_path / "a.cube"
        write_cube(path, random_lut(13))
        if domain is not None:
            low, high = (" ".join([f"{value}"] * 3) for value in domain)
            text = path.read_text().replace("MIN 0.0 0.0 0.0", f"MIN {low}")
            path.write_text(text.replace("MAX 1.0 1.0 1.0", f"MAX {high}"))
        transform = ocio.FileTransform(str(path), interpolation=ocio.INTERP_LINEAR)
        processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
        colours = torch.rand(3, 13, 13, 13, generator=torch.Generator().manual_seed(1))
        if domain is not None:  # resampled: exact at the nodes, approximate between them
            colours = identity_lut(13)
        theirs = colours.reshape(3, -1).T.contiguous().numpy()
        ours = apply_lut(colours.reshape(1, 3, 13, 169), read_cube(path)).reshape(3, -1).T.numpy()
        processor.applyRGB(theirs)
        np.testing.assert_allclose(ours, theirs.clip(0, 1), atol=2e-5)


def from_table(filter_lut):
    size = filter_lut.size[0]
    table = torch.tensor(filter_lut.table, dtype=torch.float32)
    return table.reshape(size, size, size, 3).permute(3, 0, 1, 2)
