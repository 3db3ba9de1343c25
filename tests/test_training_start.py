"""What a training starts from."""

import pytest
import safetensors.torch
import torch
from photo_folders import small, write_basis, write_folder

from harmaug.lut import apply_lut, mix_luts
from harmaug.training.start import build_net, read_data, stream


@pytest.fixture
def pairs(tmp_path):
    return write_folder(tmp_path / "pairs", composites=1)


def test_a_new_net_changes_nothing_yet(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors", count=12))
    source, heldout, subsets = read_data(config)
    assert subsets == {"pairs": 22}
    assert heldout.kinds.keys() == {"pairs"}
    net = build_net(config, source).eval()
    real, mask, _ = source.draw(8, stream(config, 5))
    with torch.no_grad():
        weights = net.mixing_weights(net.condition(real, mask), torch.randn(8, 1, 4))
        change = apply_lut(real, mix_luts(weights[:, 0], net.basis)) - real
    assert change.abs().mean() < 0.06


def test_the_statistics_of_a_new_net_are_standardized(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors"), round_pairs=512)
    source, _, _ = read_data(config)
    net = build_net(config, source)
    condition = net.condition(*source.draw(512, stream(config, 0))[:2])
    assert condition.mean(0).abs().max() < 0.01
    assert condition.std(0).max() < 1.01


def test_a_basis_comes_from_a_file_a_checkpoint_or_the_packaged_one(pairs, tmp_path):
    from harmaug.checkpoints import open_checkpoint, save_checkpoint

    file = write_basis(tmp_path / "basis.safetensors")
    net = build_net(small(pairs, file), read_data(small(pairs, file))[0])
    save_checkpoint(tmp_path / "checkpoint", net, {})
    for name, expected in (
        (file, safetensors.torch.load_file(file)["basis"]),
        (str(tmp_path / "checkpoint"), net.basis),
        (None, open_checkpoint("unified")[0].basis),
    ):
        config = small(pairs, name)
        assert build_net(config, read_data(config)[0]).basis.equal(expected)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"luts": torch.zeros(3, 3, 5, 5, 5)}, "holds no LUT basis"),
        ({"basis": torch.zeros(3, 5, 5, 5)}, r"is \(3, 5, 5, 5\), not \(K, 3, D, D, D\)"),
    ],
)
def test_a_file_without_a_basis_is_refused(tensors, message, pairs, tmp_path):
    safetensors.torch.save_file(tensors, tmp_path / "basis.safetensors")
    config = small(pairs, str(tmp_path / "basis.safetensors"))
    with pytest.raises(ValueError, match=message):
        build_net(config, read_data(config)[0])


def test_recipes_for_folders_with_composites_are_refused(pairs, tmp_path):
    with pytest.raises(ValueError, match="leave the recipes out"):
        read_data(small(pairs, None, recipes={"retouch": 1.0}))


def weights_of(recipe):
    """The changes of a recipe, as a set that can be compared."""
    return {tuple(row) for row in recipe.weights.mul(1e4).round().tolist()}


def test_transplants_are_made_of_pairs_to_learn_from_and_never_of_those_held_out(pairs, tmp_path):
    config = small(pairs, write_basis(tmp_path / "basis.safetensors"), recipes={"transplant": 1.0})
    names = sorted(path.name for path in (pairs / "composite_images").iterdir())
    for split, chosen in (("train", names[:14]), ("val", names[14:])):
        (pairs / f"pairs_{split}.txt").write_text("\n".join(chosen))
    learnt = weights_of(read_data(config)[0].recipe)
    for split, chosen in (("train", names[14:]), ("val", names[:14])):
        (pairs / f"pairs_{split}.txt").write_text("\n".join(chosen))
    source, heldout, _ = read_data(config)
    assert len(source.recipe.weights) == len(names) - 14
    assert not learnt & weights_of(source.recipe)
    assert heldout.kinds.keys() == {"transplant", "pairs"}


def test_transplants_go_to_the_photos_of_the_pairs_and_to_those_without_composites(pairs, tmp_path):
    basis = write_basis(tmp_path / "basis.safetensors")
    source = read_data(small(pairs, basis, recipes={"transplant": 1.0}))[0]
    assert source.photos.real.equal(source.pairs.real)
    assert source.pair_share == 0.1
    bare = write_folder(tmp_path / "bare", seed=1)
    both = small(pairs, basis, data=(str(pairs), str(bare)), recipes={"transplant": 1.0})
    source, _, subsets = read_data(both)
    assert len(source.photos) == sum(subsets.values()) > len(source.pairs)


def test_photos_held_out_take_known_changes_where_no_pair_is_held_out(pairs, tmp_path):
    bare = write_folder(tmp_path / "bare", seed=1)
    (pairs / "pairs_train.txt").write_text("".join(f"p{k}_1_1.png\n" for k in range(24)))
    (bare / "bare_val.txt").write_text("".join(f"p{k}_1.png\n" for k in range(24)))
    config = small(pairs, None, data=(str(pairs), str(bare)), recipes={"transplant": 1.0})
    source, heldout, _ = read_data(config)
    assert len(source.recipe.weights) == 24
    assert heldout.kinds.keys() == {"transplant"}


def test_transplants_without_pairs_are_refused(tmp_path):
    bare = write_folder(tmp_path / "bare")
    with pytest.raises(ValueError, match="'transplant' needs true pairs"):
        read_data(small(bare, None, recipes={"transplant": 1.0}))


def test_streams_are_reproducible_and_differ(pairs):
    config, other = small(pairs, None), small(pairs, None, seed=1)
    draws = [
        torch.rand(4, generator=stream(*which))
        for which in ((config, 0), (config, 1), (other, 0), (config, 0))
    ]
    assert draws[0].equal(draws[3])
    assert not any(draws[0].equal(draw) for draw in draws[1:3])
