"""Field paths and their declaration."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from adapter_doubles import same
from hypothesis import given
from hypothesis import strategies as st

from harmaug.adapters import Fields
from harmaug.adapters.containers import Path

NAMES: dict[str, Any] = {"composite": "c", "real": "r", "mask": "m"}


@pytest.mark.parametrize(
    ("spec", "keys", "channels"),
    [
        ("comp", ("comp",), None),
        (2, (2,), None),
        (("views", 0), ("views", 0), None),
        ((256, "comp"), (256, "comp"), None),
        ("inputs[:3]", ("inputs",), slice(None, 3)),
        ("inputs[3:4]", ("inputs",), slice(3, 4)),
        ("inputs[ -1 : ]", ("inputs",), slice(-1, None)),
        ((0, slice(3)), (0,), slice(3)),
        (("a", "b[:3]"), ("a", "b[:3]"), None),
        ("odd[name]", ("odd[name]",), None),
    ],
)
def test_path_is_read(spec: Any, keys: tuple[Any, ...], channels: slice | None) -> None:
    assert Path.of(spec) == Path(keys, channels)
    assert Path.of(Path.of(spec)) == Path.of(spec)


@pytest.mark.parametrize("spec", [None, 1.5, (), ["comp"], {"comp"}])
def test_what_is_no_path_is_explained(spec: Any) -> None:
    with pytest.raises(TypeError, match="a field must be a dict key, an index"):
        Path.of(spec)


def test_bad_slice_is_explained() -> None:
    with pytest.raises(ValueError, match=r"'key\[start:stop\]', got 'inputs\[a:b\]'"):
        Path.of("inputs[a:b]")


_trees = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.lists(inner, min_size=1, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(0, 9), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def _leaves(tree: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(tree, dict):
        steps = list(tree.items())
    elif isinstance(tree, (list, tuple)):
        steps = list(enumerate(tree))
    else:
        return [prefix]
    return [leaf for key, item in steps for leaf in _leaves(item, (*prefix, key))]


@given(tree=_trees, data=st.data())
def test_put_changes_one_leaf_of_a_copy(tree: Any, data: Any) -> None:
    leaves = _leaves(tree)
    keys = data.draw(st.sampled_from(leaves))
    if not keys:
        return
    before = copy.deepcopy(tree)
    path = Path.of(keys)
    changed = path.put(tree, "new")
    assert same(tree, before)
    assert path.get(changed) == "new"
    assert type(changed) is type(tree)
    assert same(path.put(changed, path.get(tree)), tree)
    assert _leaves(changed) == leaves


def test_put_into_a_channel_slice_copies_the_tensor() -> None:
    tensor = torch.zeros(2, 4, 3, 3)
    changed = Path.of("inputs[1:3]").put({"inputs": tensor}, torch.ones(2, 2, 3, 3))["inputs"]
    assert tensor.sum() == 0
    assert changed.sum((0, 2, 3)).tolist() == [0, 18, 18, 0]


@pytest.mark.parametrize(
    ("spec", "batch", "error", "match"),
    [
        ("comp", {"images": torch.zeros(2, 3)}, KeyError, r"\['comp'\] here.*'images': \(2, 3\)"),
        (3, (torch.zeros(2), ["a"]), IndexError, r"\[3\] here.*tuple\(\(2,\), list\(str\)\)"),
        (("a", "b"), {"a": torch.zeros(2)}, KeyError, r"\['a'\]\['b'\]"),
        (("a", "b"), {"a": "text"}, IndexError, "there is {'a': str}"),
        ("real[:3]", {"real": "text"}, TypeError, "must be a tensor .*got str"),
    ],
)
def test_missing_field_lists_what_is_there(
    spec: Any, batch: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        Path.of(spec).get(batch)


def test_undeclared_space_says_what_to_declare() -> None:
    with pytest.raises(TypeError, match="space must be declared, one of 'unit', 'pm1'"):
        Fields(**NAMES)


@pytest.mark.parametrize("space", ["rgb", (0.5, 0), (1, 2, 3)])
def test_unknown_space_lists_the_known(space: Any) -> None:
    with pytest.raises(ValueError, match="space must be"):
        Fields(**NAMES, space=space)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"copies": "inputs[:3]"}, "copies must be a sequence, got 'inputs"),
        ({"views": ["comp_full"]}, r"each view must be \(composite, real, mask\)"),
        ({"views": [("a", "b")]}, r"each view must be \(composite, real, mask\)"),
        ({"derive": {1.5: len}}, "a field must be a dict key"),
    ],
)
def test_bad_declaration_is_found_at_once(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        Fields(**NAMES, space="unit", **changes)


def test_mask_may_be_computed() -> None:
    fields = Fields(composite=0, real=1, mask=lambda batch: 1 - batch[2], space="unit")
    assert fields.places.views[0].mask_of((0, 0, torch.zeros(1))).item() == 1


def test_preset_takes_changes() -> None:
    fields = Fields.preset("dovenet", space="unit", bound=True)
    assert fields.space == "unit"
    assert fields.bound
    assert fields.copies == ("inputs[:3]",)
