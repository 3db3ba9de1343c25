import pytest
import torch
from evaluation_doubles import generator, random_pair, small_net
from torch.nn import functional as F

import harmaug
from harmaug.lut.box import box_weights
from harmaug.nets import LiteSycoNet, SycoNet
from harmaug.nets.light import corner_gains, light_parts

LIGHT = light_parts(0.3)
NET = small_net(light=0.3)
AUG = harmaug.SycoNetAugment(NET)
PAIR = random_pair()


def latents(n=4, seed=0):
    """Latents whose light is on."""
    latent = torch.randn(1, n, 16, generator=generator(seed))
    latent[..., 3].abs_()
    return latent


def test_a_negative_amount_gives_the_composites_of_the_net_without():
    latent = latents()
    latent[..., 3] *= -1
    found = AUG.augment(PAIR.real, PAIR.mask, latent=latent)
    plain = harmaug.SycoNetAugment(small_net())
    alone = plain.augment(PAIR.real, PAIR.mask, latent=latent[..., :3])
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)


def test_gains_multiply_what_the_mixture_makes_before_it_is_clamped():
    """Compare with a picture of gains, made by hand from the corners of the box."""
    latent, real, mask = latents(), PAIR.real / 2, PAIR.mask  # no colour leaves the range
    net = small_net()
    luts = net.luts(net.condition(real, mask), latent[..., :3])
    height, width = real.shape[2:]
    rows, columns = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    corners = box_weights(mask, columns.reshape(1, -1), rows.reshape(1, -1))
    gains = corner_gains(latent[..., 3:], LIGHT)  # (1, 4, 4, 3)
    field = (gains.mT @ corners.unsqueeze(1)).unflatten(3, (height, width))
    for k in range(4):
        moved = harmaug.apply_lut(real, luts[:, k]) * field[:, k]
        wanted = torch.lerp(real, moved, mask).clamp(0, 1)
        found = AUG.augment(real, mask, latent=latent[:, k : k + 1])[:, 0]
        torch.testing.assert_close(found, wanted, atol=2e-5, rtol=0)


def test_spatial_0_gives_one_lut_for_the_whole_foreground():
    latent = latents()
    luts = AUG.decide(AUG.admit(*PAIR[:2]), latent=latent, spatial=0.0).luts
    assert luts.shape == (1, 4, 3, 5, 5, 5)
    found = AUG.augment(*PAIR[:2], latent=latent, spatial=0.0)
    latent[..., 7:] = 0  # the parts that vary
    same = AUG.augment(*PAIR[:2], latent=latent)
    torch.testing.assert_close(found, same, atol=1e-5, rtol=0)


def test_small_log_gains_have_the_deviation_asked_for():
    latent = torch.randn(1, 20000, 13, generator=generator())
    latent[..., 0] = 1
    gains = corner_gains(latent, light_parts(0.03), 0.0).log()
    common = gains.mean(3)
    assert common.std().item() == pytest.approx(0.03 * (1 + 0.1**2 / 3) ** 0.5, rel=0.03)
    assert (gains - common.unsqueeze(3)).std().item() == pytest.approx(
        0.03 * 0.1 * (2 / 3) ** 0.5, rel=0.03
    )


def test_no_gain_is_far_from_half_or_twice():
    gains = corner_gains(10 * latents()[..., 3:], LIGHT)
    assert gains.min() > 0.44
    assert gains.max() < 2.26


def test_half_of_the_draws_have_no_light():
    gains = corner_gains(torch.randn(1, 20000, 13, generator=generator()), LIGHT)
    dark = (gains == 1).all(3).all(2)
    assert dark.float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_gains_of_the_parts_rise_along_their_axes():
    latent = torch.zeros(1, 3, 4, 3)
    latent[0, 0, 1] = latent[0, 1, 2] = latent[0, 2, 3] = 1
    latent = F.pad(latent.flatten(2), (1, 0), value=1)
    across, down, both = corner_gains(latent, LIGHT)[0, ..., 0]
    assert across[0] < 1 < across[1]
    assert across[0] == across[2]
    assert down[0] < 1 < down[2]
    assert down[0] == down[1]
    assert both[0] == both[3]
    assert both[1] == both[2]


def test_spatial_scales_log_gains():
    latent = latents()[..., 3:]
    light = light_parts(0.003)
    once, twice = (corner_gains(latent, light, amount).log() for amount in (1.0, 2.0))
    whole = corner_gains(latent, light, 0.0).log()
    torch.testing.assert_close(twice - whole, 2 * (once - whole), rtol=1e-3, atol=1e-5)


def test_the_background_is_bit_identical_and_composites_stay_in_range():
    composites = AUG.augment(*PAIR[:2], 16)
    outside = (PAIR.mask == 0).expand(1, 3, -1, -1)
    for composite in composites.unbind(1):
        assert torch.equal(composite[outside], PAIR.real[outside])
    assert composites.min() >= 0
    assert composites.max() <= 1


def test_encode_finds_a_light_from_the_side():
    latent = latents(1, 3)
    composite = AUG.augment(*PAIR[:2], latent=latent)[:, 0]
    net = small_net(light=0.3)
    net.refinement_steps = 200
    aug = harmaug.SycoNetAugment(net)
    found = aug.encode(*PAIR[:2], composite)
    assert found.shape == (1, 16)
    error = (aug.augment(*PAIR[:2], latent=found[:, None])[:, 0] - composite).square()
    assert error.mean() < 0.02 * (PAIR.real - composite).square().mean()


def test_an_empty_mask_gives_the_photo_back_beside_one_that_is_not():
    real, mask = torch.cat((PAIR.real, PAIR.real)), torch.cat((PAIR.mask, PAIR.mask * 0))
    assert torch.equal(AUG.augment(real, mask, 3)[1], real[1].expand(3, -1, -1, -1))
    decision = AUG.decide(AUG.admit(real, mask), 3)
    assert decision.luts.shape == (2, 3, 2, 2, 3, 5, 5, 5)
    assert decision.weights.shape == (2, 3, 4)


def test_luts_pass_gradients_to_the_light_of_a_latent():
    latent = latents().requires_grad_()
    composite = AUG.augment(*PAIR[:2], latent=latent)
    composite.sum().backward()
    assert (latent.grad[..., 3:].abs().sum((0, 1)) > 0).all()


def test_the_large_net_takes_light_too():
    net = SycoNet(latent_dim=21, basis_size=4, lut_size=5, width=4, size=32, light=True).eval()
    net.light.copy_(LIGHT)
    aug = harmaug.SycoNetAugment(net)
    assert aug.sample(*PAIR[:2], 2).shape == (1, 2, 2, 2, 3, 5, 5, 5)
    assert aug.encode(*PAIR[:2], PAIR.composite).shape == (1, 21)


def test_fixed_shapes_draw_what_the_other_way_draws(monkeypatch):
    import harmaug.nets.decision as decision

    draws = []
    for fixed in (False, True):
        monkeypatch.setattr(decision, "_wants_fixed_shapes", lambda _, fixed=fixed: fixed)
        draws.append(AUG.augment(*PAIR[:2], 64, generator=generator()))
    torch.testing.assert_close(*draws, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 13, "light": True}, "must be above 13, got 13"),
        ({"light": True, "spatial": True}, "a net has one of them"),
    ],
)
def test_impossible_nets_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LiteSycoNet(**settings)


def test_a_composite_of_another_size_gets_the_same_light():
    luts = AUG.sample(*PAIR[:2], 2, generator=generator())
    small = AUG.apply(luts, *PAIR[:2])
    large = [F.interpolate(x, scale_factor=4, mode="nearest") for x in PAIR[:2]]
    torch.testing.assert_close(AUG.apply(luts, *large)[..., 1::4, 1::4], small, atol=0.02, rtol=0)
