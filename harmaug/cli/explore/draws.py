"""Composites of a scene under the page's settings: as pictures, and as files at full size."""

from __future__ import annotations

import functools
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from harmaug.augment import LutAugment, open_augmenter
from harmaug.cli.chart import colour_chart
from harmaug.cli.composites import numbered
from harmaug.cli.explore.code import python_code
from harmaug.cli.explore.scene import Scene, picture
from harmaug.cli.explore.settings import Settings
from harmaug.io.photos import write_photo
from harmaug.lut import apply_lut, write_cube

_LUT_SIDE = 400  # pixels of a picture of a LUT

# All visitors share an augmenter, which never changes.
augmenter = functools.lru_cache(maxsize=8)(open_augmenter)


@dataclass(frozen=True, eq=False)
class Draws:
    """LUTs drawn for a scene.

    Attributes:
        aug: the augmenter that drew them.
        scene: the photo and mask.
        luts: (1, n, ...) as `SycoNetAugment.decide` gives them.
        flat: (1, n, 3, D, D, D), of the same latents with ``spatial=0``.
    """

    aug: LutAugment
    scene: Scene
    luts: Tensor
    flat: Tensor

    @classmethod
    def of(cls, scene: Scene, settings: Settings) -> Draws:
        """Draw; the same settings always draw the same."""
        aug, strength = augmenter(settings.checkpoint), settings.strength
        generator = torch.Generator().manual_seed(settings.seed)
        found = aug.decide(
            scene.inputs,
            settings.n,
            generator=generator,
            strength=strength,
            spatial=settings.spatial,
        )
        flat = found.luts
        if aug.varies:
            latent = found.latent
            flat = aug.decide(
                scene.inputs, settings.n, latent=latent, strength=strength, spatial=0.0
            ).luts
        return cls(aug, scene, found.luts, flat)

    def composites(self) -> list[Image.Image]:
        """Return the composites at the size of the page."""
        return [picture(image) for image in self._on_page(self.luts)]

    def fields(self) -> list[Image.Image]:
        """Return the difference that the spatial part makes around grey; none without one."""
        if not self.aug.varies:
            return []
        difference = self._on_page(self.luts) - self._on_page(self.flat)
        return [picture(0.5 + image) for image in difference]

    def lut_pictures(self) -> list[Image.Image]:
        """Return for each LUT the photo through it, above a chart of colours before and after."""
        photo = np.array(picture(self.scene.view.real[0], _LUT_SIDE))
        chart = colour_chart(_LUT_SIDE // 6, photo.shape[1])
        pictures = []
        for lut in self.flat[0]:
            parts = (_through(photo, lut), chart, _through(chart, lut))
            pictures.append(Image.fromarray(np.concatenate(parts)))
        return pictures

    def _on_page(self, luts: Tensor) -> Tensor:
        return self.aug.recolour(luts, self.scene.view)[0]


def write_files(scene: Scene, settings: Settings, folder: Path) -> list[Path]:
    """Write composites at the photo's size and depth, their LUTs and the code; return the files.

    Raises:
        ValueError: a setting has no meaning.
    """
    draws, n = Draws.of(scene, settings), settings.n
    pictures = numbered(folder, scene.name, n, ".png")
    cubes = numbered(folder, scene.name, n, ".cube")
    for k, (path, cube) in enumerate(zip(pictures, cubes, strict=True)):
        composite = draws.aug.recolour(draws.luts[:, k], scene.inputs)[0]
        write_photo(path, scene.photo.recoloured(composite))
        write_cube(cube, draws.flat[0, k], title="harmaug")
    code = folder / f"{scene.name}.py"
    code.write_text(python_code(scene, settings), encoding="utf-8")
    others = [code]
    if scene.drawing is not None:
        others.append(folder / str(scene.files[1]))
        others[-1].write_bytes(scene.drawing)
    files = [*pictures, *cubes, *others]
    everything = folder / f"{scene.name}.zip"
    with zipfile.ZipFile(everything, "w") as archive:  # PNG files cannot be made any smaller
        for path in files:
            archive.write(path, path.name)
    return [everything, *files]


def _through(pixels: np.ndarray, lut: Tensor) -> np.ndarray:
    """Return (H, W, 3), uint8, through a LUT."""
    return apply_lut(torch.from_numpy(pixels).permute(2, 0, 1), lut).permute(1, 2, 0).numpy()
