"""Image-adaptive LUT networks: their trilinear operator replaced, with gradients and no build.

Image-Adaptive-3DLUT (commit b491f6d, 2022-11-26), CLUT-Net (93898db, 2022-07-09) and AdaInt
(5678851, 2022-07-18) each build a CUDA extension for the lookup. These functions take its place:

- `image_adaptive_3dlut` in ``generator_train`` and ``generator_eval`` of
  ``image_adaptive_lut_train_paired.py``, for all of a batch at once;
- `clut_net` in ``forward`` of the network in ``models.py``, for the last two lines;
- `adaint` in ``forward_dummy`` of ``adaint/model.py``, for ``ailut_transform``.

All three keep LUTs as ours are, ``lut[c, b, g, r]``, over colours 0..1 with nodes at both ends. Our
results are clamped to [0, 1]; so mix LUTs, never results, and add a residual to the LUT.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

import harmaug
from harmaug.lut import Lut3d, lut_monotonicity, lut_smoothness


def image_adaptive_3dlut(pred: Tensor, luts: list[Tensor], img: Tensor) -> Tensor:
    """Return its ``combine_A``: photos (B, 3, H, W) through LUTs mixed by ``pred`` (B, K)."""
    return harmaug.apply_lut(img, harmaug.mix_luts(pred, torch.stack(luts)))


def clut_net(lut: Tensor, img_org: Tensor) -> Tensor:
    """Return its ``img_res + img_org``: its LUTs (B, 3, D, D, D) are what to add to a colour."""
    return harmaug.apply_lut(img_org, lut + harmaug.identity_lut(lut.shape[-1]).to(lut))


def adaint(imgs: Tensor, luts: Tensor, vertices: Tensor) -> Tensor:
    """Return its ``ailut_transform``: the nodes of a channel stand at ``vertices`` (B, 3, D).

    A piecewise straight curve takes the vertices to even steps; then any operator does. Gradients
    reach photos, LUTs and vertices.
    """
    last = vertices.shape[-1] - 1
    colours = imgs.flatten(2).contiguous()
    cell = torch.searchsorted(vertices.detach().contiguous(), colours.detach(), right=True) - 1
    cell = cell.clamp(0, last - 1)
    low, high = vertices.gather(2, cell), vertices.gather(2, cell + 1)
    even = (cell + (colours - low) / (high - low)) / last
    return harmaug.apply_lut(even.unflatten(2, imgs.shape[2:]), luts)


def plain_lookup(img: Tensor, luts: Tensor) -> Tensor:
    """Return what their operators make of photos: PyTorch's own lookup in a volume."""
    places = img.movedim(1, -1).unsqueeze(1) * 2 - 1  # (B, 1, H, W, 3), in the order r, g, b
    return F.grid_sample(luts, places, padding_mode="border", align_corners=True).squeeze(2)


def main() -> None:
    torch.manual_seed(0)
    img, size = torch.rand(4, 3, 32, 48), 9
    luts = [harmaug.identity_lut(size), *(0.1 * torch.randn(2, 3, size, size, size))]
    pred = torch.rand(4, 3)
    looked_up = torch.stack([plain_lookup(img, lut.expand(4, *lut.shape)) for lut in luts], 1)
    mixed = (pred[:, :, None, None, None] * looked_up).sum(1)
    torch.testing.assert_close(image_adaptive_3dlut(pred, luts, img), mixed.clamp(0, 1))
    print("Image-Adaptive-3DLUT: the same result")

    residual = 0.1 * torch.randn(4, 3, size, size, size)
    wanted = (plain_lookup(img, residual) + img).clamp(0, 1)
    torch.testing.assert_close(clut_net(residual, img), wanted)
    print("CLUT-Net: the same result")

    vertices = F.pad(torch.randn(4, 3, size - 1).softmax(-1).cumsum(-1), (1, 0)).clamp(max=1)
    red, green, blue = vertices.unbind(1)
    shape = (4, size, size, size)
    nodes = torch.stack(  # a LUT whose every node holds its own place changes no colour
        (
            red[:, None, None, :].expand(shape),
            green[:, None, :, None].expand(shape),
            blue[:, :, None, None].expand(shape),
        ),
        1,
    )
    torch.testing.assert_close(adaint(img, nodes, vertices), img)
    brightness = adaint(img, nodes, vertices.requires_grad_()).mean()
    (gradient,) = torch.autograd.grad(brightness, vertices)
    print(f"AdaInt: the same result, and a gradient {tuple(gradient.shape)} for its vertices")

    basis = torch.stack(luts)
    smooth, monotone = lut_smoothness(basis).sum(), lut_monotonicity(basis).sum()
    print(f"their terms: {smooth.item():.3f} and {monotone.item():.3f}; one LUT: {Lut3d(size)}")


if __name__ == "__main__":
    main()
