"""Latents: standard normal each, even together."""

import torch
from scipy import stats

from harmaug.nets.latents import draw_latents


def test_each_latent_is_standard_normal():
    latents = draw_latents(4000, 5, 3, torch.Generator().manual_seed(0))
    for place in range(5):
        for dimension in range(3):
            values = latents[:, place, dimension].numpy()
            assert stats.kstest(values, "norm").pvalue > 1e-3


def test_latents_of_different_photos_and_dimensions_are_independent():
    latents = draw_latents(4000, 2, 4, torch.Generator().manual_seed(0))
    columns = torch.cat((latents[:-1, 0], latents[1:, 0]), 1)
    correlation = torch.corrcoef(columns.T) - torch.eye(8)
    assert correlation.abs().max() < 0.07  # 4.4 deviations of 1 / sqrt(4000)


def test_latents_of_one_photo_lie_more_evenly_than_independent_draws():
    together = draw_latents(500, 16, 1, torch.Generator().manual_seed(0))
    apart = torch.randn(500, 16, 1, generator=torch.Generator().manual_seed(0))
    # The mean of 16 independent draws deviates by 1/4; of a stratified set by far less.
    assert together.mean(1).std() < 0.5 * apart.mean(1).std()


def test_a_generator_gives_the_same_latents_and_leaves_the_global_stream_untouched():
    before = torch.random.get_rng_state()
    first = draw_latents(2, 7, 9, torch.Generator().manual_seed(3))
    second = draw_latents(2, 7, 9, torch.Generator().manual_seed(3))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_without_a_generator_the_global_stream_draws():
    torch.manual_seed(1)
    first = draw_latents(1, 2, 3)
    second = draw_latents(1, 2, 3)
    torch.manual_seed(1)
    assert torch.equal(first, draw_latents(1, 2, 3))
    assert not torch.equal(first, second)


def test_latents_are_finite_and_float32():
    latents = draw_latents(300, 64, 32, torch.Generator().manual_seed(0))
    assert latents.isfinite().all()
    assert latents.dtype == torch.float32
    assert draw_latents(0, 3, 4).shape == (0, 3, 4)
