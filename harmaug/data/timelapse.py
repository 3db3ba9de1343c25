"""Pairs of aligned frames: a region of one frame in another, as Hday2night was made."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from harmaug.data.aligned import AlignedScene

_OTHER_LIGHT = 8 / 255  # distance of mean and deviation of colours, below which light is the same


class Timelapse:
    """Draws pairs from scenes: photo A, and A with a region of frame B in it.

    B shows the region in another light than A. Places with many frames come more often than those
    with few, by the square root of their number. Views of one place are named with a number behind:
    ``yard-1``, ``yard-2``.

    Args:
        scenes: at least one.

    Raises:
        ValueError: a scene has no region that two frames show in different light.
    """

    def __init__(self, scenes: Sequence[AlignedScene]) -> None:
        if not scenes:
            raise ValueError("there are no scenes to draw pairs from.")
        self.scenes = list(scenes)
        self.places = Counter[str]()  # number of frames by place
        for scene in scenes:
            self.places[_place(scene)] += len(scene)
        self._light = [_light(scene) for scene in scenes]
        self._choices = []
        for scene, light in zip(scenes, self._light, strict=True):
            choices = _choices(scene, light)
            if not choices.any():
                raise ValueError(
                    f"the scene {scene.name} has no region that two of its frames show in "
                    "different light; add frames of other times of day."
                )
            self._choices.append(choices)
        shares = [len(scene) / math.sqrt(self.places[_place(scene)]) for scene in scenes]
        self._shares = torch.tensor(shares, dtype=torch.float64)

    def __len__(self) -> int:
        return sum(self.places.values())

    def draw(self, count: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw photos (B, 3, S, S), masks (B, 1, S, S) and composites, float in [0, 1]."""
        chosen = torch.multinomial(self._shares, count, replacement=True, generator=generator)
        size = self.scenes[0].frames.shape[2]
        real = torch.empty(count, 3, size, size, dtype=torch.uint8)
        mask, composite = torch.empty(count, 1, size, size, dtype=torch.bool), real.clone()
        for index in chosen.unique().tolist():
            rows = (chosen == index).nonzero().flatten()
            scene = self.scenes[index]
            first, region, second = self._draw_from(index, len(rows), generator)
            real[rows], mask[rows] = scene.frames[first], scene.masks[region].unsqueeze(1)
            composite[rows] = torch.where(mask[rows], scene.frames[second], scene.frames[first])
        return real.float() / 255, mask.float(), composite.float() / 255

    def split(self, share: float) -> tuple[Timelapse, Timelapse | None]:
        """Return two sources without a place in common, or without a frame if there is one place.

        The places of the second are chosen by name, so they are always the same; of one place it
        has the last frames. It is None where two frames of different light cannot be spared.
        """
        names = [_place(scene) for scene in self.scenes]
        if len(set(names)) == 1:
            names = [scene.name for scene in self.scenes]
        ordered = sorted(set(names), key=lambda name: zlib.crc32(name.encode()))
        if len(ordered) > 1:
            aside = ordered[: max(round(len(ordered) * share), 1)]
            sides: tuple[list[AlignedScene], list[AlignedScene]] = [], []
            for name, scene in zip(names, self.scenes, strict=True):
                sides[name in aside].append(scene)
            return Timelapse(sides[0]), Timelapse(sides[1])
        scene = self.scenes[0]
        for last in range(max(round(len(scene) * share), 2), len(scene) // 2 + 1):
            parts = scene.take(slice(0, -last)), scene.take(slice(-last, None))
            if all(_choices(part, _light(part)).any() for part in parts):
                return Timelapse(parts[:1]), Timelapse(parts[1:])
        return self, None

    def _draw_from(
        self, index: int, count: int, generator: Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw frames A, regions and frames B, (count,) each, of one scene."""
        scene, light, choices = self.scenes[index], self._light[index], self._choices[index]
        drawn = torch.multinomial(choices.flatten(), count, replacement=True, generator=generator)
        first, region = drawn // choices.shape[1], drawn % choices.shape[1]
        change = (light[:, region] - light[first, region]).norm(dim=2)  # (T, count)
        others = (change > _OTHER_LIGHT) & scene.usable[:, region]
        second = torch.multinomial(others.T.double(), 1, generator=generator)
        return first, region, second.flatten()


def _place(scene: AlignedScene) -> str:
    return re.sub(r"[-_. ]*\d+$", "", scene.name) or scene.name


def _light(scene: AlignedScene) -> Tensor:
    """Return mean and deviation of the colours of regions in frames, (T, K, 6) in [0, 1]."""
    weights = scene.masks.flatten(1).float()
    weights = (weights / weights.sum(1, keepdim=True).clamp_min(1)).T
    found = []
    for chunk in scene.frames.flatten(2).split(64):
        values = chunk.float() / 255
        mean, square = values @ weights, values.square() @ weights  # (T, 3, K)
        found.append(torch.cat((mean, (square - mean.square()).clamp_min(0).sqrt()), 1))
    return torch.cat(found).transpose(1, 2)


def _choices(scene: AlignedScene, light: Tensor) -> Tensor:
    """Return how often (T, K) a frame is to be photo A with a region, 0 where no B suits it.

    Frames come equally often; in each, a region by its area, so that small ones, of which
    there are many, come no more often than large ones.
    """
    suited = torch.zeros_like(scene.usable)
    for region, usable in enumerate(scene.usable.unbind(1)):
        changes = torch.cdist(light[:, region], light[:, region]) > _OTHER_LIGHT
        suited[:, region] = usable & (changes & usable).any(1)
    areas = scene.masks.sum((1, 2)).double()
    shares = suited * areas
    return shares / shares.sum(1, keepdim=True).clamp_min(1e-9)
