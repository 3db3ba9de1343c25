"""LUT files of every format mean what OpenColorIO and colour-science take them for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lut_files import KINDS, csp, cube, cube_domain, cube_shaper, spi1d, spi3d

from harmaug.lut import identity_lut, read_hald, write_hald
from harmaug.lut.formats import read_lut

SEEDS = range(5)  # of each kind a file
FURTHER = range(5, 20)
BAR = 2e-6
INTERPOLATIONS = ("trilinear", "tetrahedral")


def opencolorio(path, colours, interpolation):
    """Colours (N, 3) through OpenColorIO's CPU processor, in [0, 1]."""
    ocio = pytest.importorskip("PyOpenColorIO", reason="opencolorio is not installed")
    known = {"trilinear": ocio.INTERP_LINEAR, "tetrahedral": ocio.INTERP_TETRAHEDRAL}
    transform = ocio.FileTransform(str(path), interpolation=known[interpolation])
    processor = ocio.Config.CreateRaw().getProcessor(transform)
    depth, exact = ocio.BIT_DEPTH_F32, ocio.OPTIMIZATION_LOSSLESS
    result = colours.copy()
    processor.getOptimizedCPUProcessor(depth, depth, exact).applyRGB(result)
    return result.clip(0, 1)


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(FURTHER, marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_files_map_colours_as_opencolorio_does(tmp_path, kind, seeds):
    for seed in seeds:
        path, colours = kind(tmp_path / f"{seed}{KINDS[kind]}", np.random.default_rng(seed))
        lut, image = read_lut(path), torch.from_numpy(colours.T).reshape(1, 3, 1, -1)
        for interpolation in INTERPOLATIONS:
            theirs = opencolorio(path, colours, interpolation)
            ours = lut(image, interpolation=interpolation).reshape(3, -1).T.numpy()
            error = np.abs(ours - theirs).max()
            assert error <= BAR, f"{path.name}, {interpolation}: {error:.2g}"


def test_there_are_three_hundred_files():
    assert len(KINDS) * len({*SEEDS, *FURTHER}) == 300


COLOUR_SCIENCE = [cube, cube_domain, cube_shaper, spi1d, spi3d, csp]


@pytest.mark.parametrize("kind", COLOUR_SCIENCE, ids=lambda kind: kind.__name__)
def test_files_map_colours_as_colour_science_does(tmp_path, kind):
    colour = pytest.importorskip("colour", reason="colour-science is not installed")
    for seed in range(3):
        path, colours = kind(tmp_path / f"{seed}{KINDS[kind]}", np.random.default_rng(seed))
        colours = colours[np.abs(colours - 0.5).max(1) < 0.44]  # it extrapolates domains
        theirs = colour.read_LUT(str(path)).apply(colours).clip(0, 1)
        image = torch.from_numpy(colours.T).reshape(1, 3, 1, -1)
        ours = read_lut(path)(image).reshape(3, -1).T.numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


# The smallest whole file of each format.
CORNERS = "0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 0 1\n1 0 1\n0 1 1\n1 1 1\n"
CODES = CORNERS.replace("1", "1023")
WHOLE = {
    "plain.cube": "LUT_3D_SIZE 2\n" + CORNERS,
    "curves.cube": "LUT_1D_SIZE 2\n0 0 0\n1 1 0.5\n",
    "shaper.cube": "LUT_1D_SIZE 3\nLUT_3D_SIZE 2\n0 0 0\n0.25 0.5 0.75\n1 1 1\n" + CORNERS,
    "a.3dl": "0 200 1023 1023\n" + CODES,
    "curves.csp": "CSPLUTV100\n1D\n" + 3 * "2\n0 1\n0 1\n" + "2\n0 0 0\n1 1 1\n",
    "a.csp": "CSPLUTV100\n3D\n" + 3 * "3\n0 0.2 1\n0 0.4 1\n" + "2 2 2\n" + CORNERS,
    "a.spi1d": "Version 1\nFrom 0 1\nLength 2\nComponents 1\n{\n0\n1\n}\n",
    "a.spi3d": "SPILUT 1.0\n3 3\n2 2 2\n"
    + "".join(f"{c[0]} {c[2]} {c[4]} {c}\n" for c in CORNERS.splitlines()),
}


def written(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: ("\ufeff" + text).encode("utf-16-le"),
        lambda text: text.replace("\n", "\n\n").replace(" ", "\t "),
        lambda text: text.rstrip("\n"),
    ],
    ids=["windows", "mark", "utf16", "space", "no-last-end"],
)
def test_layout_of_the_text_does_not_matter(tmp_path, name, change):
    image = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    plain = read_lut(written(tmp_path, name, WHOLE[name]))(image)
    (tmp_path / "b").mkdir()
    assert torch.equal(read_lut(written(tmp_path / "b", name, change(WHOLE[name])))(image), plain)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        # size 1, 300 nodes
        ("plain.cube", "SIZE 2", "SIZE 1", "line 1: LUT_3D_SIZE must be 2 to 256, got 1"),
        ("curves.cube", "SIZE 2", "SIZE 1", "line 1: LUT_1D_SIZE must be 2 to 65536, got 1"),
        ("shaper.cube", "3D_SIZE 2", "3D_SIZE 300", "line 2: LUT_3D_SIZE must be 2 .*got 300"),
        ("a.csp", "2 2 2\n", "1 1 1\n", "line 12: the size of an axis must be 2 .*got 1"),
        ("a.csp", "2 2 2\n", "300 300 300\n", "line 12: the size .*got 300"),
        ("curves.csp", "\n2\n0 0 0", "\n1\n0 0 0", "line 12: the size of the 1D table .*got 1"),
        ("a.spi1d", "Length 2", "Length 1", "line 3: Length must be 2 to 65536, got 1"),
        ("a.spi3d", "2 2 2\n", "1 1 1\n", "line 3: the size of an axis must be 2 .*got 1"),
        ("a.spi3d", "2 2 2\n", "300 300 300\n", "line 3: .*got 300"),
        (
            "a.3dl",
            CODES[6:],
            "",
            r"a\.3dl is no \.3dl file: its 1 rows, up to line 2, fill no cube",
        ),
        # no numbers
        ("shaper.cube", "0.25", "nan", "line 4: expected finite numbers, got 'nan 0.5 0.75'"),
        ("shaper.cube", "1 1 0\n", "1 inf 0\n", "line 9: expected finite"),
        ("a.csp", "0 0.4 1", "0 nan 1", "line 5: expected finite"),
        ("a.csp", "1 1 0\n", "1 nan 0\n", "line 16: expected finite"),
        ("a.spi1d", "{\n0", "{\nnan", "line 6: expected finite"),
        ("a.spi3d", "1 1 0\n", "1 nan 0\n", "line 7: expected finite"),
        ("a.3dl", "1023 1023 0\n", "1023 nan 0\n", "line 5: expected whole numbers, got '1023 nan"),
        ("a.spi1d", "{\n0", "{\n1e39", "line 6: expected finite"),
        ("a.csp", "0 0.4 1", "0 0.4 1e39", "line 5: expected finite"),
        # comma decimals
        ("shaper.cube", "0.25", "0,25", "line 4: .*'0,25 0.5 0.75'; decimals take a point"),
        ("a.csp", "0 0.2 1", "0 0,2 1", "line 4: .*decimals take a point"),
        ("a.spi1d", "{\n0", "{\n0,0", "line 6: expected 1 numbers, got '0,0'; decimals take"),
        ("a.spi3d", "1 1 0\n", "1 0,5 0\n", "line 7: .*decimals take a point"),
        ("a.3dl", "1023 1023 0\n", "1023,0 9 0\n", "line 5: .*numbers take a space between"),
        # cut short, or too long
        ("curves.cube", "1 1 0.5\n", "", "LUT_1D_SIZE 2 takes 2 rows .*got 1; the last is line 2"),
        ("shaper.cube", "1 1 1\n0 0 0\n", "", "LUT_3D_SIZE 2 takes 8 rows .*got 6; .* line 11"),
        ("shaper.cube", CORNERS, "", "LUT_3D_SIZE 2 takes 8 rows .*got 0; there is none"),
        ("shaper.cube", CORNERS, CORNERS + "0 0 0\n", "line 14: one row too many: .*1D.* takes 11"),
        ("a.csp", CORNERS[-12:], "", "line 18: the file ends here"),
        ("a.csp", "2 2 2\n" + CORNERS, "", "line 11: the file ends here"),
        ("a.csp", CORNERS, CORNERS + "0 0 0\n", "line 21: one row too many"),
        ("a.spi1d", "1\n}", "}", "Length 2 takes 2 rows of numbers, got 1"),
        ("a.spi1d", "1\n}", "1\n1\n}", "line 8: one row too many: Length 2 takes 2"),
        ("a.spi1d", "{\n", "", "line 5: unknown keyword '0'"),
        ("a.spi3d", "1 1 0 1 1 0\n", "", "takes 8 rows of numbers, got 7"),
        ("a.3dl", "1023 1023 0\n", "", "its 7 rows, up to line 8, fill no cube"),
        ("a.3dl", "1023 1023 0\n", "1023 1023\n", "line 5: expected 3 whole numbers, got 2"),
        # a shaper that falls
        ("shaper.cube", "0.25 0.5", "1.25 0.5", "line 5: a shaper before a 3D LUT must rise"),
        ("a.csp", "0 0.4 1", "0 0.4 0.3", "line 5: a shaper before a 3D LUT must rise"),
        ("a.csp", "0 0.2 1", "0 0.2 0.1", "line 5: the inputs of a shaper, on the line above"),
        ("a.3dl", "0 200 1023 1023", "0 200 1023 500", "line 1: a shaper .* must rise"),
        # tables and channels of other sizes
        ("a.csp", "0 0.4 1", "0 0.4 0.5 1", "line 5: expected 3 numbers, got 4"),
        ("a.csp", "2 2 2", "2 2 3", "line 12: expected the same size for three axes"),
        ("a.spi3d", "2 2 2", "2 2 3", "line 3: expected the same size for three axes"),
        ("a.spi1d", "Components 1", "Components 3", "line 6: expected 3 numbers, got '0'"),
        ("a.spi1d", "Components 1", "Components 2", "line 4: expected Components 1 or 3, got '2'"),
        ("a.spi3d", "1 1 0 1", "1 1 2 1", "line 7: the node 1 1 2 lies outside the size 2"),
        ("a.spi3d", "1 1 0 1", "0 0 0 1", "line 7: the node 0 0 0 stands here for the second"),
        ("a.3dl", CODES, "0 1 2 3\n" + CODES, "line 2: expected 3 whole numbers, got 4"),
        # code values
        ("plain.cube", "1", "1023", r"\(line 3\) must hold colours .*got 1023; divide code values"),
        ("curves.cube", "0.5", "255", "got 255; divide code values"),
        ("curves.cube", "2\n", "2\nDOMAIN_MAX 255 255 255\n", "line 2: .*0..255 is that of code v"),
        ("shaper.cube", "2\n0", "2\nLUT_1D_INPUT_RANGE 0 1023\n0", "line 3: .* code values"),
        ("shaper.cube", "2\n0", "2\nLUT_1D_INPUT_RANGE 0 900\n0", "line 3: .* 0..900 .* code"),
        ("a.spi1d", "From 0 1", "From 0 1023", "line 2: the domain 0..1023 is that of code"),
        ("a.csp", "0 0.2 1", "0 255 1023", "line 5: the inputs .* are code values"),
        ("a.csp", "1 1 0\n", "255 1 0\n", r"\(line 16\) .*got 255; divide code values"),
        ("a.3dl", "1023", "100", "the largest value of its 3D table is 100"),
        # domains
        ("a.spi1d", "From 0 1", "From 1 1", "line 2: the domain 1..1 is empty"),
        ("a.spi1d", "From 0 1", "From 0", "line 2: expected 2 numbers, got '0'"),
        ("shaper.cube", "2\n0", "2\nDOMAIN_MIN 0 0 0\n0", "line 3: DOMAIN_MIN does not say of"),
        ("curves.cube", "2\n", "2\nLUT_3D_INPUT_RANGE 0 2\n", "line 2: .* without its size"),
        # words
        ("a.spi1d", "Version 1", "Version 2", "line 1: expected Version 1, got '2'"),
        ("a.spi1d", "Length 2\n", "", "it has no line Length before the brace"),
        ("a.spi3d", "SPILUT", "LUT", "its first line is not SPILUT"),
        ("a.spi3d", "3 3", "3 1", "line 2: expected 3 3"),
        ("a.csp", "CSPLUTV100", "CSPLUT", "its first line is not CSPLUTV100"),
        ("a.csp", "3\n0 0.2", "3 1\n0 0.2", "line 3: expected one whole number"),
        ("a.csp", "3D", "2D", "line 2: expected 1D or 3D, got '2D'"),
        ("a.3dl", "0 200", "Mesh 1\n0 200", "line 1: expected Mesh with two numbers"),
        ("a.3dl", "0 200", "gamma 2.2\n0 200", "line 1: expected gamma 1.0, got 2.2"),
        ("a.3dl", "0 200", "look\n0 200", "line 1: expected whole numbers, got 'look'"),
        ("a.3dl", "0 200", "Mesh 1 7\n0 200", "its 3D table has 7 bits"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, name, old, new, message):
    assert old in WHOLE[name]
    path = written(tmp_path, name, WHOLE[name].replace(old, new, 1 if old != "1023" else -1))
    with pytest.raises(ValueError, match=message) as error:
        read_lut(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("bad", [b"", b"\x89PNG\0\0", b"<html>\n", b"x" * (1 << 22)])
def test_what_is_no_lut_file_is_refused(tmp_path, name, bad):
    path = written(tmp_path, name, bad)
    with pytest.raises(ValueError, match=name.replace(".", r"\.")):
        read_lut(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_bytes_give_a_lut_or_one_sentence(tmp_path_factory, data):
    name = data.draw(st.sampled_from(list(WHOLE)))
    lines = WHOLE[name].encode().splitlines()
    words = [b"0", b"2", b"1e39", b"-1", b"{", b"From", b"DOMAIN_MAX", b"Mesh", b"#", b"3D"]
    for _ in range(data.draw(st.integers(1, 3))):
        drawn = st.lists(st.sampled_from(words), max_size=4).map(b" ".join) | st.binary(max_size=9)
        lines[data.draw(st.integers(0, len(lines) - 1))] = data.draw(drawn)
    path = written(tmp_path_factory.getbasetemp(), f"any{name}", b"\n".join(lines))
    try:
        assert read_lut(path)(torch.rand(3, 4, 4)).isfinite().all()
    except ValueError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["look.lut", "look", "look.jpg"])
def test_another_suffix_is_told(name):
    with pytest.raises(ValueError, match=rf"{name} is no LUT file: expected the suffix \.cube"):
        read_lut(name)


@pytest.mark.parametrize("name", WHOLE)
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name.replace(".", r"\.")):
        read_lut(tmp_path / name)


def test_a_hald_picture_is_read_too(tmp_path):
    lut = identity_lut(4).flip(0)
    write_hald(tmp_path / "a.png", lut, bits=16)
    torch.testing.assert_close(read_lut(tmp_path / "a.png").lut, read_hald(tmp_path / "a.png"))


def test_a_lut_of_many_bits_is_read_by_its_mesh_line_though_dark(tmp_path):
    """A dark look of 12 bits whose largest code would also be that of 10 bits."""
    path = written(tmp_path, "a.3dl", "Mesh 1 12\n" + CORNERS.replace("1", "600"))
    assert read_lut(path).lut.max() == pytest.approx(600 / 4095)


def test_values_beyond_one_of_a_linear_curve_are_kept(tmp_path):
    path = written(tmp_path, "a.spi1d", WHOLE["a.spi1d"].replace("1\n}", "55\n}"))
    assert read_lut(path).curves[0].values.max() == 55
