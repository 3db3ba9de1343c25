"""Judging drawn LUTs: spoilt foregrounds are found, and replaced where they were drawn."""

import pytest
import torch
from torch.nn import functional as F

from harmaug import SycoNetAugment, apply_lut, identity_lut
from harmaug.data.demo import demo_photos
from harmaug.nets.decision import decide_latents
from harmaug.nets.judging import Foreground, hardest
from harmaug.nets.judging import spoilt as spoilt_pixels
from harmaug.nets.latents import draw_latents


def photo(size=96):
    real = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 4 : size // 2, size // 4 :] = 1
    return real, mask


def spoilt(changes, real, mask):
    return spoilt_pixels(changes, Foreground.of(real, mask))


def luts(*maps):
    return torch.stack([function(identity_lut(9)) for function in maps]).unsqueeze(0)


def test_clipping_and_flattening_spoil_and_honest_changes_do_not():
    changes = luts(
        lambda lut: lut,
        lambda lut: lut * 0.7,
        lambda lut: lut.flip(0),
        lambda lut: lut * 3,  # white
        lambda lut: lut - 0.7,  # black
        lambda lut: lut * 0.1 + 0.5,  # flat
    )
    assert spoilt(changes, *photo()).tolist() == [[False, False, False, True, True, True]]


def test_the_background_does_not_decide():
    real, mask = photo()
    real = torch.where(mask > 0, real * 0.3, real)  # dark, where doubling does not clip
    assert spoilt(luts(lambda lut: lut * 2.2), real, mask).tolist() == [[False]]
    assert spoilt(luts(lambda lut: lut * 2.2), real, 1 - mask).tolist() == [[True]]


def test_what_was_clipped_before_does_not_count():
    real, mask = photo()
    assert not spoilt(luts(lambda lut: lut), (real * 4).clamp(0, 1), mask).any()


def test_blowing_out_colours_with_one_channel_at_its_limit_counts():
    real, mask = photo()
    real[:, 0] = 1
    assert spoilt(luts(lambda lut: lut * 3), real, mask).all()


def test_clipped_is_a_tenth_of_the_foreground_with_a_channel_newly_within_a_hundredth_of_the_ends():
    real, mask = photo()
    real = ((real - 0.5) * 1.8 + 0.5).clamp(0, 1)  # some is clipped to begin with
    gains = torch.linspace(0.2, 3, 58).tolist()  # 0.4 is the limit: a tie
    changes = luts(*(lambda lut, gain=gain: (lut - 0.3) * gain + 0.3 for gain in gains))
    inside = (mask > 0)[0, 0, ::2, ::2]  # 96 pixels a side are judged on 48
    before = real[0, :, ::2, ::2][:, inside]
    moved = apply_lut(real, changes)[0][..., ::2, ::2][..., inside]

    def at_border(values):
        return (values < 0.01) | (values > 0.99)

    clipped = (at_border(moved) & ~at_border(before)).any(1).float().mean(1) > 0.1
    flat = moved.mean(1).std(1) < 0.4 * before.mean(0).std()
    assert 0 < clipped.sum() < len(gains)
    assert spoilt(changes, real, mask)[0].tolist() == (clipped | flat).tolist()


def test_a_foreground_too_small_to_sample_passes():
    real, mask = photo()
    mask = torch.zeros_like(mask)
    mask[..., 1, 1] = 1
    assert not spoilt(luts(lambda lut: lut * 3), real, mask).any()


def test_the_hardest_lut_is_the_one_farthest_from_the_background():
    real, mask = photo()
    order = luts(lambda lut: lut, lambda lut: lut * 0.2, lambda lut: lut * 0.6)
    assert hardest(order, real, mask, 2).tolist() == [[1, 2]]


def test_no_composite_of_the_packaged_photos_is_clipped_or_flat():
    augment = SycoNetAugment.from_pretrained("illuminant")
    for _, picture, mask in demo_photos():
        real, alpha = picture.tensor().unsqueeze(0), mask.unsqueeze(0).unsqueeze(0)
        drawn = augment.sample(real, alpha, 48, generator=torch.Generator().manual_seed(1))
        assert not spoilt(drawn, real, alpha).any()
        moved = apply_lut(real, drawn)[0][:, :, mask > 0.5]  # (48, 3, P)
        assert (moved.std(2).mean(1) > 0.3 * real[0][:, mask > 0.5].std(1).mean()).all()


def test_a_latent_that_spoils_gives_way_to_its_opposite_or_a_weaker_one():
    augment = SycoNetAugment.from_pretrained("illuminant")
    replaced = 0
    for _, picture, mask in demo_photos():
        real, alpha = picture.tensor().unsqueeze(0), mask.unsqueeze(0).unsqueeze(0)
        drawn = draw_latents(1, 64, augment.latent_dim, torch.Generator().manual_seed(1))
        decided = augment.decide(
            augment.admit(real, alpha), 64, generator=torch.Generator().manual_seed(1)
        )
        share = (decided.latent / drawn).mean(2)[0]
        torch.testing.assert_close(decided.latent[0], share.unsqueeze(1) * drawn[0])
        bad = spoilt(augment.sample(real, alpha, latent=drawn), real, alpha)[0]
        assert (share[~bad] == 1).all()
        assert {round(value, 3) for value in share[bad].tolist()} <= {-1, 0.5, -0.5, 0.25}
        replaced += int(bad.sum())
    assert replaced > 10


@pytest.mark.parametrize(
    ("good", "factor"), [((), 0.25), ((0,), 0.5), ((1,), -0.5), ((2,), 0.25), ((1, 2), -0.5)]
)
def test_the_opposite_is_tried_first_then_half_of_it_and_less(good, factor, monkeypatch):
    augment = SycoNetAugment.from_pretrained("illuminant")
    rounds = []

    def verdict(luts, foreground):
        rounds.append(luts.shape[1])
        bad = torch.ones(luts.shape[:2], dtype=torch.bool)
        if len(rounds) == 3:
            bad[:, list(good)] = False
        return bad

    monkeypatch.setattr("harmaug.nets.decision.spoilt", verdict)
    real, mask = photo()
    latent = draw_latents(1, 2, augment.latent_dim, torch.Generator().manual_seed(1))
    decided = decide_latents(augment.net, real, mask, [True], latent, drawn=True)
    torch.testing.assert_close(decided.latent, factor * latent)
    assert rounds == [2, 1, 3]


def test_a_photo_alone_is_decided_as_among_others():
    augment = SycoNetAugment.from_pretrained("illuminant")
    pictures = [(picture.tensor(), mask.unsqueeze(0)) for _, picture, mask in demo_photos()]
    small = [F.adaptive_avg_pool2d(image, 96) for pair in pictures for image in pair]
    real, alpha = torch.stack(small[::2]), torch.stack(small[1::2])
    latent = draw_latents(len(real), 16, augment.latent_dim, torch.Generator().manual_seed(2))
    together = decide_latents(augment.net, real, alpha, [True] * len(real), latent, drawn=True)
    assert (together.latent != latent).any()
    for k in range(len(real)):
        alone = decide_latents(
            augment.net, real[k : k + 1], alpha[k : k + 1], [True], latent[k : k + 1], drawn=True
        )
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(one[0], many[k], rtol=1e-4, atol=1e-5)


def test_a_given_latent_is_taken_as_it_is():
    augment = SycoNetAugment.from_pretrained("illuminant")
    real, mask = photo()
    latent = torch.full((1, 1, augment.latent_dim), 6.0)
    condition = augment.net.condition(real, mask)
    weights = augment.net.mixing_weights(condition, latent)
    expected = (weights @ augment.basis.flatten(1)).view(1, 1, *augment.basis.shape[1:])
    torch.testing.assert_close(augment.sample(real, mask, latent=latent), expected)
