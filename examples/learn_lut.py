"""Learn one LUT from pairs of photos, before and after a colour change that nobody wrote down.

``python examples/learn_lut.py FOLDER`` writes the LUT as ``learnt.cube``, for any editor, and
``learnt.jpg``: a photo that training has not seen, before, after, and through the LUT.
"""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

import harmaug
from harmaug.data import demo_photos
from harmaug.io import contact_sheet, thumbnail
from harmaug.lut import Lut3d, lut_difference

SIZE = 17
STEPS = 150
SMOOTHNESS, MONOTONICITY = 1e-3, 0.1  # colours that no photo has take part through these alone


def look(photo: Tensor) -> Tensor:
    """Return the photo after the change to learn: cross-processed film."""
    red, green, blue = photo.clamp(0, 1).unbind(-3)
    red = red - 0.12 * torch.sin(2 * torch.pi * red)
    green = (green - 0.08 * torch.sin(2 * torch.pi * green)) ** 0.9
    blue = 0.15 + 0.65 * blue
    changed = torch.stack((red, green, blue), -3)
    return changed.lerp(changed.mean(-3, keepdim=True), 0.15).clamp(0, 1)


def psnr(result: Tensor, wanted: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    return -10 * (result - wanted).square().mean().log10().item()


def learn(photos: list[Tensor]) -> Lut3d:
    """Return a LUT that makes of each photo what the look makes of it."""
    torch.manual_seed(0)
    lut = Lut3d(SIZE)
    optimizer = torch.optim.Adam(lut.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, STEPS)
    for step in range(STEPS):
        before = photos[step % len(photos)]
        loss = (lut(before) - look(before)).square().mean()
        terms = SMOOTHNESS * lut.smoothness() + MONOTONICITY * lut.monotonicity()
        optimizer.zero_grad()
        (loss + terms).backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}: loss {loss.item():.6f}")
    return lut


def main(folder: Path) -> None:
    photos = [photo.tensor() for _, photo, _ in demo_photos()]
    *seen, unseen = photos
    lut = learn(seen)
    with torch.no_grad():
        result, wanted = lut(unseen), look(unseen)
    print(
        f"a photo not seen: {psnr(unseen, wanted):.1f} dB before, {psnr(result, wanted):.1f} after"
    )
    truth = look(harmaug.identity_lut(SIZE).flatten(2)).unflatten(2, (SIZE, SIZE))
    mean, largest = lut_difference(lut.lut, truth)
    print(
        f"over all colours, seen or not: {mean:.1f} CIEDE2000 from the look, at most {largest:.1f}"
    )

    harmaug.write_cube(folder / "learnt.cube", lut.lut, title="learnt")
    named = {"before": unseen, "after": wanted, "through learnt.cube": result}
    cells = [
        (name, thumbnail((picture * 255).round().byte().permute(1, 2, 0).numpy()))
        for name, picture in named.items()
    ]
    contact_sheet([cells]).convert("RGB").save(folder / "learnt.jpg", quality=90)
    print(f"wrote {', '.join(path.name for path in sorted(folder.iterdir()))} to {folder}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
