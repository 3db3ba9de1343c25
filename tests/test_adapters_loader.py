"""AugmentedLoader, AugmentCollate and AugmentBatch in one process."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from types import MappingProxyType
from typing import Any

import pytest
import torch
from adapter_doubles import BATCHES, DeviceToy, Photos, ToyAugment, disc, photo, same
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, get_worker_info

from harmaug.adapters import AugmentBatch, AugmentCollate, AugmentedLoader, Fields

FIELDS = Fields(composite="images", real="target_images", mask="masks", space="unit")


def _loader(count: int = 8, batch_size: int = 2, **options: Any) -> DataLoader:
    return DataLoader(Photos(count), batch_size, **options)


def _images(loader: Any) -> Tensor:
    return torch.cat([batch["images"] for batch in loader])


def _all_differ(images: Tensor) -> bool:
    return len(images.flatten(1).unique(dim=0)) == len(images)


class LikeDoveNet:
    """Iterates batches but counts images, and is no DataLoader."""

    def __init__(self) -> None:
        self.dataset = Photos(8)
        self.opt = {"batch_size": 2}

    def load_data(self) -> LikeDoveNet:
        return self

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Any:
        yield from DataLoader(self.dataset, 2)


class Distributed(DataLoader):
    """A loader that is told the epoch, as accelerate's are."""

    epoch = -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


# What a wrapper must not change.


def test_len_and_attributes_are_those_of_the_loader() -> None:
    loader = _loader(shuffle=True, drop_last=True)
    wrapped = AugmentedLoader(loader, ToyAugment(), FIELDS)
    assert len(wrapped) == len(loader) == 4
    assert isinstance(wrapped.sampler, RandomSampler)
    assert isinstance(wrapped.batch_sampler, BatchSampler)
    assert wrapped.dataset is loader.dataset
    assert wrapped.batch_size == 2
    assert wrapped.num_workers == 0


def test_missing_attribute_is_the_loaders_own_error() -> None:
    with pytest.raises(AttributeError, match="'DataLoader' object has no attribute 'nothing'"):
        _ = AugmentedLoader(_loader(), ToyAugment(), FIELDS).nothing


def test_loader_that_is_no_dataloader_is_wrapped() -> None:
    wrapped = AugmentedLoader(LikeDoveNet(), ToyAugment(), FIELDS, p=1.0)
    assert len(wrapped) == 8
    assert wrapped.load_data().opt == {"batch_size": 2}
    assert len(_images(wrapped)) == 8


def test_iterable_without_length_is_wrapped() -> None:
    wrapped = AugmentedLoader((batch for batch in _loader()), ToyAugment(), FIELDS, p=1.0)
    with pytest.raises(TypeError, match="has no len"):
        len(wrapped)
    assert _all_differ(_images(wrapped))


def test_what_is_no_iterable_is_refused() -> None:
    with pytest.raises(TypeError, match="iterable of batches, got int"):
        AugmentedLoader(3, ToyAugment(), FIELDS)  # type: ignore[arg-type]


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_loader_survives_copies(copier: Any) -> None:
    wrapped = copier(AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0, seed=1))
    again = AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0, seed=1)
    assert torch.equal(_images(wrapped), _images(again))


def test_workers_would_start_when_iteration_is_asked_for() -> None:
    started = []

    class Eager:
        def __iter__(self) -> Any:
            started.append(True)
            return iter([])

    iter(AugmentedLoader(Eager(), ToyAugment(), FIELDS))
    assert started


def test_batch_order_is_the_loaders() -> None:
    wrapped = AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0)
    assert torch.cat([batch["index"] for batch in wrapped]).tolist() == list(range(8))


Pair = namedtuple("Pair", "inputs target")


class Tagged(dict):
    """A dict subclass with an attribute."""

    tag = "host"


@pytest.mark.parametrize(
    "make",
    [
        lambda c, r, m: Tagged(images=c, masks=m, target_images=r),
        lambda c, r, m: OrderedDict(masks=m, images=c, target_images=r),
        lambda c, r, m: defaultdict(list, images=c, masks=m, target_images=r),
        lambda c, r, m: UserDict(images=c, masks=m, target_images=r),
    ],
)
def test_mapping_types_are_kept(make: Any) -> None:
    real, mask = photo(2, 6, 6), disc(2, 6, 6)
    batch = make(real * 0.5, real, mask)
    made = AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)
    assert type(made) is type(batch)
    assert list(made) == list(batch)
    assert made["target_images"] is real
    assert made["images"] is not batch["images"]
    if isinstance(batch, defaultdict):
        assert made.default_factory is list


def test_named_tuples_and_nesting_are_kept() -> None:
    real, mask = photo(2, 6, 6), disc(2, 6, 6)
    batch: list[Any] = [
        Pair(inputs={"image": torch.cat((real * 0.5, mask), 1)}, target=(real,)),
        "name",
    ]
    fields = Fields(
        composite=(0, 0, "image", slice(3)),
        real=(0, 1, 0),
        mask=(0, 0, "image", slice(3, 4)),
        space="unit",
    )
    made = AugmentBatch(ToyAugment(), fields, 1.0)(batch)
    assert isinstance(made, list)
    assert isinstance(made[0], Pair)
    assert isinstance(batch[0], Pair)
    assert made[0].target is batch[0].target
    assert torch.equal(made[0].inputs["image"][:, 3:], mask)
    assert not torch.equal(made[0].inputs["image"][:, :3], real * 0.5)


def test_strides_and_dtype_of_the_composite_are_kept() -> None:
    real, mask = photo(2, 6, 6), disc(2, 6, 6)
    batch = {"images": (real * 0.5).half().to(memory_format=torch.channels_last)}
    batch |= {"target_images": real, "masks": mask}
    made = AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)["images"]
    assert made.dtype == torch.float16
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_bytes_are_augmented_in_8_bit() -> None:
    real, mask = photo(2, 6, 6).mul(255).byte(), disc(2, 6, 6)
    batch = {"images": real // 2, "target_images": real, "masks": mask}
    made = AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)["images"]
    assert made.dtype == torch.uint8
    assert torch.equal(made[(mask == 0).expand_as(made)], real[(mask == 0).expand_as(real)])
    assert not torch.equal(made, real)


@pytest.mark.parametrize(
    "mask",
    [
        disc(2, 6, 6, soft=False).bool(),
        disc(2, 6, 6)[:, 0],
        disc(2, 6, 6).double(),
        disc(2, 6, 6) * 1.01,  # a cubic filter overshoots
    ],
)
def test_masks_of_every_kind_are_taken(mask: Tensor) -> None:
    real = photo(2, 6, 6)
    batch = {"images": real * 0.5, "target_images": real, "masks": mask}
    assert not torch.equal(AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)["images"], real)


def test_no_gradient_graph_is_built() -> None:
    batch = next(iter(_loader()))
    batch["images"].requires_grad_()
    assert not AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)["images"].requires_grad


# Modes.


def test_append_by_probability_grows_by_the_samples_drawn() -> None:
    batch = next(iter(_loader(8, 8)))
    made = AugmentBatch(ToyAugment(), FIELDS, 0.5, mode="append", seed=5)(batch)
    extra = len(made["images"]) - 8
    assert 0 < extra < 8
    assert same({key: value[:8] for key, value in made.items()}, batch)
    assert set(made["index"][8:].tolist()) <= set(range(8))
    assert torch.equal(made["target_images"][8:], batch["target_images"][made["index"][8:]])


def test_append_that_draws_nothing_gives_the_batch_back() -> None:
    batch = next(iter(_loader()))
    assert AugmentBatch(ToyAugment(), FIELDS, 0.0, mode="append")(batch) is batch


def test_append_names_the_field_it_cannot_grow() -> None:
    batch = {**next(iter(_loader())), "grid": torch.zeros(5, 5)}
    with pytest.raises(ValueError, match=r"field of shape \(5, 5\) in a batch of 2"):
        AugmentBatch(ToyAugment(), FIELDS, 1.0, mode="append")(batch)
    batch["grid"] = ["a", "b", "c"]
    with pytest.raises(ValueError, match="lists 3 items in a batch of 2"):
        AugmentBatch(ToyAugment(), FIELDS, 1.0, mode="append")(batch)


@settings(max_examples=40, deadline=None)
@given(p=st.floats(0, 1), batches=st.integers(0, 30))
def test_interleave_length_is_what_comes(p: float, batches: int) -> None:
    batch = next(iter(_loader()))
    wrapped = AugmentedLoader([batch] * batches, ToyAugment(), FIELDS, p=p, mode="interleave")
    came = list(wrapped)
    assert len(wrapped) == len(came) == batches + int(p * batches + 1e-9)
    assert sum(item is batch for item in came) == batches


def test_interleaved_twins_are_synthetic_throughout() -> None:
    came = list(AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=0.5, mode="interleave"))
    assert [batch["index"][0].item() for batch in came] == [0, 2, 2, 4, 6, 6]
    for original, twin in ((came[1], came[2]), (came[4], came[5])):
        assert (twin["images"] != original["images"]).flatten(1).any(1).all()
        assert torch.equal(original["images"], torch.full_like(original["images"], 0.45))


@pytest.mark.parametrize("mode", ["replaced", "twin", ""])
def test_unknown_mode_lists_the_known(mode: Any) -> None:
    with pytest.raises(ValueError, match="'replace', 'interleave' or 'append'"):
        AugmentedLoader([], ToyAugment(), FIELDS, mode=mode)


def test_collate_has_no_interleave() -> None:
    with pytest.raises(ValueError, match="mode must be 'replace' or 'append'"):
        AugmentCollate(ToyAugment(), FIELDS, mode="interleave")  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_is_a_probability(p: float) -> None:
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\]"):
        AugmentBatch(ToyAugment(), FIELDS, p)


def test_host_collate_is_used() -> None:
    def collate(samples: list[Any]) -> dict[str, Any]:
        keys = "images", "masks", "target_images"
        return {key: torch.stack([sample[key] for sample in samples]) for key in keys}

    loader = _loader(collate_fn=AugmentCollate(ToyAugment(), FIELDS, 1.0, collate_fn=collate))
    assert list(next(iter(loader))) == ["images", "masks", "target_images"]
    assert _all_differ(_images(loader))


# Random streams.


def test_global_generator_reproduces_without_a_seed() -> None:
    wrapped = AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0)
    torch.manual_seed(3)
    first, second = _images(wrapped), _images(wrapped)
    torch.manual_seed(3)
    assert torch.equal(first, _images(wrapped))
    assert _all_differ(torch.cat((first, second)))


@pytest.mark.parametrize("mode", ["replace", "append", "interleave"])
def test_seed_leaves_the_hosts_stream_alone(mode: Any) -> None:
    loader = _loader(generator=torch.Generator().manual_seed(0))
    wrapped = AugmentedLoader(loader, ToyAugment(), FIELDS, p=0.7, mode=mode, seed=3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    _images(wrapped)
    assert torch.equal(before, torch.get_rng_state())


def test_same_seed_gives_the_same_stream_and_epochs_differ() -> None:
    def wrap() -> AugmentedLoader:
        return AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0, seed=3)

    first, second = wrap(), wrap()
    epochs = [_images(first), _images(first)]
    assert all(torch.equal(epoch, _images(second)) for epoch in epochs)
    assert _all_differ(torch.cat(epochs))


def test_set_epoch_resumes_the_stream() -> None:
    loader = Distributed(Photos(8), 2)
    wrapped = AugmentedLoader(loader, ToyAugment(), FIELDS, p=1.0, seed=3)
    epochs = [_images(wrapped) for _ in range(3)]
    wrapped.set_epoch(1)
    assert loader.epoch == 1
    assert torch.equal(epochs[1], _images(wrapped))
    assert torch.equal(epochs[2], _images(wrapped))


def test_set_epoch_reaches_the_sampler_of_a_plain_dataloader() -> None:
    loader = _loader()
    loader.sampler.set_epoch = lambda epoch: epochs.append(epoch)  # type: ignore[attr-defined]
    epochs: list[int] = []
    AugmentedLoader(loader, ToyAugment(), FIELDS).set_epoch(4)
    assert epochs == [4]


def test_ranks_draw_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    images = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        images.append(_images(AugmentedLoader(_loader(), ToyAugment(), FIELDS, p=1.0, seed=3)))
        collate = AugmentCollate(ToyAugment(), FIELDS, 1.0, seed=3)
        images.append(_images(_loader(collate_fn=collate)))
    assert _all_differ(torch.cat((images[0], images[2])))
    assert _all_differ(torch.cat((images[1], images[3])))


@pytest.mark.parametrize("seed", [-1, 1.5, "3", True])
def test_seed_is_checked(seed: Any) -> None:
    with pytest.raises(ValueError, match="seed must be None or an integer >= 0"):
        AugmentedLoader([], ToyAugment(), FIELDS, seed=seed)


def test_p_is_met_on_average() -> None:
    batch = next(iter(_loader(512, 512)))
    made = AugmentBatch(ToyAugment(), FIELDS, 0.3, seed=0)(batch)
    share = (made["images"] != batch["images"]).flatten(1).any(1).float().mean().item()
    assert abs(share - 0.3) < 0.07


# Domains.


def _domain(batch: Any) -> list[Any]:
    return ["dark", "bright", None, "dark"]


def test_each_sample_goes_to_its_domains_augmenter() -> None:
    augmenters = {"dark": ToyAugment(), "bright": ToyAugment(), "unused": ToyAugment()}
    batch = BATCHES["pih"]()
    fields = Fields.preset("pih")
    made = AugmentBatch(augmenters, fields, 1.0, route=_domain)(batch)
    assert [augmenters[name].seen for name in augmenters] == [[2], [1], []]
    changed = (made[5] != batch[5]).flatten(1).any(1)
    assert changed.tolist() == [True, True, False, True]


def test_route_may_name_one_for_the_whole_batch() -> None:
    augmenters = {"dark": ToyAugment(), "bright": ToyAugment()}
    route = {"images": "dark"}
    AugmentBatch(augmenters, FIELDS, 1.0, route=lambda batch: route["images"])(
        next(iter(_loader()))
    )
    assert augmenters["dark"].seen == [2]


def test_routed_append_adds_only_routed_samples() -> None:
    augmenters = {"dark": ToyAugment(), "bright": ToyAugment()}
    made = AugmentBatch(augmenters, Fields.preset("pih"), 1.0, mode="append", route=_domain)(
        BATCHES["pih"]()
    )
    assert len(made[0]) == 7
    assert len(made[3]) == 7


@pytest.mark.parametrize(
    ("route", "error", "match"),
    [
        (lambda batch: ["dark"], ValueError, "one value for each of the 2 samples, got 1"),
        (lambda batch: "noon", KeyError, "route returned 'noon'; the augmenters are dark"),
    ],
)
def test_bad_route_is_explained(route: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        AugmentBatch({"dark": ToyAugment()}, FIELDS, 1.0, route=route)(next(iter(_loader())))


def test_of_augmenters_in_a_list_each_sample_takes_one_at_random() -> None:
    first, second = ToyAugment(), ToyAugment()
    batch = {name: value.repeat(100, 1, 1, 1) for name, value in next(iter(_loader())).items()}
    made = AugmentBatch([first, second], FIELDS, 1.0, seed=3)(batch)
    assert first.seen[0] + second.seen[0] == 200
    assert 70 < first.seen[0] < 130
    again = AugmentBatch([first, second], FIELDS, 1.0, seed=3)(batch)
    assert all(torch.equal(made[name], again[name]) for name in made)


def test_an_augmenter_that_is_listed_twice_is_taken_twice_as_often() -> None:
    first, second = ToyAugment(), ToyAugment()
    batch = {name: value.repeat(150, 1, 1, 1) for name, value in next(iter(_loader())).items()}
    AugmentBatch([first, first, second], FIELDS, 1.0, seed=3)(batch)
    assert 160 < sum(first.seen) < 240


@pytest.mark.parametrize(
    ("augment", "error", "match"),
    [
        ([], ValueError, "augment is an empty list"),
        ([ToyAugment(), "unified"], TypeError, "must be a SycoNetAugment, got str"),
        ("unified", TypeError, "must be a SycoNetAugment, got str"),
    ],
)
def test_what_is_no_augmenter_is_refused(augment: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        AugmentBatch(augment, FIELDS)


def test_several_augmenters_by_name_need_a_route() -> None:
    with pytest.raises(ValueError, match="route picks among several augmenters"):
        AugmentBatch([ToyAugment()], FIELDS, route=_domain)
    with pytest.raises(ValueError, match="route picks among several augmenters"):
        AugmentBatch({"dark": ToyAugment()}, FIELDS)
    with pytest.raises(ValueError, match="route picks among several augmenters"):
        AugmentBatch(ToyAugment(), FIELDS, route=_domain)


# Bad input.


def _broken(**changes: Any) -> dict[str, Any]:
    real, mask = photo(2, 6, 6), disc(2, 6, 6)
    return {"images": real * 0.5, "target_images": real, "masks": mask, **changes}


@pytest.mark.parametrize(
    ("batch", "error", "match"),
    [
        ({"image": 1, "mask": torch.zeros(2)}, KeyError, r"'target_images'.*'image': int.*\(2,\)"),
        (_broken(target_images=photo(2, 6, 6) * 255), ValueError, "target_images.*declare"),
        (_broken(target_images=photo(2, 6, 6) / 0), ValueError, "declare|NaN"),
        (_broken(target_images=photo(2, 6, 6) * float("nan")), ValueError, "holds NaN"),
        (_broken(masks=disc(2, 6, 6) * float("nan")), ValueError, r"mask \['masks'\] holds NaN"),
        (_broken(masks=disc(2, 6, 6) * 255), ValueError, r"mask \['masks'\] spans \[0, 255\]"),
        (_broken(masks=disc(2, 6, 6).int() * 9), ValueError, "labels 0 and 1"),
        (
            _broken(masks=disc(2, 8, 6)),
            ValueError,
            r"\['masks'\] must be \(2, 1, 6, 6\).*\(2, 1, 8, 6\)",
        ),
        (_broken(masks=photo(2, 6, 6)), ValueError, r"got \(2, 3, 6, 6\)"),
        (_broken(images=photo(2, 8, 6)), ValueError, r"'images'.*\(2, 3, 6, 6\).*\(2, 3, 8, 6\)"),
        (_broken(target_images=photo(6, 6)), ValueError, r"tensor \(B, 3, H, W\), got \(3, 6, 6\)"),
        (_broken(target_images="photo.jpg"), ValueError, r"\(B, 3, H, W\), got str"),
        (_broken(images=[1, 2]), TypeError, r"must be a tensor as its real, got list"),
    ],
)
def test_bad_batch_is_explained(batch: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)


def test_nan_in_a_sample_not_drawn_is_found_too() -> None:
    batch = _broken()
    batch["target_images"][1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="holds NaN"):
        AugmentBatch(ToyAugment(), FIELDS, 0.0)(batch)


def test_real_and_mask_on_two_devices_are_explained() -> None:
    batch = _broken(masks=disc(2, 6, 6).to("meta"))
    with pytest.raises(ValueError, match=r"'masks'\] is on meta but real .* is on cpu; move both"):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)


def test_cuda_in_a_worker_is_explained() -> None:
    loader = _loader(num_workers=1, collate_fn=AugmentCollate(DeviceToy(), FIELDS, 1.0))
    with pytest.raises(RuntimeError, match=r"cuda:0 inside a DataLoader worker.*aug.cpu\(\)"):
        next(iter(loader))
    assert get_worker_info() is None


@pytest.mark.parametrize("fields", ["dovenet", {"composite": "comp"}, None])
def test_fields_of_another_type_are_explained(fields: Any) -> None:
    with pytest.raises(TypeError, match=r"Fields\(...\) or Fields.preset"):
        AugmentedLoader([], ToyAugment(), fields)


@pytest.mark.parametrize("augment", ["unified", nn.Identity(), None])
def test_what_is_no_augmenter_is_explained(augment: Any) -> None:
    with pytest.raises(TypeError, match="from_pretrained"):
        AugmentedLoader([], augment, FIELDS)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"copies": ("index",)}, r"\['index'\] follows the composite, so it must stay \(2,\)"),
        ({"derive": {"index": lambda batch: 3}}, r"\['index'\] follows.*got int"),
        ({"where": lambda batch: [True]}, "where must return one value for each of the 2"),
    ],
)
def test_bad_follower_is_explained(changed: dict[str, Any], match: str) -> None:
    fields = Fields.preset("cdtnet", **changed)
    with pytest.raises(ValueError, match=match):
        AugmentBatch(ToyAugment(), fields, 1.0)(next(iter(_loader())))


# On a host's model.


def test_stored_on_a_model_it_stays_out_of_it() -> None:
    class Host(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(1, 1)
            augment = ToyAugment()
            augment.weight = nn.Parameter(torch.zeros(3))
            self.augment = AugmentBatch(augment, FIELDS)
            self.train_data = AugmentedLoader(_loader(), augment, FIELDS)

    host = Host()
    assert set(host.state_dict()) == {"net.weight", "net.bias"}
    assert len(list(host.parameters())) == 2
    assert len(list(host.modules())) == 2


def test_derived_values_follow_only_where_the_composite_changed() -> None:
    def mean(batch: Any) -> Tensor:
        return batch["images"].mean((1, 2, 3))

    batch = {**next(iter(_loader(8, 8))), "mean": torch.full((8,), -1.0)}
    fields = Fields.preset("cdtnet", derive={"mean": mean})
    made = AugmentBatch(ToyAugment(), fields, 0.5, seed=2)(batch)
    changed = (made["images"] != batch["images"]).flatten(1).any(1)
    assert 0 < changed.sum() < 8
    assert torch.equal(made["mean"][~changed], batch["mean"][~changed])
    assert torch.equal(made["mean"][changed], mean(made)[changed])


def test_device_moves_the_whole_batch_first() -> None:
    batch = next(iter(_loader()))
    made = AugmentBatch(ToyAugment(), FIELDS, 1.0, device="cpu")(batch)
    assert all(value.device.type == "cpu" for value in made.values())
    assert made is not batch


# Loaders of other libraries: no augmentation is lost in silence.


class LikeFastai(DataLoader):
    """A loader whose methods return itself, other loaders, an iterator or a batch."""

    def to(self, device: str) -> LikeFastai:
        return self

    def new(self, batch_size: int) -> LikeFastai:
        return LikeFastai(self.dataset, batch_size)

    def plain(self) -> DataLoader:
        return DataLoader(self.dataset, 4)

    def stream(self) -> Any:
        return iter(self)

    def one_batch(self) -> Any:
        return next(iter(self))

    def halves(self) -> Any:
        return DataLoader(self.dataset, 4), DataLoader(self.dataset, 4)

    def state_dict(self) -> dict[str, int]:
        return {"step": 3}


def _fastai(**options: Any) -> AugmentedLoader:
    return AugmentedLoader(LikeFastai(Photos(8), 2), ToyAugment(), FIELDS, p=1.0, **options)


def test_a_method_that_returns_the_loader_returns_the_wrapper() -> None:
    wrapped = _fastai()
    assert wrapped.to("cpu") is wrapped


@pytest.mark.parametrize("make", [lambda w: w.new(4), lambda w: w.plain()])
def test_a_method_that_returns_a_new_loader_returns_it_wrapped(make: Any) -> None:
    wrapped = _fastai()
    made = make(wrapped)
    assert isinstance(made, AugmentedLoader)
    assert len(made) == 2
    assert _all_differ(_images(made))
    assert len(wrapped) == 4, "the wrapper itself is as it was"


@pytest.mark.parametrize("seed", [None, 3])
def test_a_method_that_returns_batches_returns_them_augmented(seed: int | None) -> None:
    wrapped = _fastai(seed=seed)
    batches = [*wrapped.stream(), wrapped.one_batch(), wrapped.one_batch()]
    assert _all_differ(torch.cat([batch["images"] for batch in batches]))
    assert wrapped.state_dict() == {"step": 3}


def test_a_method_that_returns_several_loaders_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"halves\(\) .* returns several loaders, .* the train"):
        _fastai().halves()


def test_a_loader_inside_the_loader_is_wrapped_too() -> None:
    outer = LikeDoveNet()
    outer.dataloader = DataLoader(outer.dataset, 2)  # type: ignore[attr-defined]
    made = AugmentedLoader(outer, ToyAugment(), FIELDS, p=1.0).dataloader
    assert isinstance(made, AugmentedLoader)
    assert _all_differ(_images(made))


@pytest.mark.parametrize(
    "call",
    [
        lambda loader: loader.shuffle(4),
        lambda loader: loader.with_epoch(3).repeat(2),
        lambda loader: loader.unbatched().shuffle(4).batched(2),
    ],
)
def test_the_fluid_interface_of_webdataset_stays_augmented(call: Any) -> None:
    webdataset = pytest.importorskip("webdataset")
    loader = webdataset.WebLoader(Photos(8), batch_size=2)
    made = call(AugmentedLoader(loader, ToyAugment(), FIELDS, p=1.0))
    assert isinstance(made, AugmentedLoader)
    assert all(_all_differ(batch["images"]) for batch in made)


def test_a_stateful_loader_resumes_and_stays_augmented() -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader

    def wrap() -> AugmentedLoader:
        return AugmentedLoader(stateful(Photos(8), 2), ToyAugment(), FIELDS, p=1.0, seed=1)

    first, second = wrap(), wrap()
    next(iter(first))
    second.load_state_dict(first.state_dict())
    rest = list(second)
    assert [batch["index"].tolist() for batch in rest] == [[2, 3], [4, 5], [6, 7]]
    assert _all_differ(torch.cat([batch["images"] for batch in rest]))


@pytest.mark.parametrize("name", ["skip_first_batches", "prepare_data_loader"])
def test_accelerate_does_not_rebuild_it_without_augmentation(name: str) -> None:
    data_loader = pytest.importorskip("accelerate.data_loader")
    wrapped = AugmentedLoader(_loader(), ToyAugment(), FIELDS)
    arguments = (wrapped, 2) if name == "skip_first_batches" else (wrapped,)
    with pytest.raises(RuntimeError, match="would rebuild this loader without its augmentation"):
        getattr(data_loader, name)(*arguments)
    rest = data_loader.skip_first_batches(_loader(), 2)
    assert len(_images(AugmentedLoader(rest, ToyAugment(), FIELDS, p=1.0)).unique(dim=0)) == 4


def test_others_may_read_collate_fn() -> None:
    loader = _loader()
    assert AugmentedLoader(loader, ToyAugment(), FIELDS).collate_fn is loader.collate_fn


def test_an_attribute_set_on_the_wrapper_reaches_the_loader() -> None:
    loader = LikeFastai(Photos(8), 2)
    wrapped = AugmentedLoader(loader, ToyAugment(), FIELDS)
    wrapped.mixup_enabled = False
    wrapped.timeout = 5
    assert loader.mixup_enabled is False  # type: ignore[attr-defined]
    assert loader.timeout == 5
    with pytest.raises(ValueError, match="batch_size attribute should not be set"):
        wrapped.batch_size = 4
    assert copy.deepcopy(wrapped).mixup_enabled is False


def test_a_stream_without_length_is_true() -> None:
    class Stream:
        def __iter__(self) -> Any:
            return iter([])

    assert AugmentedLoader(Stream(), ToyAugment(), FIELDS)
    assert AugmentedLoader(iter(()), ToyAugment(), FIELDS)
    assert not AugmentedLoader([], ToyAugment(), FIELDS)


class Told:
    """A sampler or dataset that is told the epoch."""

    def __init__(self, **inside: Any) -> None:
        self.__dict__.update(inside)
        self.epoch = -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Any:
        return iter(range(8))

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        return index


@pytest.mark.parametrize(
    "build",
    [
        lambda told: DataLoader(Photos(8), 2, sampler=told),
        lambda told: DataLoader(Photos(8), batch_sampler=BatchSampler(told, 2, False)),
        lambda told: DataLoader(Photos(8), 2, sampler=Told(sampler=told)),
        lambda told: DataLoader(Photos(8), batch_sampler=Told(batch_sampler=Told(sampler=told))),
        lambda told: DataLoader(Photos(8), 2, sampler=Told(samplers=[Told(), told])),
        lambda told: DataLoader(torch.utils.data.Subset(told, [0, 1]), 2),
        lambda told: DataLoader(torch.utils.data.ConcatDataset([Photos(8), told]), 2),
        lambda told: [DataLoader(told, 2)],
    ],
)
def test_set_epoch_reaches_samplers_and_datasets_wherever_they_are(build: Any) -> None:
    told = Told()
    loader = build(told)
    if isinstance(loader, list):
        outer: Any = LikeDoveNet()
        outer.dataloader = loader[0]
        loader = outer
    AugmentedLoader(loader, ToyAugment(), FIELDS).set_epoch(4)
    assert told.epoch == 4


def test_a_wrapper_around_a_wrapper_is_told_the_epoch() -> None:
    inner = AugmentedLoader(Distributed(Photos(8), 2), ToyAugment(), FIELDS, seed=1)
    AugmentedLoader(inner, ToyAugment(), FIELDS).set_epoch(5)
    assert inner._epoch == 5
    assert inner.epoch == 5


def test_photos_and_masks_without_composites_get_a_third_item() -> None:
    real, mask = photo(2, 6, 6), disc(2, 6, 6)
    fields = Fields(composite=2, real=0, mask=1, space="unit")
    for batch in ((real, mask), [real, mask]):
        made = AugmentBatch(ToyAugment(), fields, 1.0)(batch)
        assert type(made) is type(batch)
        assert made[0] is real
        assert made[1] is mask
        assert made[-1].shape == real.shape
        with pytest.raises(IndexError, match=r"no field \[2\]"):
            AugmentBatch(ToyAugment(), fields, 0.5)(batch)


@pytest.mark.parametrize("mode", ["replace", "append"])
def test_an_empty_batch_is_returned(mode: Any) -> None:
    batch = {"images": photo(2, 6, 6)[:0], "target_images": photo(2, 6, 6)[:0]}
    batch["masks"] = disc(2, 6, 6)[:0]
    assert AugmentBatch(ToyAugment(), FIELDS, 1.0, mode=mode)(batch) is batch


def test_a_slice_of_channels_that_come_last_is_refused() -> None:
    real, mask = photo(2, 8, 6), disc(2, 8, 6)
    inputs = torch.cat((real, mask), 1).permute(0, 2, 3, 1)
    fields = Fields(composite="inputs[:3]", real="real", mask="inputs[3:]", space="unit")
    with pytest.raises(ValueError, match=r"channels last; declare layout='hwc'.*or permute"):
        AugmentBatch(ToyAugment(), fields, 1.0)({"inputs": inputs, "real": real})


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool, torch.complex64])
def test_a_composite_that_cannot_hold_its_real_is_refused(dtype: torch.dtype) -> None:
    batch = _broken(images=photo(2, 6, 6).to(dtype))
    with pytest.raises(
        TypeError, match=r"'images'.*composite is torch\..* but real is torch.float"
    ):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(batch)


def test_a_nested_or_sparse_tensor_is_refused() -> None:
    nested = torch.nested.nested_tensor([photo(6, 6), photo(6, 6)])
    with pytest.raises(ValueError, match=r"tensor \(B, 3, H, W\), got a nested tensor"):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(_broken(target_images=nested))
    with pytest.raises(
        TypeError, match=r"'masks'\] must be a dense tensor, got a torch.sparse_coo"
    ):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(_broken(masks=disc(2, 6, 6).to_sparse()))


def test_a_mapping_that_cannot_change_is_refused() -> None:
    with pytest.raises(TypeError, match="'images' cannot be set in a mappingproxy; give a dict"):
        AugmentBatch(ToyAugment(), FIELDS, 1.0)(MappingProxyType(_broken()))


@pytest.mark.parametrize("p", [None, torch.tensor(0.5), [0.5]])
def test_p_of_another_type_is_explained(p: Any) -> None:
    with pytest.raises(TypeError, match=r"p must be a number in \[0, 1\] or 'auto'"):
        AugmentBatch(ToyAugment(), FIELDS, p)


def test_several_loaders_in_an_attribute_are_refused() -> None:
    """As Lightning's CombinedLoader holds them; which of them trains, nobody knows here."""

    class Combined:
        def __init__(self) -> None:
            self.flattened = [DataLoader(Photos(), 2), DataLoader(Photos(), 2)]

        def __iter__(self) -> Any:
            return zip(*self.flattened, strict=True)

    loader = AugmentedLoader(Combined(), ToyAugment(), FIELDS)
    with pytest.raises(RuntimeError, match=r"flattened .* several loaders.* before they are comb"):
        loader.flattened  # noqa: B018
