"""Sample sheets of a training: held-out photos, a true composite, its reconstruction, draws."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from harmaug.io.atomic import atomic_write
from harmaug.io.contact_sheet import contact_sheet, thumbnail
from harmaug.lut import composite_lut, mix_luts
from harmaug.nets import LutNet
from harmaug.nets.latents import draw_latents
from harmaug.training.health import HeldOut


@torch.no_grad()
def write_samples(net: LutNet, heldout: HeldOut, path: Path, draws: int = 6) -> None:
    """Write a sheet with one photo of each kind; the same latents every time.

    Args:
        net: the generator, calibrated.
        heldout: pairs to show.
        path: PNG file to write; its folder is made.
        draws: prior samples a photo.
    """
    latent = draw_latents(1, draws, net.latent_dim, torch.Generator().manual_seed(0))
    rows = []
    for name, pairs in heldout.kinds.items():
        largest = int(pairs.mask.sum((1, 2, 3)).argmax())
        real, mask, composite = (p[largest : largest + 1].to(net.basis.device) for p in pairs)
        mean = net.encode(real, mask, composite).unsqueeze(1)
        latents = torch.cat((mean, latent.to(mean)), 1)
        weights = net.mixing_weights(net.condition(real, mask), latents)
        drawn = composite_lut(real, mask, mix_luts(weights, net.basis))[0]
        pictures = [real[0], composite[0], *drawn]
        captions = [name, "composite", "rebuilt", *(f"draw {i + 1}" for i in range(draws))]
        rows.append([(c, thumbnail(_pixels(p))) for c, p in zip(captions, pictures, strict=True)])
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            contact_sheet(rows).save(temporary)


def _pixels(image: Tensor):  # type: ignore[no-untyped-def]
    return (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
