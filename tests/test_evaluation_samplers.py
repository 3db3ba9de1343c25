import pytest
import torch
from evaluation_doubles import generator, random_pair, small_net
from photo_folders import write_folder

from harmaug.augment import SycoNetAugment
from harmaug.data.folder import HarmonyFolder
from harmaug.evaluation.metrics import fmse, foreground_error
from harmaug.evaluation.samplers import (
    BasisMixtures,
    CheckpointSampler,
    FilterSampler,
    RandomLooks,
    build_samplers,
    describe_samplers,
    match_filters,
)
from harmaug.lut import composite_lut, identity_lut, lut_roughness
from harmaug.nets.latents import draw_latents

NET = small_net()
AUG = SycoNetAugment(NET)
LOOKS = torch.stack([identity_lut(5) ** power for power in (0.5, 0.8, 1.3, 2.0)])
SAMPLERS = {
    "checkpoint": CheckpointSampler(AUG),
    "spatial": CheckpointSampler(SycoNetAugment(small_net(spatial=True))),
    "filters": FilterSampler(0.8),
    "mixtures": BasisMixtures(NET.basis),
    "looks": RandomLooks(LOOKS),
}


def draw(sampler, photo, places=None, n=10, seed=0):
    chunks = list(sampler(photo, places, n, generator(seed)))
    rough = None if chunks[0].roughness is None else torch.cat([c.roughness for c in chunks])
    return torch.cat([chunk.composites for chunk in chunks]), rough


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return SAMPLERS[request.param]


def test_the_foreground_alone_is_drawn_as_it_is_within_the_frame(sampler):
    pair = random_pair()
    whole, rough = draw(sampler, pair)
    strip, rough_of_strip = draw(sampler, pair, pair.inside())
    assert whole.shape == (10, *pair.real.shape[1:])
    inside = pair.mask[0, 0] > 0
    torch.testing.assert_close(whole[:, :, inside], strip[:, :, 0], atol=1e-5, rtol=0)
    assert torch.equal(whole[:, :, ~inside], pair.real[:, :, ~inside].expand(10, -1, -1))
    if rough is not None:
        torch.testing.assert_close(rough, rough_of_strip)


def test_the_generator_alone_decides(sampler):
    pair = random_pair()
    draws = [draw(sampler, pair, seed=seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert len(draws[0].flatten(1).unique(dim=0)) == 10


def test_the_composite_is_not_looked_at(sampler):
    pair = random_pair()
    blind = pair._replace(composite=torch.full_like(pair.real, torch.nan))
    assert torch.equal(draw(sampler, pair)[0], draw(sampler, blind)[0])


def test_a_checkpoint_draws_what_its_net_decodes():
    pair = random_pair()
    drawn, rough = draw(SAMPLERS["checkpoint"], pair)
    latent = draw_latents(1, 10, NET.latent_dim, generator())
    luts = NET.luts(NET.condition(pair.real, pair.mask), latent)
    torch.testing.assert_close(drawn, composite_lut(pair.real, pair.mask, luts)[0])
    torch.testing.assert_close(rough, lut_roughness(luts[0]))


def test_a_low_concentration_takes_one_lut_at_a_time():
    pair = random_pair()
    drawn, _ = draw(BasisMixtures(NET.basis, 1e-3), pair, n=40)
    pure = composite_lut(pair.real, pair.mask, NET.basis.unsqueeze(0))[0]
    distance = torch.cdist(drawn.flatten(1), pure.flatten(1)).min(1).values
    assert distance.median() < 1e-3


def test_looks_lie_between_the_photo_and_the_look():
    pair = random_pair()
    drawn, _ = draw(RandomLooks(LOOKS[:1]), pair, n=20)
    look = composite_lut(pair.real, pair.mask, LOOKS[0])
    assert (drawn <= look + 1e-6).all()  # the look brightens
    assert (drawn >= pair.real - 1e-6).all()
    weak, _ = draw(RandomLooks(LOOKS[:1], (0.0, 0.0)), pair)
    torch.testing.assert_close(weak, pair.real.expand_as(weak), atol=1e-6, rtol=0)


@pytest.mark.parametrize("factor", [0.55, 0.8, 0.95])
def test_matched_filters_are_as_strong_as_the_composites(factor):
    pairs = [random_pair(seed) for seed in range(12)]
    pairs = [p._replace(composite=torch.lerp(p.real, p.real * factor, p.mask)) for p in pairs]
    matched = match_filters(pairs, seed=5)
    wanted = torch.cat([fmse(p.composite, p.real, p.mask) for p in pairs]).median()
    errors = [
        foreground_error(draw(matched, p, n=64, seed=seed)[0], p.real, p.mask)
        for seed, p in enumerate(pairs)
    ]
    assert torch.cat(errors).median().item() == pytest.approx(wanted.item(), rel=0.2)


def test_filters_for_composites_beyond_reach_stop_at_their_poles():
    pair = random_pair()
    wild = pair._replace(composite=(pair.real < 0.5).float())
    assert match_filters([wild], seed=0).strength == pytest.approx(1.6, abs=0.01)


def test_every_subset_has_the_same_samplers_and_its_own_filters(tmp_path):
    write_folder(tmp_path / "one", photos=3, composites=1)
    write_folder(tmp_path / "two", photos=3, composites=1, seed=1)
    folder = HarmonyFolder(tmp_path, size=32)
    samplers = build_samplers(
        {"a": SycoNetAugment(NET), "b": SycoNetAugment(NET)}, folder, baselines=True, looks=LOOKS
    )
    names = ["a", "b", "filters", "filters x 0.6", "filters, matched", "basis mixtures"]
    assert [list(chosen) for chosen in samplers.values()] == [[*names, "random looks"]] * 2
    strengths = [chosen["filters, matched"].strength for chosen in samplers.values()]
    assert strengths[0] != strengths[1]
    described = describe_samplers(samplers)
    assert described["filters"] == "hand-made random filters, published ranges x 1"
    assert "(one); " in described["filters, matched"]
    assert list(build_samplers({"a": AUG}, folder)["one"]) == ["a"]


def test_roughness_of_a_grid_is_that_of_the_lut_in_the_middle_of_the_foreground():
    pair, draws = random_pair(), 4
    net = small_net(spatial=True)
    plain = CheckpointSampler(SycoNetAugment(net), spatial=0.0)
    net.spread.zero_()  # all corners alike
    _, rough = draw(CheckpointSampler(SycoNetAugment(net)), pair, n=draws)
    _, expected = draw(plain, pair, n=draws)
    torch.testing.assert_close(rough, expected, rtol=1e-3, atol=1e-5)
