"""Collections of colour transforms: reading any mix of files, parting, rendering."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lut_files import KINDS
from PIL import Image

from harmaug.lut import identity_lut, read_lut, write_cube, write_hald
from harmaug.recipes import Transforms, read_transforms


def gains(*factors):
    """Illuminant polynomials that multiply all channels."""
    maps = torch.zeros(len(factors), 3, 11)
    maps[:, range(3), range(3)] = torch.tensor(factors).unsqueeze(1)
    return maps


def test_lut_files_of_all_formats_are_looks(tmp_path):
    for kind, suffix in KINDS.items():
        kind(tmp_path / f"{kind.__name__}{suffix}", np.random.default_rng(0))
    looks = read_transforms([tmp_path], size=9).looks
    assert looks.shape == (len(KINDS), 3, 9, 9, 9)
    files = sorted(path for path in tmp_path.iterdir())
    for look, path in zip(looks, files, strict=True):
        assert torch.equal(look, read_lut(path).to_lut3d(9).lut)


def test_cube_hald_and_archives_are_read_together(tmp_path):
    look = identity_lut(9) * 0.5
    (tmp_path / "deep").mkdir()
    write_cube(tmp_path / "deep" / "a.cube", look)
    write_hald(tmp_path / "b.png", look)
    bytes_ = (look * 255).round().to(torch.uint8).numpy()[None]
    np.savez(tmp_path / "c.npz", luts=bytes_, names=np.array(["half"]))
    np.savez(tmp_path / "d.npz", maps=np.zeros((4, 9, 3)))
    found = read_transforms([tmp_path], size=5)
    assert found.looks is not None
    assert found.white_balance is not None
    assert found.looks.shape == (3, 3, 5, 5, 5)
    for lut in found.looks:
        torch.testing.assert_close(lut, identity_lut(5) * 0.5, rtol=0, atol=0.003)
    assert found.white_balance.shape == (4, 9, 3)
    assert found.to_standard is None
    assert found.from_standard is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"luts": np.zeros((3, 5, 5, 5))}, r"'luts' in .* expected \(N, 3, D, D, D\)"),
        ({"names": np.zeros(3)}, "no LUT file, Hald image or .npz archive"),
        ({"maps": np.full((2, 9, 3), np.nan)}, "NaN"),
        ({"maps": np.zeros((2, 3, 9))}, r"'maps' in .* is \(2, 3, 9\)"),
        ({"luts": np.zeros((2, 3, 5, 4, 5))}, r"'luts' in .* is \(2, 3, 5, 4, 5\)"),
        ({"to_standard": np.zeros((3, 3, 11)), "from_standard": np.zeros((2, 3, 11))}, "3 and 2"),
        ({"to_standard": np.zeros((3, 3, 11))}, "'from_standard' for every scene, got 3"),
        ({"luts": np.zeros((2, 3, 1, 1, 1))}, r"'luts' in .* is \(2, 3, 1, 1, 1\), expected"),
        ({"luts": np.zeros((0, 3, 5, 5, 5))}, r"'luts' in .* is \(0, 3, 5, 5, 5\), expected"),
        ({"luts": np.float32(3)}, r"'luts' in .* is \(\), expected \(N, 3, D, D, D\)"),
        ({"luts": np.zeros((1, 3, 5, 5, 5), np.uint16)}, "is uint16, expected floating point or"),
        ({"luts": np.full((1, 3, 5, 5, 5), 255.0)}, "'luts' in .* got 255; divide code values"),
        ({"luts": np.full((1, 3, 5, 5, 5), np.nan)}, "NaN"),
        ({"luts": np.array(["a", "b"])}, "is <U1, expected floating point or uint8"),
        ({"maps": np.zeros((2, 9, 3), np.uint8)}, "is uint8, expected floating point"),
    ],
)
def test_archives_of_another_layout_are_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises((ValueError, OSError), match=message):
        read_transforms([tmp_path])


def test_damaged_and_absent_files_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(ValueError, match="is no archive of colour transforms"):
        read_transforms([tmp_path])
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_transforms([tmp_path / "absent"])


@pytest.mark.parametrize("write", [np.save, np.savetxt])
def test_arrays_that_are_no_archives_are_refused(tmp_path, write):
    with (tmp_path / "a.npz").open("wb") as file:
        write(file, np.zeros((5, 5)))
    with pytest.raises(ValueError, match=r"a\.npz is no archive of colour transforms"):
        read_transforms([tmp_path])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=4))
def test_an_archive_with_flipped_bytes_is_read_or_refused_by_name(tmp_path_factory, flips):
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    np.savez(path, luts=np.zeros((1, 3, 3, 3, 3), np.float32), maps=np.zeros((2, 9, 3)))
    data = bytearray(path.read_bytes())
    for place, change in flips:
        data[place % len(data)] ^= change
    path.write_bytes(data)
    try:
        assert len(read_transforms([path])) <= 3
    except (ValueError, FileNotFoundError) as error:
        assert str(path) in str(error)  # noqa: PT017


def test_a_broken_look_in_a_folder_is_refused_by_name(tmp_path):
    write_cube(tmp_path / "good.cube", identity_lut(5))
    (tmp_path / "folder.png").mkdir()
    assert len(read_transforms([tmp_path])) == 1
    preview = np.random.default_rng(0).integers(0, 256, (125, 125, 3), np.uint8)
    Image.fromarray(preview).save(tmp_path / "folder.png" / "preview.png")
    with pytest.raises(ValueError, match=r"preview\.png seems to be a picture"):
        read_transforms([tmp_path])
    (tmp_path / "folder.png" / "preview.png").write_bytes(b"\x89PNG")
    with pytest.raises((ValueError, OSError), match=r"preview\.png"):
        read_transforms([tmp_path])
    (tmp_path / "folder.png" / "preview.png").unlink()
    (tmp_path / "bad.CUBE").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    with pytest.raises(ValueError, match=r"bad\.CUBE: LUT_3D_SIZE 2 takes 8 rows"):
        read_transforms([tmp_path])


def test_an_archive_with_code_in_it_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", luts=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="is no archive of colour transforms"):
        read_transforms([tmp_path])


def test_one_kind_of_polynomial_twice_is_refused(tmp_path):
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", maps=np.zeros((2, 9, 3)))
    with pytest.raises(ValueError, match="and so does an earlier file"):
        read_transforms([tmp_path])


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(2, 20))
def test_a_split_loses_and_shares_nothing(number, every):
    looks = torch.arange(number * 1.0).view(-1, 1, 1, 1, 1).expand(-1, 3, 2, 2, 2)
    kept, aside = Transforms(looks=looks).split(every)
    assert kept.looks is not None
    assert aside.looks is not None
    both = torch.cat((kept.looks, aside.looks))[:, 0, 0, 0, 0]
    assert both.sort().values.tolist() == list(range(number))
    assert len(aside.looks) == max(number // every, 1)


def test_a_single_transform_is_in_both_parts():
    for part in Transforms(to_standard=gains(1.0), from_standard=gains(1.0)).split():
        assert part.to_standard is not None
        assert part.from_standard is not None
        assert len(part.to_standard) == len(part.from_standard) == 1


def test_scenes_are_split_with_both_of_their_polynomials():
    factors = torch.linspace(0.5, 1, 30).tolist()
    kept, aside = Transforms(to_standard=gains(*factors), from_standard=gains(*factors)).split()
    for part in (kept, aside):
        assert part.to_standard is not None
        assert part.from_standard is not None
        assert part.to_standard.equal(part.from_standard)
