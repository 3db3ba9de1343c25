import numpy as np
import pytest
import torch
from evaluation_doubles import generator, random_pair, small_net

from harmaug.evaluation.draws import (
    coverage,
    draw_errors,
    reconstruct,
    reconstruction_error,
    strength,
)
from harmaug.evaluation.metrics import fmse
from harmaug.lut import composite_lut
from harmaug.nets.latents import draw_latents

NET = small_net()


@pytest.fixture
def batch():
    pairs = [random_pair(seed) for seed in range(8)]
    return [torch.cat(images) for images in zip(*pairs, strict=True)]


def test_errors_are_fmse_of_the_latents_as_drawn(batch):
    real, mask, composite = batch
    to_composite, to_photo = draw_errors(NET, *batch, 5, generator())
    luts = NET.luts(NET.condition(real, mask), draw_latents(8, 5, NET.latent_dim, generator()))
    for k in range(5):
        drawn = composite_lut(real, mask, luts[:, k])
        assert torch.equal(to_composite[:, k], fmse(drawn, composite, mask))
        assert torch.equal(to_photo[:, k], fmse(drawn, real, mask))


def test_errors_of_many_photos_are_those_of_some_at_a_time(batch, monkeypatch):
    whole = draw_errors(NET, *batch, 3, generator())
    rebuilt = reconstruction_error(NET, *batch, refine=False)
    monkeypatch.setattr("harmaug.evaluation.draws._CHUNK", 3)
    parts = draw_errors(NET, *batch, 3, generator())
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-2)
    again = reconstruction_error(NET, *batch, refine=False)
    torch.testing.assert_close(again, rebuilt, rtol=1e-4, atol=1e-2)


def test_a_reconstruction_is_the_composite_of_its_latent(batch):
    real, mask, composite = batch
    for refine in (True, False):
        image = reconstruct(NET, *batch, refine=refine)
        latent = NET.encode(real, mask, composite, refine=refine).unsqueeze(1)
        luts = NET.luts(NET.condition(real, mask), latent)
        assert torch.equal(image, composite_lut(real, mask, luts[:, 0]))
        found = reconstruction_error(NET, *batch, refine=refine)
        assert torch.equal(found, fmse(image, composite, mask))


def test_coverage_is_the_median_of_the_nearest_draws():
    errors = torch.tensor([[4.0, 1], [2, 7], [9, 8], [5, 6]])
    assert coverage(errors).item() == 2  # of 1, 2, 8, 5: the lower one of two middle values
    weights = np.array([[1.0, 1, 1, 1], [0, 1, 0, 0], [1, 0, 1, 1]])
    assert coverage(errors.numpy(), weights).tolist() == [3.5, 2, 5]


def test_strength_is_the_ratio_of_medians():
    to_photo, truth = torch.tensor([[1.0, 4], [9, 16], [25, 36]]), torch.tensor([2.0, 3, 9])
    assert strength(to_photo, truth).item() == 3
    found = strength(to_photo.numpy(), truth.numpy(), np.array([[1.0, 1, 1], [0, 0, 1]]))
    np.testing.assert_allclose(found, [12.5 / 3, 30.5 / 9])
    assert strength(to_photo, torch.zeros(3)).item() == np.inf
