import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from skimage import metrics as skimage_metrics

from harmaug.evaluation import metrics


def images(seed=0, batch=2, height=24, width=31):
    """A photo, a prediction of it and a soft mask, as torch has them and as numpy has them."""
    random = np.random.default_rng(seed)
    real = random.integers(0, 256, (batch, height, width, 3), dtype=np.uint8)
    noise = random.normal(0, 20, real.shape)
    prediction = (real + noise).clip(0, 255).astype(np.uint8)
    mask = random.random((batch, height, width)).astype(np.float32)
    mask[:, : height // 2] = 0
    return prediction, real, mask


def tensor(array):
    return torch.from_numpy(array).permute(0, 3, 1, 2)


def foreground_mean(values, mask):
    total = sum((values[..., c].astype(np.float64) * mask).sum() for c in range(3))
    return total / (3 * mask.sum(dtype=np.float64))


def ssim_map(prediction, real):
    """Structural similarity written out for (H, W, 3) arrays, borders reflected."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()

    def blur(x):
        return correlate1d(correlate1d(x, taps, 0, mode="mirror"), taps, 1, mode="mirror")

    x, y = prediction.astype(np.float64), real.astype(np.float64)
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance * (2 * covariance + c2) / (var_x + var_y + c2)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(11, 40), st.integers(11, 40))
def test_metrics_agree_with_their_formulas_in_numpy(seed, height, width):
    prediction, real, mask = images(seed, 2, height, width)
    found = metrics.all_metrics(tensor(prediction), tensor(real), torch.from_numpy(mask))
    for b in range(2):
        error = (prediction[b].astype(np.float64) - real[b]) ** 2
        similarity = ssim_map(prediction[b], real[b])
        fmse = foreground_mean(error, mask[b])
        expected = {
            "MSE": error.mean(),
            "fMSE": fmse,
            "PSNR": 10 * np.log10(255**2 / error.mean()),
            "fPSNR": 10 * np.log10(255**2 / fmse),
            "SSIM": similarity.mean(),
            "fSSIM": foreground_mean(similarity, mask[b]),
        }
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name][b].item() == pytest.approx(value, rel=1e-4), name


def test_metrics_agree_with_scikit_image():
    prediction, real, _ = images()
    mse = metrics.mse(tensor(prediction), tensor(real))
    psnr = metrics.psnr(tensor(prediction), tensor(real))
    local = metrics._ssim_map(tensor(prediction).float(), tensor(real).float())
    for b in range(2):
        pair = real[b], prediction[b]
        assert mse[b].item() == pytest.approx(skimage_metrics.mean_squared_error(*pair))
        expected = skimage_metrics.peak_signal_noise_ratio(*pair, data_range=255)
        assert psnr[b].item() == pytest.approx(expected)
        _, theirs = skimage_metrics.structural_similarity(
            *pair,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        # Borders are padded in different ways; within them the maps are one.
        inner = local[b].permute(1, 2, 0).numpy()[5:-5, 5:-5]
        np.testing.assert_allclose(inner, theirs[5:-5, 5:-5], atol=1e-4)


def test_single_metrics_are_those_of_the_whole_table():
    prediction, real, mask = images()
    prediction, real, mask = tensor(prediction), tensor(real), torch.from_numpy(mask)
    table = metrics.all_metrics(prediction, real, mask)
    for name, values in table.items():
        arguments = (prediction, real, mask)[: 3 if name.startswith("f") else 2]
        assert torch.equal(getattr(metrics, name.lower())(*arguments), values)


def test_bytes_and_unit_floats_give_one_result():
    prediction, real, mask = images()
    prediction, real, mask = tensor(prediction), tensor(real), torch.from_numpy(mask)
    expected = metrics.all_metrics(prediction, real, mask)
    for pair in ((prediction / 255, real / 255), (prediction, real.double() / 255)):
        for name, values in metrics.all_metrics(*pair, mask).items():
            torch.testing.assert_close(values, expected[name], msg=name)


@pytest.mark.parametrize("scale", [1, 255])
def test_masks_of_any_dtype_are_read_as_at_the_door(scale):
    prediction, real, mask = images()
    prediction, real, mask = tensor(prediction), tensor(real), torch.from_numpy(mask) > 0.5
    codes = mask.to(torch.uint8) * scale
    for other in (mask.float(), codes, codes[:, None]):
        for name, values in metrics.all_metrics(prediction, real, other).items():
            assert torch.equal(values, metrics.all_metrics(prediction, real, mask)[name]), name
        assert torch.equal(
            metrics.foreground_ratio(other if other.ndim == 4 else other[:, None]),
            metrics.foreground_ratio(mask[:, None]),
        )


def test_the_unchecked_error_is_fmse():
    prediction, real, mask = images(batch=3)
    prediction, real, mask = tensor(prediction) / 255, tensor(real) / 255, torch.from_numpy(mask)
    mask = mask.unsqueeze(1)
    assert torch.equal(
        metrics.foreground_error(prediction, real, mask), metrics.fmse(prediction, real, mask)
    )
    whole = metrics.fmse(prediction, real[:1].expand(3, -1, -1, -1), mask[:1].expand(3, -1, -1, -1))
    assert torch.equal(metrics.foreground_error(prediction, real[:1], mask[:1]), whole)


def test_an_image_alone_is_a_batch_of_one():
    prediction, real, mask = images(batch=1)
    prediction, real, mask = tensor(prediction), tensor(real), torch.from_numpy(mask)
    expected = metrics.fmse(prediction, real, mask)
    assert torch.equal(metrics.fmse(prediction[0], real[0], mask[0]), expected)
    assert torch.equal(metrics.fmse(prediction, real, mask > 0.5).isfinite(), torch.tensor([True]))


def test_only_the_foreground_counts_in_foreground_metrics():
    real = torch.zeros(1, 3, 16, 16)
    prediction = real.clone()
    prediction[..., :8] = 10 / 255
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., :8] = 1
    assert metrics.fmse(prediction, real, mask).item() == pytest.approx(100)
    assert metrics.mse(prediction, real).item() == pytest.approx(50)
    assert metrics.fmse(prediction, real, 1 - mask).item() == 0
    assert metrics.foreground_ratio(mask).item() == 0.5


def test_a_full_mask_makes_foreground_metrics_the_plain_ones():
    prediction, real, mask = images()
    table = metrics.all_metrics(
        tensor(prediction), tensor(real), torch.ones_like(torch.from_numpy(mask))
    )
    for name in ("MSE", "PSNR", "SSIM"):
        torch.testing.assert_close(table[f"f{name}"], table[name])


def test_an_empty_mask_is_nan_and_a_perfect_prediction_infinite():
    _, real, mask = images()
    real, mask = tensor(real), torch.from_numpy(mask)
    mask[0] = 0
    table = metrics.all_metrics(real, real, mask)
    for name in ("fMSE", "fPSNR", "fSSIM"):
        assert table[name].isnan().tolist() == [True, False]
    assert table["MSE"].tolist() == [0, 0]
    assert table["PSNR"].tolist() == [torch.inf, torch.inf]
    torch.testing.assert_close(table["SSIM"], torch.ones(2))


def test_wrong_inputs_are_refused_with_what_was_got():
    photo, mask = torch.rand(2, 3, 16, 16), torch.ones(2, 1, 16, 16)
    with pytest.raises(
        ValueError, match=r"prediction must have the shape of real.*\(2, 3, 16, 15\)"
    ):
        metrics.mse(photo[..., :15], photo)
    with pytest.raises(ValueError, match=r"prediction must have the shape of real"):
        metrics.mse(photo[:1], photo)
    with pytest.raises(ValueError, match="real must be uint8 or lie in"):
        metrics.mse(photo, photo * 255)
    with pytest.raises(ValueError, match="prediction must be uint8 or lie in"):
        metrics.mse(photo * 2 - 1, photo)
    with pytest.raises(ValueError, match="mask must be"):
        metrics.fmse(photo, photo, mask[..., :8])
    with pytest.raises(TypeError, match="mask must be bool, floating point or integers"):
        metrics.fmse(photo, photo, mask.to(torch.complex64))
    with pytest.raises(ValueError, match="expected labels 0 and 1"):
        metrics.fmse(photo, photo, 15 * mask.long())
    with pytest.raises(ValueError, match=r"mask spans \[-1, 1\], expected \[0, 1\]"):
        metrics.fmse(photo, photo, 2 * mask.tril() - 1)
    with pytest.raises(ValueError, match="prediction is on meta but real is on cpu"):
        metrics.mse(photo.to("meta"), photo)
    with pytest.raises(ValueError, match=r"real must be uint8 or lie in \[0, 1\] without NaN"):
        metrics.psnr(photo, photo * torch.nan)
    with pytest.raises(ValueError, match="at least 11x11 pixels, got 10x16"):
        metrics.ssim(photo[:, :, :10], photo[:, :, :10])


def test_without_torchmetrics_ssim_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image", None)
    photo = torch.rand(1, 3, 16, 16)
    with pytest.raises(ImportError, match=r"harmaug\[eval\]"):
        metrics.ssim(photo, photo)
