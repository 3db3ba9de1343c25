"""Arms: ways to make composites of photos that have none."""

from __future__ import annotations

from collections.abc import Mapping

import arms
from arms import Arm, Make, of_recipe
from cache import Photos
from sets import Data, TrainingSet
from torch import Tensor

from harmaug import SycoNetAugment
from harmaug.checkpoints import find_checkpoint
from harmaug.checkpoints.files import read_card
from harmaug.recipes import Composition, RandomFilters, Relight, build_recipe

SCALED = 0.6  # strength of the weaker filters
_NEED_MORE = ("transplant", "timelapse")  # recipes that need true pairs, or sequences

ARMS = {
    "filters": arms.ARMS["filters"],
    "filters-scaled": Arm(f"filters at {SCALED:g} of their ranges", "filters-scaled"),
    "looks": arms.ARMS["looks"],
    "mixtures": arms.ARMS["mixtures"],
    "recipes": Arm("hand-made recipes, in turn", "recipes", checkpoint="unified"),
    "filters-relight": Arm("filters, then `relight`", "filters-relight"),
    "unified": Arm("`unified`", checkpoint="unified"),
    "unified-even": Arm("`unified`, `spatial=0`", "even", checkpoint="unified"),
    "unified-unlit": Arm("`unified` without its light", "unlit", checkpoint="unified"),
    "color-transfer": Arm("`color-transfer`", checkpoint="color-transfer"),
    "retouch": Arm("`retouch`", checkpoint="retouch"),
    "illuminant": Arm("`illuminant`", checkpoint="illuminant"),
    "daylight": Arm("`daylight`", checkpoint="daylight"),
    "both": Arm("`unified` and filters, in turn", "both", checkpoint="unified"),
}


def make_with(arm: Arm, data: Data, photos: Photos, aug: SycoNetAugment | None) -> Make:
    """Return the function that makes an arm's composites.

    Args:
        arm: one of `ARMS`.
        data: holds looks, white-balance maps and illuminants.
        photos: that are trained on.
        aug: the loaded checkpoint, for arms that have one.

    Raises:
        ValueError: the arm lacks what it draws from; the message says what.
        FileNotFoundError: likewise.
    """
    if arm.source == "filters-scaled":
        return of_recipe(RandomFilters(SCALED))
    if arm.source == "filters-relight":
        return of_recipe(Composition([RandomFilters(), Relight()]))
    if arm.source == "recipes":
        return of_recipe(build_recipe(taught(arm.checkpoint), data.transforms()[0]))
    if arm.source == "unlit":
        assert aug is not None
        return _unlit(aug)
    if arm.source == "even":
        assert aug is not None
        return _even(aug)
    return arms.maker(arm, data, TrainingSet(photos, photos, None, "photos alone"), aug, 1.0)


def taught(checkpoint: str | None) -> dict[str, float]:
    """Return the shares of hand-made recipes that a checkpoint learnt from, as its card says."""
    shares: Mapping[str, float] = read_card(find_checkpoint(checkpoint or ""))["recipes"]
    return {
        name: share
        for name, share in shares.items()
        if not any(needy in name.split("+") for needy in _NEED_MORE)
    }


def _even(aug: SycoNetAugment) -> Make:
    """Draw changes that are the same for all of a foreground."""
    if not aug.net.varies:
        raise ValueError("the light of this checkpoint does not vary: its draws are even already.")

    def draw(real: Tensor, mask: Tensor, n: int) -> Tensor:
        return aug.augment(real, mask, n, spatial=0.0).flatten(0, 1)

    return draw


def _unlit(aug: SycoNetAugment) -> Make:
    """Draw the learnt changes alone, as all draws of the checkpoint were before it had light."""
    if aug.net.light is None:
        raise ValueError("the checkpoint has no light.")
    aug.net.light.zero_()
    return _even(aug)
