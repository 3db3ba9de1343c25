"""FilterAugment: the published filters as LUTs, with the methods and promises of an augmenter."""

import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import harmaug
from harmaug.augment.filter_augment import FilterAugment, filter_luts
from harmaug.data.demo import demo_photos
from harmaug.recipes.filters import FILTER_RANGES, PHOTO_SIZE, RandomFilters, apply_filters


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def aug():
    return FilterAugment()


@pytest.fixture(scope="module")
def photos():
    """Photos (5, 3, 96, 96) and masks (5, 1, 96, 96)."""
    pairs = [(photo.tensor(), mask.unsqueeze(0)) for _, photo, mask in demo_photos()]
    small = [[nn.functional.adaptive_avg_pool2d(x, 96) for x in pair] for pair in pairs]
    return tuple(torch.stack(images) for images in zip(*small, strict=True))


def test_luts_hold_the_published_filters_within_a_fraction_of_a_level(aug, photos):
    real, _ = photos
    latent = torch.randn(len(real), 8, 6, generator=generator())
    whole = torch.ones_like(real[:, :1])
    made = aug.augment(real, whole, latent=latent).flatten(0, 1)
    ranges = torch.tensor(list(FILTER_RANGES.values()))
    amounts = (2 * torch.special.ndtr(latent) - 1) * ranges
    many = real.repeat_interleave(8, 0)
    averaged = nn.functional.adaptive_avg_pool2d(many, PHOTO_SIZE)
    exact = apply_filters(many, averaged, amounts.flatten(0, 1))
    error = 255 * (made - exact).abs()
    assert error.mean() < 0.2
    assert error.mean((1, 2, 3)).max() < 1
    assert error.max() < 20


def test_draws_are_as_strong_as_the_recipe_s(aug, photos):
    real, mask = (images.repeat(40, 1, 1, 1) for images in photos)
    made = aug(real, mask, generator=generator()), RandomFilters()(real, mask, generator(1))
    strengths = [(one - real).square().mean((1, 2, 3)).sort().values for one in made]
    for share in (0.25, 0.5, 0.75):
        ours, theirs = (strength.quantile(share) for strength in strengths)
        assert 0.75 < ours / theirs < 1.33


@pytest.mark.parametrize("space", ["unit", "pm1", "imagenet", ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_background_is_bit_identical_in_every_space(aug, photos, space, dtype):
    spaces = {"unit": (0.0, 1.0), "pm1": (0.5, 0.5)}
    spaces["imagenet"] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    mean, std = (torch.tensor(x).reshape(-1, 1, 1) for x in spaces.get(space, space))
    real, mask = ((photos[0] - mean) / std).to(dtype), photos[1]
    made = aug.augment(real, mask, 2, space=space)
    assert made.dtype == dtype
    outside = (mask == 0).unsqueeze(1).expand_as(made)
    assert torch.equal(made[outside], real.unsqueeze(1).expand_as(made)[outside])
    assert not torch.equal(made[:, 0], made[:, 1])


def test_an_empty_mask_gives_the_photo_back(aug, photos):
    real = photos[0]
    assert torch.equal(aug(real, torch.zeros_like(real[:, :1])), real)


def test_a_latent_gives_the_same_composite_in_any_company(aug, photos):
    real, mask = photos
    latent = torch.randn(5, 3, 6, generator=generator())
    together = aug.augment(real, mask, latent=latent)
    alone = aug.augment(real[3], mask[3], latent=latent[3, 1:2])
    torch.testing.assert_close(alone[0], together[3, 1], rtol=0, atol=1e-5)


def test_luts_serve_other_sizes_of_the_photo(aug, photos):
    real, mask = photos
    luts = aug.sample(real, mask, 2, generator=generator())
    assert luts.shape == (5, 2, 3, 33, 33, 33)
    made = aug.augment(real, mask, 2, generator=generator())
    assert torch.equal(aug.apply(luts, real, mask), made)
    small = [nn.functional.avg_pool2d(images, 2) for images in (real, mask)]
    assert aug.apply(luts, *small).shape == (5, 2, 3, 48, 48)


def test_filters_see_averages_of_the_photo(photos):
    real, _ = photos
    latent = torch.randn(5, 1, 6, generator=generator())
    others = filter_luts(real.flip(0), latent)
    assert not torch.allclose(filter_luts(real, latent), others, atol=0.01)
    torch.testing.assert_close(filter_luts(real.flip(3), latent), filter_luts(real, latent))


def test_strength_goes_from_the_photo_to_the_filter(aug, photos):
    real, mask = photos
    latent = torch.randn(5, 1, 6, generator=generator())
    torch.testing.assert_close(aug(real, mask, latent=latent, strength=0.0), real)
    changes = [
        (aug(real, mask, latent=latent, strength=s) - real).abs().mean() for s in (0.3, 0.6, 1)
    ]
    assert changes == sorted(changes)


def test_candidates_keep_the_hardest(aug, photos):
    made = aug.augment(*photos, 2, candidates=6, generator=generator())
    assert made.shape == (5, 2, 3, 96, 96)


def test_draws_come_from_the_generator_or_from_the_global_one(aug, photos):
    first, again = (aug(*photos, generator=generator(3)) for _ in range(2))
    assert torch.equal(first, again)
    torch.manual_seed(7)
    first = aug(*photos)
    torch.manual_seed(7)
    assert torch.equal(first, aug(*photos))
    assert not torch.equal(first, aug(*photos))


def test_a_host_that_stores_it_gets_nothing_of_it_and_takes_it_along(aug, photos):
    host = nn.Module()
    host.aug = FilterAugment()
    assert not [*host.parameters(), *host.buffers(), *host.state_dict()]
    host.half()
    assert torch.equal(
        host.aug(*photos, generator=generator()), aug(*photos, generator=generator())
    )
    assert host.to("meta").aug.device.type == "meta"
    assert aug.device.type == "cpu"


def test_copies_and_pickles_draw_the_same(aug, photos):
    file = io.BytesIO()
    pickle.dump(aug, file)
    again = pickle.loads(file.getvalue())
    assert torch.equal(again(*photos, generator=generator()), aug(*photos, generator=generator()))


def test_8_bit_photos_give_8_bit_composites(aug):
    real = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), np.uint8))
    made = aug.augment(real, torch.ones(2, 1, 8, 8), 3)
    assert made.dtype == torch.uint8
    assert made.shape == (2, 3, 3, 8, 8)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"strength": -1}, ValueError, "strength must be a finite number"),
        ({"spatial": float("nan")}, ValueError, "spatial must be a finite number"),
        ({"latent": torch.zeros(5, 1, 7)}, ValueError, r"Z = 6, got \(5, 1, 7\)"),
        ({"space": "srgb"}, ValueError, "space"),
        ({"n": 2, "candidates": 1}, ValueError, "at least n = 2"),
    ],
)
def test_bad_input_is_one_clear_sentence(aug, photos, options, error, message):
    with pytest.raises(error, match=message):
        aug.augment(*photos, **options)


@pytest.mark.slow
def test_a_loader_draws_for_each_sample_by_one_of_several_at_random(photos):
    real, mask = (images.repeat(40, 1, 1, 1) for images in photos)
    fields = harmaug.Fields(composite=0, real=1, mask=2, space="unit")
    still = FilterAugment()
    still.decide = lambda inputs, n=1, **_: FilterAugment.decide(still, inputs, n, strength=0.0)
    loader = harmaug.AugmentedLoader(
        [(real, real, mask)], [still, FilterAugment()], fields, p=1.0, seed=0
    )
    ((composite, _, _),) = loader
    moved = (composite - real).abs().flatten(1).amax(1) > 0.01
    assert 70 < moved.sum() < 130
    ((again, _, _),) = harmaug.AugmentedLoader(
        [(real, real, mask)], [still, FilterAugment()], fields, p=1.0, seed=0
    )
    assert torch.equal(again, composite)


def test_clips_and_further_views_take_one_filter(photos):
    real, mask = (torch.stack([x, x.flip(0)], 1) for x in photos)
    fields = harmaug.Fields(composite="c", real="r", mask="m", space="unit")
    batch = {"c": real, "r": real, "m": mask}
    made = harmaug.AugmentBatch(FilterAugment(), fields, 1.0, drift=0.5)(batch)["c"]
    assert made.shape == real.shape
    assert not torch.equal(made, real)
