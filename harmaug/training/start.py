"""What a training starts from: its data, and a net on a LUT basis."""

from __future__ import annotations

from collections.abc import Mapping

import safetensors
import torch
from torch import Tensor

from harmaug.checkpoints import find_checkpoint, open_checkpoint
from harmaug.lut import identity_lut
from harmaug.lut.fitting import simplex_least_squares
from harmaug.nets import ARCHITECTURES, LiteSycoNet, LutNet
from harmaug.recipes import Transforms, Transplant, build_recipe, read_transforms
from harmaug.training.config import TrainConfig
from harmaug.training.health import HeldOut
from harmaug.training.pairs import Images, PairSource, merge, read_images

_BASIS = "unified"  # the checkpoint whose basis a new net starts on
_FITTED_AT_ONCE = 64  # pairs, to bound memory
_STREAMS = 1 << 20  # seeds of one training lie this far apart from another's
INITIAL, HELDOUT, PRIOR = 0, 1 << 19, (1 << 19) + 1  # streams; those between are the loop's


def stream(config: TrainConfig, number: int) -> torch.Generator:
    """One of a training's independent streams of random numbers."""
    return torch.Generator().manual_seed(config.seed * _STREAMS + number)


def read_data(
    config: TrainConfig, progress: bool = True
) -> tuple[PairSource, HeldOut, dict[str, int]]:
    """What to learn from, what is held out, and the number of samples of each subset."""
    learnt, aside = read_images(
        config.data, config.size, skip_missing=config.skip_missing, progress=progress
    )
    transforms, transforms_aside = Transforms(), Transforms()
    if config.transforms:
        transforms, transforms_aside = read_transforms(config.transforms).split()
    pairs, pairs_aside = (merge(list(_pairs(part).values())) for part in (learnt, aside))
    photos, photos_aside = _without_composites(learnt), _without_composites(aside)
    transplant = transplant_aside = None
    if "transplant" in config.recipes and pairs is not None:
        basis = _read_basis(config.init or config.basis or _BASIS)
        transplant = transplant_aside = _fit_transplant(basis, pairs)
        photos = _with_photos_of(pairs, photos)
        if pairs_aside is not None:  # else photos held out take changes that are learnt from
            transplant_aside = _fit_transplant(basis, pairs_aside)
            photos_aside = _with_photos_of(pairs_aside, photos_aside)
    if config.recipes and photos is None:
        raise ValueError(
            "these recipes make composites of photos that have none, and every subset of "
            f"{', '.join(config.data)} has its own; leave the recipes out, or name transplant."
        )
    recipe = build_recipe(config.recipes, transforms, transplant) if config.recipes else None
    source = PairSource(photos, pairs, recipe, config.pair_share, config.jitter)
    kinds = {
        name: build_recipe({name: 1.0}, transforms_aside, transplant_aside)
        for name in config.recipes
    }
    heldout = HeldOut.make(
        photos_aside, kinds, _pairs(aside), config.heldout_pairs, stream(config, HELDOUT)
    )
    if not heldout.kinds:
        raise ValueError(
            f"nothing of {', '.join(config.data)} is held out to take figures on; add photos, or "
            "name some in a list file <set>_val.txt."
        )
    return source, heldout, {name: len(images) for name, images in learnt.items()}


def build_net(config: TrainConfig, source: PairSource) -> LutNet:
    """The net to start with: a checkpoint's, or a new one on a fitted basis."""
    if config.init is not None:
        net, _ = open_checkpoint(config.init)
        if net.config().get("reconstruction") is False:
            raise ValueError(
                f"{config.init} has no reconstruction branch (the released weights come without "
                "one), so it cannot be trained further; start from another checkpoint."
            )
        return net
    basis = _read_basis(config.basis or _BASIS)
    sizes = {"basis_size": len(basis), "lut_size": basis.shape[-1]}
    net = ARCHITECTURES[config.architecture](**config.net, **sizes)
    with torch.no_grad():
        net.basis.copy_(basis)
    if isinstance(net, LiteSycoNet):
        net.standardize(*source.draw(min(1024, config.round_pairs), stream(config, INITIAL)))
    net.start_from(_identity_weights(basis))
    return net


def _read_basis(name: str) -> Tensor:
    """(K, 3, D, D, D) of a file of ``harmaug fit-luts`` or of a checkpoint."""
    path = find_checkpoint(name)
    try:
        with safetensors.safe_open(path, "pt") as file:
            basis = file.get_tensor("basis").float()
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path} holds no LUT basis: {error}.") from None
    if basis.ndim != 5 or basis.shape[1:] != (3, *basis.shape[-1:] * 3):
        raise ValueError(f"the basis in {path} is {tuple(basis.shape)}, not (K, 3, D, D, D).")
    return basis


def _identity_weights(basis: Tensor) -> Tensor:
    """Convex weights (K,) that mix a basis to what comes nearest to the identity."""
    flat, neutral = basis.flatten(1), identity_lut(basis.shape[-1]).flatten()
    return simplex_least_squares(flat @ flat.mT, (neutral @ flat.mT).unsqueeze(0))[0]


@torch.no_grad()
def _fit_transplant(basis: Tensor, pairs: Images) -> Transplant:
    parts = [
        Transplant.fit(basis, *pairs.pairs(rows))
        for rows in torch.arange(len(pairs)).split(_FITTED_AT_ONCE)
    ]
    weights, gains = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("weights", "gains")
    )
    return Transplant(weights, gains, basis)


def _with_photos_of(pairs: Images, photos: Images | None) -> Images:
    own = Images(pairs.real, pairs.mask, None)
    joined = merge([own] if photos is None else [photos, own])
    assert joined is not None
    return joined


def _without_composites(subsets: Mapping[str, Images]) -> Images | None:
    return merge([images for images in subsets.values() if images.composite is None])


def _pairs(subsets: Mapping[str, Images]) -> dict[str, Images]:
    return {name: v for name, v in subsets.items() if v.composite is not None}
