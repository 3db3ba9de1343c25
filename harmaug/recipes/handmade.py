"""Recipes: hand-made ways to turn a photo and a mask into a composite.

Each imitates how one kind of dataset is made, and is what SycoNet learns from where true composites
are scarce. A recipe is a callable on a batch,

    composite = recipe(real, mask, generator)

with ``real`` (B, 3, H, W) in [0, 1], ``mask`` (B, 1, H, W) in [0, 1] and a ``torch.Generator`` on
the CPU. The background is untouched. Draws that would clip much of the foreground are pulled back
towards the photo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from harmaug.lut import apply_lut
from harmaug.recipes import colour
from harmaug.recipes.filters import RandomFilters
from harmaug.recipes.paste import clipped_fraction, paste
from harmaug.recipes.transforms import Transforms, as_luts, node_colours

RECIPES = ("color-transfer", "retouch", "illuminant", "filters", "transplant")


class Recipe(Protocol):
    """A way to make composites; see the module's docstring."""

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        """Composites (B, 3, H, W) of photos (B, 3, H, W) under masks (B, 1, H, W)."""
        ...


@dataclass(frozen=True)
class ColorTransfer:
    """The foreground takes the colours of another photo's foreground, as in HCOCO and HFlickr.

    Three methods take turns: mean and deviation in Lab (Reinhard et al., 2001), mean and covariance
    in RGB (Pitie and Kokaram, 2007), histograms per channel. The datasets take the reference
    from objects of the same class; here it is the photo nearest in mean colour among a few
    of the batch, so a batch needs at least two.

    Attributes:
        amount: range of the share of the transfer that is blended in.
        candidates: photos among which the reference is chosen.
    """

    amount: tuple[float, float] = (0.5, 1.0)
    candidates: int = 3

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        if len(real) < 2:
            raise ValueError("ColorTransfer needs a batch of at least 2 photos, got 1.")
        chosen = self._references(real, mask, generator)
        method = torch.randint(3, (len(real),), generator=generator)
        moved = torch.empty_like(real)
        for index, transfer in enumerate(
            (_transfer_in_lab, colour.transfer_covariance, colour.match_histograms)
        ):
            rows = (method == index).nonzero().flatten().to(real.device)
            others = chosen[rows]
            moved[rows] = transfer(real[rows], mask[rows], real[others], mask[others])
        amount = _uniform(*self.amount, real, generator)
        # Where even the reference has no foreground there are no colours to take.
        amount = amount * mask[chosen].amax((1, 2, 3), keepdim=True).gt(0)
        return paste(real, mask, torch.lerp(real, moved.nan_to_num(), amount))

    def _references(self, real: Tensor, mask: Tensor, generator: Generator | None) -> Tensor:
        """Rows (B,) of the batch to take colours from, never a photo's own."""
        batch = len(real)
        steps = torch.randint(1, batch, (batch, self.candidates), generator=generator)
        rows = ((torch.arange(batch).unsqueeze(1) + steps) % batch).to(real.device)
        mean, _ = colour.foreground_moments(real, mask)
        distance = (mean[rows] - mean.unsqueeze(1)).square().sum(2)
        distance[mask.flatten(1).amax(1)[rows] == 0] = torch.inf  # without foreground: last choice
        return rows.gather(1, distance.argmin(1, keepdim=True)).squeeze(1)


@dataclass(frozen=True)
class Retouch:
    """The foreground is retouched like a photographer would, as in HAdobe5k.

    White balance, a creative look, exposure, tone, contrast and saturation, each with its own
    probability and strength.

    Attributes:
        looks: (L, 3, D, D, D) LUTs, or None.
        white_balance: (M, 9, 3) polynomials (`colour.map_white_balance`), or None.
        strength: scales every range.
    """

    looks: Tensor | None = None
    white_balance: Tensor | None = None
    strength: float = 1.0

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        moved, s = real, self.strength
        if self.white_balance is not None:
            maps = self.white_balance[_pick(self.white_balance, real, generator)].to(real)
            amount = _uniform(0.4, 1.0, real, generator) * _coin(0.5, real, generator) * s
            moved = torch.lerp(moved, colour.map_white_balance(moved, maps), amount)
        if self.looks is not None:
            looks = self.looks[_pick(self.looks, real, generator)].to(real)
            amount = _uniform(0.4, 1.0, real, generator) * _coin(0.5, real, generator) * s
            moved = torch.lerp(moved, apply_lut(moved.clamp(0, 1), looks), amount)
        moved = _tone(moved, mask, s, generator)
        return paste(real, mask, moved)


@dataclass(frozen=True)
class Filters:
    """Hand-made random filters (`recipes.filters`), gentler than published.

    They know nothing of how datasets are made, and so widen what is learnt from the others.

    Attributes:
        strength: scales the published ranges.
    """

    strength: float = 0.7

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        return paste(
            real, mask, RandomFilters(self.strength)(real, torch.ones_like(mask), generator)
        )


@dataclass(frozen=True)
class Illuminant:
    """The foreground is moved to another light by measured polynomials, as in ccHarmony.

    There the first polynomial undoes the photo's own light; here that is not known, and a pair of
    lights drawn at random can tint a foreground as no light would. Such draws are drawn again.

    Attributes:
        to_standard: (N, 3, 11) polynomials from a scene's light to a standard one.
        from_standard: (N, 3, 11) polynomials back (`colour.map_illuminant`).
        tint: how far in Lab a foreground's mean may move in a* and b*.
    """

    to_standard: Tensor
    from_standard: Tensor
    tint: float = 20.0

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        moved, settled = real, torch.zeros(len(real), dtype=torch.bool, device=real.device)
        for _ in range(8):  # a photo that no draw suits stays as it is
            source = self.to_standard[_pick(self.to_standard, real, generator)].to(real)
            target = self.from_standard[_pick(self.from_standard, real, generator)].to(real)
            drawn = colour.map_illuminant(colour.map_illuminant(real, source).clamp(0, 1), target)
            tame = clipped_fraction(drawn, real, mask) < 0.05
            tame &= _tint(drawn.clamp(0, 1), real, mask) < self.tint
            moved = torch.where((tame & ~settled).view(-1, 1, 1, 1), drawn, moved)
            settled |= tame
            if settled.all():
                break
        return paste(real, mask, moved)


@dataclass(frozen=True)
class Mixture:
    """Each photo of a batch gets one of several recipes.

    Attributes:
        parts: recipe -> how often, any positive numbers.
    """

    parts: Sequence[tuple[Recipe, float]]

    def __call__(self, real: Tensor, mask: Tensor, generator: Generator | None = None) -> Tensor:
        shares = torch.tensor([share for _, share in self.parts], dtype=torch.float64)
        chosen = torch.multinomial(shares, len(real), replacement=True, generator=generator)
        composite = real.clone()
        for index, (recipe, _) in enumerate(self.parts):
            rows = (chosen == index).nonzero().flatten().to(real.device)
            if len(rows) == 1:  # transfer wants company: a photo more as its reference
                rows = torch.stack((rows[0], (rows[0] + 1) % len(real)))
                composite[rows[0]] = recipe(real[rows], mask[rows], generator)[0]
            elif len(rows):
                composite[rows] = recipe(real[rows], mask[rows], generator)
        return composite


def build_recipe(
    shares: Mapping[str, float], transforms: Transforms, transplant: Recipe | None = None
) -> Recipe:
    """The mixture of recipes by name.

    Args:
        shares: name -> how often, of the names in `RECIPES`.
        transforms: what "retouch" and "illuminant" draw from.
        transplant: the recipe of that name (`recipes.transplant`), where there are true pairs.
    """
    parts: list[tuple[Recipe, float]] = []
    for name, share in shares.items():
        if name == "color-transfer":
            parts.append((ColorTransfer(), share))
        elif name == "retouch":
            parts.append((Retouch(transforms.looks, transforms.white_balance), share))
        elif name == "filters":
            parts.append((Filters(), share))
        elif name == "illuminant":
            if transforms.to_standard is None or transforms.from_standard is None:
                raise ValueError("the recipe 'illuminant' needs illuminant polynomials.")
            parts.append((Illuminant(transforms.to_standard, transforms.from_standard), share))
        elif name == "transplant":
            if transplant is None:
                raise ValueError("the recipe 'transplant' needs true pairs to learn changes from.")
            parts.append((transplant, share))
        else:
            raise ValueError(f"unknown recipe {name!r}, expected one of {', '.join(RECIPES)}.")
    if not parts:
        raise ValueError(f"no recipe was named; there are {', '.join(RECIPES)}.")
    return parts[0][0] if len(parts) == 1 else Mixture(parts)


def render_tone_curves(count: int, size: int = 17, generator: Generator | None = None) -> Tensor:
    """LUTs (count, 3, D, D, D) of the exposure, tone, contrast and saturation of `Retouch`."""
    nodes = node_colours(count, size)
    return as_luts(_tone(nodes, torch.ones_like(nodes[:, :1]), 1.0, generator))


def _tint(moved: Tensor, real: Tensor, mask: Tensor) -> Tensor:
    """Distance (B,) in a* and b* between the foreground's mean colours in Lab."""
    from kornia.color import rgb_to_lab  # not at import: kornia loads slowly

    before, after = (
        colour.foreground_moments(rgb_to_lab(image), mask)[0] for image in (real, moved)
    )
    return (after - before)[:, 1:].norm(dim=1)


def _transfer_in_lab(
    image: Tensor, mask: Tensor, reference: Tensor, reference_mask: Tensor
) -> Tensor:
    from kornia.color import lab_to_rgb, rgb_to_lab  # not at import: kornia loads slowly

    lab, reference_lab = rgb_to_lab(image), rgb_to_lab(reference)
    return lab_to_rgb(colour.transfer_statistics(lab, mask, reference_lab, reference_mask), False)


def _tone(image: Tensor, mask: Tensor, strength: float, generator: Generator | None) -> Tensor:
    """Exposure, gamma, contrast and saturation, drawn per photo."""

    def draw(deviation: float) -> Tensor:
        return _normal(deviation * strength, image, generator)

    moved = image.clamp(0, 1).clamp_min(1e-4)
    moved = moved.pow(draw(0.7).exp())
    moved = moved * draw(0.2).exp()
    middle = colour.foreground_moments(moved, mask)[0].mean(1).view(-1, 1, 1, 1)
    moved = middle + (moved - middle) * draw(0.26).exp()
    grey = colour.luminance(moved)
    moved = grey + (moved - grey) * draw(0.34).exp()
    return moved * torch.cat([draw(0.085).exp() for _ in range(3)], 1)


def _normal(deviation: float, like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(len(like), 1, 1, 1, generator=generator).to(like) * deviation


def _uniform(low: float, high: float, like: Tensor, generator: Generator | None) -> Tensor:
    return torch.rand(len(like), 1, 1, 1, generator=generator).to(like) * (high - low) + low


def _coin(chance: float, like: Tensor, generator: Generator | None) -> Tensor:
    return (torch.rand(len(like), 1, 1, 1, generator=generator) < chance).to(like)


def _pick(table: Tensor, like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randint(len(table), (len(like),), generator=generator)
