import pytest
import torch
from evaluation_doubles import generator, random_pair, small_net

import harmaug
from harmaug.evaluation.variation import variation
from harmaug.nets import LiteSycoNet, SycoNet
from harmaug.nets.spatial import corner_latents

NET = small_net(spatial=True)
NET.spread.mul_(3)
AUG = harmaug.SycoNetAugment(NET)
PAIR = random_pair()


def test_spatial_0_gives_the_composites_of_the_global_part():
    plain = small_net()
    latent = torch.randn(1, 4, 12, generator=generator())
    found = AUG.augment(PAIR.real, PAIR.mask, latent=latent, spatial=0)
    alone = harmaug.SycoNetAugment(plain).augment(PAIR.real, PAIR.mask, latent=latent[..., :3])
    assert torch.equal(found, alone)


def test_spatial_scales_how_much_the_change_varies():
    latent = torch.randn(1, 16, 12, generator=generator())
    places = PAIR.inside()
    found = []
    for amount in (0.0, 0.5, 1.0):
        composites = AUG.augment(PAIR.real, PAIR.mask, latent=latent, spatial=amount)[0]
        real, mask = (x.flatten(2)[:, :, places] for x in (PAIR.real, PAIR.mask))
        changed = composites.flatten(2)[:, :, places]
        found.append(
            variation(
                real.expand(16, -1, -1),
                changed,
                mask.expand(16, -1, -1),
                PAIR.corners(places).expand(16, -1, -1),
            ).mean()
        )
    assert found[0] < found[1] < found[2]
    assert found[2] > 1.2 * found[0]


def test_one_decision_serves_every_size_of_the_photo():
    luts = AUG.sample(PAIR.real, PAIR.mask, 2, generator=generator())
    assert luts.shape == (1, 2, 2, 2, 3, 5, 5, 5)
    large = [x.repeat_interleave(4, 2).repeat_interleave(4, 3) for x in PAIR[:2]]
    small = AUG.apply(luts, *PAIR[:2])
    back = AUG.apply(luts, *large)[..., 1::4, 1::4]
    # A pixel's centre moves by an eighth of a pixel, and light with it.
    torch.testing.assert_close(back, small, atol=0.02, rtol=0)


def test_the_background_is_bit_identical():
    composites = AUG.augment(PAIR.real, PAIR.mask, 4)
    outside = (PAIR.mask == 0).expand(1, 3, -1, -1)
    for composite in composites.unbind(1):
        assert torch.equal(composite[outside], PAIR.real[outside])


def test_an_empty_mask_gives_the_photo_back_beside_one_that_is_not():
    real, mask = torch.cat((PAIR.real, PAIR.real)), torch.cat((PAIR.mask, PAIR.mask * 0))
    composites = AUG.augment(real, mask, 3)
    assert torch.equal(composites[1], real[1].expand(3, -1, -1, -1))
    assert AUG.sample(real, mask, 3).shape == (2, 3, 2, 2, 3, 5, 5, 5)


def test_encode_finds_both_parts():
    latent = torch.randn(1, 1, 12, generator=generator(3))
    composite = AUG.augment(PAIR.real, PAIR.mask, latent=latent)[:, 0]
    net = small_net(spatial=True)
    net.refinement_steps = 200
    aug = harmaug.SycoNetAugment(net)
    found = aug.encode(PAIR.real, PAIR.mask, composite)
    assert found.shape == (1, 12)
    error = (aug.augment(PAIR.real, PAIR.mask, latent=found[:, None])[:, 0] - composite).square()
    start = (PAIR.real - composite).square()
    assert error.mean() < 0.02 * start.mean()


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf")])
def test_an_impossible_amount_is_refused(amount):
    with pytest.raises(ValueError, match="spatial must be a finite number from 0 upwards"):
        AUG.augment(PAIR.real, PAIR.mask, spatial=amount)


def test_a_checkpoint_without_a_spatial_part_ignores_it():
    aug, latent = harmaug.SycoNetAugment(small_net()), torch.randn(1, 2, 3)
    found = [aug.augment(*PAIR[:2], latent=latent, spatial=amount) for amount in (0.0, 1.0, 2.0)]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (19, 23, 20, 24), (0, 0, 20, 24), (5, 0, 6, 24)])
def test_foregrounds_of_a_pixel_a_line_and_the_frame_are_recoloured(box):
    top, left, bottom, right = box
    mask = torch.zeros(1, 1, 20, 24)
    mask[..., top:bottom, left:right] = 1
    composites = AUG.augment(PAIR.real, mask, 8)
    assert composites.isfinite().all()
    assert (composites != PAIR.real.unsqueeze(1)).any()


def test_the_large_net_takes_a_spatial_part_too():
    net = SycoNet(latent_dim=8, basis_size=4, lut_size=5, width=4, size=32, spatial=True).eval()
    net.spread.copy_(torch.eye(2))
    aug = harmaug.SycoNetAugment(net)
    assert aug.sample(*PAIR[:2], 2).shape == (1, 2, 2, 2, 3, 5, 5, 5)
    assert aug.encode(*PAIR[:2], PAIR.composite).shape == (1, 8)


def test_corners_add_and_subtract_the_parts():
    latent = torch.tensor([[[1.0, 10.0, 100.0, 1000.0]]])
    corners = corner_latents(latent, torch.ones(3, 1, 1), 2.0)
    assert corners.flatten().tolist() == [
        1 - 20 - 200 + 2000,
        1 + 20 - 200 - 2000,
        1 - 20 + 200 - 2000,
        1 + 20 + 200 + 2000,
    ]


def test_a_latent_that_four_parts_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="must be a multiple of 4, got 10"):
        LiteSycoNet(latent_dim=10, spatial=True)
