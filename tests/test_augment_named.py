"""Augmenters by name: hand-made filters beside checkpoints."""

import pytest
import torch

import harmaug
from harmaug.augment import FILTERS, open_augmenter


def test_filters_are_the_hand_made_ones():
    assert type(open_augmenter(FILTERS)) is harmaug.FilterAugment


def test_another_name_is_a_checkpoint(tmp_path):
    aug = open_augmenter("retouch", torch.device("cpu"))
    assert isinstance(aug, harmaug.SycoNetAugment)
    assert aug.checkpoint == "retouch"
    aug.save_pretrained(tmp_path / "mine.safetensors")
    again = open_augmenter(str(tmp_path / "mine.safetensors"))
    assert torch.equal(again.basis, aug.basis)


def test_the_device_is_that_of_the_augmenter():
    for name in (FILTERS, "retouch"):
        assert open_augmenter(name, "meta").device == torch.device("meta")


@pytest.mark.parametrize("name", ["filter", "Filters", ""])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="checkpoint"):
        open_augmenter(name)


def test_only_changes_with_a_spatial_part_or_light_vary():
    varies = {name: open_augmenter(name).varies for name in (FILTERS, "retouch", "unified")}
    assert varies == {FILTERS: False, "retouch": False, "unified": True}
