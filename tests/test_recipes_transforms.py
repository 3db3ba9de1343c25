"""Collections of colour transforms: reading any mix of files, parting, rendering."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harmaug.lut import identity_lut, write_cube, write_hald
from harmaug.recipes.handmade import render_tone_curves
from harmaug.recipes.transforms import (
    Transforms,
    read_transforms,
    render_illuminants,
    render_white_balance,
)


def gains(*factors):
    """Illuminant polynomials that multiply all channels."""
    maps = torch.zeros(len(factors), 3, 11)
    maps[:, range(3), range(3)] = torch.tensor(factors).unsqueeze(1)
    return maps


def test_cube_hald_and_archives_are_read_together(tmp_path):
    look = identity_lut(9) * 0.5
    (tmp_path / "deep").mkdir()
    write_cube(tmp_path / "deep" / "a.cube", look)
    write_hald(tmp_path / "b.png", look)
    bytes_ = (look * 255).round().to(torch.uint8).numpy()[None]
    np.savez(tmp_path / "c.npz", luts=bytes_, names=np.array(["half"]))
    np.savez(tmp_path / "d.npz", maps=np.zeros((4, 9, 3)))
    found = read_transforms([tmp_path], size=5)
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
        ({"names": np.zeros(3)}, "no .cube file, Hald image or .npz archive"),
        ({"maps": np.full((2, 9, 3), np.nan)}, "NaN"),
        ({"maps": np.zeros((2, 3, 9))}, r"'maps' in .* is \(2, 3, 9\)"),
        ({"luts": np.zeros((2, 3, 5, 4, 5))}, r"'luts' in .* is \(2, 3, 5, 4, 5\)"),
        ({"to_standard": np.zeros((3, 3, 11)), "from_standard": np.zeros((2, 3, 11))}, "3 and 2"),
        ({"to_standard": np.zeros((3, 3, 11))}, "'from_standard' for every scene, got 3"),
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
    both = torch.cat((kept.looks, aside.looks))[:, 0, 0, 0, 0]
    assert both.sort().values.tolist() == list(range(number))
    assert len(aside.looks) == max(number // every, 1)


def test_a_single_transform_is_in_both_parts():
    for part in Transforms(to_standard=gains(1.0), from_standard=gains(1.0)).split():
        assert len(part.to_standard) == len(part.from_standard) == 1


def test_scenes_are_split_with_both_of_their_polynomials():
    factors = torch.linspace(0.5, 1, 30).tolist()
    kept, aside = Transforms(to_standard=gains(*factors), from_standard=gains(*factors)).split()
    for part in (kept, aside):
        assert part.to_standard.equal(part.from_standard)


def test_rendered_illuminants_are_gains_where_the_polynomials_are():
    lights = Transforms(to_standard=gains(1.0, 1.0), from_standard=gains(0.5, 0.5))
    luts = render_illuminants(lights, 7, 5, torch.Generator().manual_seed(0))
    torch.testing.assert_close(luts, (identity_lut(5) * 0.5).expand(7, -1, -1, -1, -1))


def test_wild_illuminants_are_left_out():
    lights = Transforms(to_standard=gains(1.0, 1.0), from_standard=gains(1.0, 9.0))
    luts = render_illuminants(lights, 40, 5, torch.Generator().manual_seed(0))
    assert 10 < len(luts) <= 40
    torch.testing.assert_close(luts, identity_lut(5).expand_as(luts))


def test_rendered_white_balance_is_the_polynomial_at_the_nodes():
    maps = torch.zeros(1, 9, 3)
    maps[0, 3, 0] = maps[0, 1, 1] = maps[0, 2, 2] = 1  # red squared, green and blue as they are
    lut = render_white_balance(Transforms(white_balance=maps), 1, 5)[0]
    neutral = identity_lut(5)
    torch.testing.assert_close(lut, torch.stack((neutral[0] ** 2, neutral[1], neutral[2])))


def test_kinds_that_are_not_there_render_nothing():
    assert render_illuminants(Transforms(), 5, 5).shape == (0, 3, 5, 5, 5)
    assert render_white_balance(Transforms(), 5, 5).shape == (0, 3, 5, 5, 5)


def test_tone_curves_lie_around_the_identity_and_in_bounds():
    luts = render_tone_curves(300, 5, torch.Generator().manual_seed(0))
    assert luts.aminmax().min >= -0.2
    assert luts.aminmax().max <= 1.2
    assert (luts.median(0).values - identity_lut(5)).abs().max() < 0.06
    assert 0.02 < (luts - identity_lut(5)).square().mean().sqrt() < 0.25
