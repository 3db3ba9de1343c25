"""Random structured inputs through every way in: the right result, or one sentence.

``HARMAUG_EXAMPLES=10000 pytest -s tests/test_random_inputs.py`` tries so many inputs in all and
prints how many were right and how many were refused, by type of exception.
"""

from __future__ import annotations

import io
import json
import math
import os
import warnings
from collections import Counter, namedtuple
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from adapter_doubles import ToyAugment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import harmaug
from harmaug import AugmentedLoader, Fields, SampleTransform, SycoNetAugment
from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.data.folder import HarmonyFolder
from harmaug.inputs import Space
from harmaug.io.photos import Photo, read_mask, read_photo, write_photo
from harmaug.nets import LiteSycoNet

EXAMPLES = int(os.environ.get("HARMAUG_EXAMPLES", "400"))
BUILT_IN = (ValueError, TypeError, KeyError, IndexError, FileNotFoundError, OSError)
OUTCOMES: dict[str, Counter[str]] = {}


def share(of_all: float) -> Callable[[Any], Any]:
    """Return settings for a share of all examples; the default ones are always the same."""
    return settings(
        max_examples=max(5, math.ceil(EXAMPLES * of_all)),
        derandomize="HARMAUG_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module", autouse=True)
def counts() -> Iterator[None]:
    """Print at the end how many inputs were right and how many were refused."""
    yield
    print(f"\n{sum(map(Counter.total, OUTCOMES.values()))} random inputs")
    for group, outcomes in OUTCOMES.items():
        print(f"  {group}: " + ", ".join(f"{n} {kind}" for kind, n in outcomes.most_common()))


def try_out(group: str, call: Callable[[], Any], check: Callable[[Any], Any]) -> None:
    """Check the result of a call, or that it is refused by one sentence; count the outcome."""
    refusal: Exception | None = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call()
    except BUILT_IN as error:
        refusal = error
    if refusal is None:
        check(result)
    else:
        assert type(refusal) in BUILT_IN, f"{type(refusal).__name__}: {refusal}"
        assert str(refusal).strip(), type(refusal)
        assert "\n" not in str(refusal).strip(), str(refusal)
    kind = "right" if refusal is None else type(refusal).__name__
    OUTCOMES.setdefault(group, Counter())[kind] += 1


# Photos and masks in memory.

FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
INTEGERS = [torch.bool, torch.uint8, torch.int16, torch.int32, torch.int64, torch.uint16]
SPACES: list[Any] = ["unit", "pm1", "imagenet", ((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))]
sides = st.sampled_from([0, 1, 4, 8, 12, 12, 12])
usually = st.integers(0, 9).map(bool)  # nine times in ten
seldom = st.integers(0, 5).map(lambda number: number == 3)


def to_dtype(values: Tensor, dtype: torch.dtype) -> Tensor:
    """Return floating-point values in any dtype; integers are rounded and wrapped."""
    if dtype.is_floating_point or dtype == torch.bool:
        return values.to(dtype)
    return values.nan_to_num(0, 0, 0).round().to(torch.int64).to(dtype)


@st.composite
def photos(draw: Any, size: tuple[int, ...], space: Any) -> Tensor:
    """(*size, 3, H, W) of some dtype, most often as declared, now and then not."""
    *batch, height, width = size
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    unit = torch.rand(*batch, 3, height, width, generator=generator) * 0.8 + 0.1
    kinds = ["overshoot", "bytes", "float", "integers", "far", "nan"]
    kind = draw(st.sampled_from(kinds if draw(seldom) else kinds[1:3]))
    if kind in ("bytes", "integers"):
        return to_dtype(
            unit * 255, torch.uint8 if kind == "bytes" else draw(st.sampled_from(INTEGERS))
        )
    stored = Space.of(space).encode(unit * {"overshoot": 1.12, "far": 3}.get(kind, 1.0))
    if kind == "nan" and stored.numel():
        stored.view(-1)[draw(st.integers(0, stored.numel() - 1))] = draw(
            st.sampled_from([math.nan, math.inf, -math.inf])
        )
    return stored.to(draw(st.sampled_from([torch.float32, *FLOATS])))


@st.composite
def masks(draw: Any, size: tuple[int, ...]) -> Tensor:
    """Masks of photos of this size in some shape, dtype and scale."""
    *batch, height, width = size
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    mask = torch.zeros(*batch, 1, height, width)
    kind = draw(st.sampled_from(["square"] * 4 + ["soft", "full", "empty", "noise"]))
    if kind in ("square", "soft"):
        mask[..., height // 4 : height - height // 4, width // 4 : width - width // 4] = 1
    if kind in ("full", "soft"):
        mask = mask * 0.7 + 0.3
    if kind == "noise":
        mask = torch.rand(mask.shape, generator=generator)
    dtype, odd = draw(st.sampled_from([torch.float32, *FLOATS, *INTEGERS])), draw(seldom)
    scale = draw(st.sampled_from([1.0, 255.0] if dtype == torch.uint8 else [1.0, 1.015]))
    if odd:
        scale = draw(st.sampled_from([1.0, 255.0, 1 / 255, 15.0, 65535.0, 1.1, 0.5]))
    mask = mask * scale + draw(st.sampled_from([0.0, 0.0, -0.01, -0.5] if odd else [0.0]))
    if mask.numel() and odd and draw(seldom):
        mask.view(-1)[draw(st.integers(0, mask.numel() - 1))] = math.nan
    mask = to_dtype(mask, dtype)
    shape = draw(
        st.sampled_from(["whole", "bare", "colour", "larger"] if odd else ["whole", "bare"])
    )
    if shape == "bare":
        return mask.squeeze(-3)
    if shape == "colour":
        return mask.expand(*batch, 3, height, width)
    return torch.cat((mask, mask[..., :1]), -1) if shape == "larger" else mask


def as_opacity(mask: Tensor, like: Tensor) -> Tensor:
    """Return an accepted mask as float in the shape of its photos, by the rules of the door."""
    values = mask.double().reshape(*like.shape[:-3], 1, *like.shape[-2:])
    codes = mask.dtype == torch.uint8 and values.numel() and values.max() > 1
    return (values / 255 if codes else values).clamp(0, 1)


def check_composite(composite: Tensor, real: Tensor, mask: Tensor) -> None:
    """The type is that of real, the background its bits, and a solid foreground is another."""
    assert composite.shape == real.shape
    assert composite.dtype == real.dtype
    alpha = as_opacity(mask, real)
    outside = (alpha <= 0).expand_as(real)
    assert torch.equal(composite[outside], real[outside])
    assert composite.isfinite().all()
    solid = (alpha > 0.25).expand_as(real)
    if solid.sum() >= 3 * 16:
        assert not torch.equal(composite[solid], real[solid]), "equals its real in silence"


@cache
def unified() -> SycoNetAugment:
    return SycoNetAugment.from_pretrained("unified")


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same values, NaN too."""
    return one.equal(other) or (
        one.is_floating_point() and one.nan_to_num(7).equal(other.nan_to_num(7))
    )


@share(0.08)
@given(data=st.data(), call=st.sampled_from(["augment", "apply"]))
def test_the_augmenter_is_right_or_refuses(data: Any, call: str) -> None:
    batch = data.draw(st.sampled_from([(1,), (2,), (2,), (0,), ()]))
    size = (*batch, data.draw(sides), data.draw(sides))
    space = data.draw(st.sampled_from(SPACES))
    declared = space if data.draw(usually) else data.draw(st.sampled_from(SPACES))
    real, mask = data.draw(photos(size, space)), data.draw(masks(size))
    before = real.clone(), mask.clone()
    luts = (harmaug.identity_lut(5) * 0.6 + 0.1).expand(*batch, 3, 5, 5, 5)

    def recolour() -> Tensor:
        if call == "apply":
            return unified().apply(luts, real, mask, space=declared)
        return unified()(real, mask, space=declared)

    try_out(f"augmenter, {call}", recolour, lambda made: check_composite(made, real, mask))
    assert same_bits(real, before[0])
    assert same_bits(mask, before[1])


# Batches.

Triple = namedtuple("Triple", "comp real mask")
DICT: dict[str, Any] = {"composite": "comp", "real": "real", "mask": "mask"}
LAYOUTS: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {
    "dict": (DICT, lambda c, r, m: {"comp": c, "real": r, "mask": m, "name": ["x"] * len(r)}),
    "tuple": ({"composite": 0, "real": 1, "mask": 2}, lambda c, r, m: (c, r, m)),
    "list": ({"composite": 0, "real": 1, "mask": 2}, lambda c, r, m: [c, r, m, "extra"]),
    "named tuple": ({"composite": 0, "real": 1, "mask": 2}, Triple),
    "nested": (
        {"composite": ("x", 0), "real": ("y", "real"), "mask": ("x", 1)},
        lambda c, r, m: {"x": (c, m), "y": {"real": r}},
    ),
    "stacked": (
        {"composite": "inputs[:3]", "real": "real", "mask": "inputs[3:]"},
        lambda c, r, m: {"inputs": torch.cat((c, m.to(c.dtype)), 1), "real": r},
    ),
}


def check_batch(made: Any, given_batch: Any, fields: Fields, synthetic: bool) -> None:
    """Nothing but the composite differs; it is the one given or a right synthetic one."""
    if made is given_batch and not synthetic:  # not drawn, so perhaps not even looked at
        return
    assert type(made) is type(given_batch)
    view = fields.places.views[0]
    if not len(view.real.get(given_batch)):
        assert made is given_batch
        return
    assert view.real.get(made) is view.real.get(given_batch)
    real, mask = view.real.get(made), view.mask_of(given_batch)
    composite = view.composite.get(made)
    assert torch.equal(view.mask_of(made), mask) or mask.is_floating_point()
    if isinstance(given_batch, dict):
        assert list(made)[: len(given_batch)] == list(given_batch)
    if not view.composite.holds(given_batch):
        check_composite(composite, real, mask)
        return
    old = view.composite.get(given_batch)
    assert composite.shape == old.shape
    assert composite.dtype == old.dtype
    if old.dtype != real.dtype:
        return
    for row in range(len(real)):
        if synthetic or not torch.equal(composite[row], old[row]):
            alpha = mask if len(mask) == len(real) else mask[None]
            check_composite(composite[row], real[row], alpha[row])


@share(0.18)
@given(data=st.data())
def test_batches_are_right_or_refused(data: Any) -> None:
    size = (data.draw(st.integers(0, 3)), data.draw(sides), data.draw(sides))
    space = data.draw(st.sampled_from(SPACES))
    real, mask = data.draw(photos(size, space)), data.draw(masks(size))
    wide = real.dtype in (torch.uint16, torch.uint32, torch.uint64)  # torch cannot flip these
    old = real.clone() if wide else real.flip(-1)
    change = data.draw(st.sampled_from([None] * 8 + ["dtype", "size", "absent"]))
    if change == "dtype":
        old = to_dtype(old.float(), data.draw(st.sampled_from([*FLOATS, *INTEGERS])))
    if change == "size":
        old = torch.cat((old, old[..., :1]), -1)
    names, build = LAYOUTS[data.draw(st.sampled_from(list(LAYOUTS)))]
    fields = Fields(**names, space=space if data.draw(usually) else "unit")
    try:
        batch = build(old, real, mask)
    except RuntimeError:  # sizes that cannot be stacked make no batch
        return
    if change == "absent" and isinstance(batch, dict):
        batch.pop(data.draw(st.sampled_from(list(batch))))
    p = data.draw(st.sampled_from([1.0, 1.0, 0.5]))
    mode = data.draw(st.sampled_from(["replace", "replace", "interleave"]))
    loader = AugmentedLoader([batch], ToyAugment(), fields, p=p, mode=mode, seed=0)
    try_out(
        f"batches, {mode}",
        lambda: list(loader),
        lambda made: check_batch(
            made[-1], batch, fields, p == 1 and len(made) == 1 + (mode == "interleave")
        ),
    )


@share(0.06)
@given(data=st.data())
def test_views_are_right_or_refused(data: Any) -> None:
    """Lists of images of many sizes, and clips, take the LUT of the main view."""
    count, space = data.draw(st.integers(1, 3)), data.draw(st.sampled_from(SPACES))
    clip = data.draw(st.booleans())
    if clip:
        size = (count, data.draw(st.integers(0, 3)), data.draw(sides), data.draw(sides))
        further: Any = data.draw(photos(size, space))
        alpha: Any = data.draw(masks(size))
    else:
        lengths = count if data.draw(usually) else count + 1
        sizes = [(data.draw(sides), data.draw(sides)) for _ in range(lengths)]
        further = [data.draw(photos(size, space)) for size in sizes]
        alpha = [data.draw(masks(size)) for size in sizes]
    real = Space.of(space).encode(torch.rand(count, 3, 8, 8) * 0.8 + 0.1)
    batch: dict[str, Any] = {"comp": real, "real": real, "mask": torch.ones(count, 1, 8, 8)}
    old: Any = further.clone() if clip else [image.clone() for image in further]
    batch |= {"c": old, "r": further, "m": alpha}
    fields = Fields(**DICT, space=space, views=[("c", "r", "m")])

    def check(made: Any) -> None:
        assert type(made["c"]) is type(old)
        if clip:
            flat = [value.flatten(0, 1) for value in (made["c"], further, alpha)]
            check_composite(*flat)
        for each in () if clip else zip(made["c"], further, alpha, strict=True):
            check_composite(*each)

    loader = AugmentedLoader([batch], ToyAugment(), fields, p=1.0, seed=0)
    try_out("clips" if clip else "lists of images", lambda: next(iter(loader)), check)


# Samples.


def contained(draw: Any, image: Tensor) -> Any:
    """Return a tensor (C, H, W) in another container; channels last where the container asks."""
    kind = draw(
        st.sampled_from(["array", "array", "PIL", "tensor", "flipped", "locked", "swapped"])
    )
    if kind == "tensor" or image.dtype == torch.bfloat16 or image.ndim != 3:
        return image
    array = image.permute(1, 2, 0).numpy()
    if kind == "PIL":
        array = array[..., 0] if array.shape[2] == 1 else array
        try:
            return Image.fromarray(np.ascontiguousarray(array))
        except (TypeError, ValueError, SystemError):  # what Pillow does not hold
            return array
    if kind == "flipped":
        return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    if kind == "swapped":
        return array.astype(array.dtype.newbyteorder(">"))
    array = array.copy()
    array.flags.writeable = kind != "locked"
    return array


def as_tensor(image: Any) -> Tensor:
    """Return any container of a picture as (C, H, W)."""
    if isinstance(image, Tensor):
        return image if image.ndim == 3 else image[None]
    array = np.atleast_3d(np.array(image))
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="))).permute(2, 0, 1)


@share(0.14)
@given(data=st.data())
def test_samples_are_right_or_refused(data: Any) -> None:
    size, space = (data.draw(sides), data.draw(sides)), data.draw(st.sampled_from(SPACES))
    tensor, mask = data.draw(photos(size, space)), data.draw(masks(size))
    if data.draw(usually) and tensor.dtype != torch.uint8:
        tensor, space = (torch.rand(3, *size) * 255).byte(), "unit"
    real, alpha = contained(data.draw, tensor), contained(data.draw, mask)
    sample = {"real": real, "mask": alpha}
    if data.draw(st.booleans()):
        sample["comp"] = contained(data.draw, tensor)
    if data.draw(st.integers(0, 19)) == 7:
        sample.pop(data.draw(st.sampled_from(list(sample))))
    transform = SampleTransform(ToyAugment(), **DICT, space=space, seed=0)

    def check(made: Any) -> None:
        like = sample.get("comp", real)
        assert type(made["comp"]) is type(like)
        assert made["real"] is real
        assert made["mask"] is alpha
        if hasattr(like, "dtype"):
            assert made["comp"].dtype == like.dtype
        check_composite(as_tensor(made["comp"]), as_tensor(real), as_tensor(alpha))

    try_out("samples", lambda: transform(sample), check)


# Files.


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@cache
def pictures() -> dict[str, bytes]:
    """Small files of many kinds, whole."""
    codes = np.random.default_rng(0).integers(0, 256, (12, 10, 4), np.uint8)
    codes[..., 3] = 0
    codes[3:9, 2:8, 3] = 255
    colour, grey = Image.fromarray(codes[..., :3]), Image.fromarray(codes[..., 3])
    deep = codes.astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a photo"
    made = {
        "PNG": encoded(colour, "PNG"),
        "PNG with alpha": encoded(Image.fromarray(codes), "PNG"),
        "PNG grey": encoded(grey, "PNG"),
        "PNG labels": encoded(Image.fromarray(codes[..., 3] // 255), "PNG"),
        "PNG bilevel": encoded(grey.convert("1"), "PNG"),
        "PNG palette": encoded(colour.quantize(5), "PNG"),
        "PNG palette, transparent": encoded(colour.quantize(5), "PNG", transparency=0),
        "PNG grey, 16 bits": encoded(Image.fromarray(deep[..., 3]), "PNG"),
        "JPEG": encoded(colour, "JPEG", exif=exif),
        "JPEG grey": encoded(grey, "JPEG"),
        "JPEG progressive": encoded(colour, "JPEG", progressive=True),
        "JPEG CMYK": encoded(colour.convert("CMYK"), "JPEG"),
        "TIFF": encoded(colour, "TIFF"),
        "TIFF grey, LZW": encoded(grey, "TIFF", compression="tiff_lzw"),
        "TIFF grey, 16 bits": encoded(Image.fromarray(deep[..., 3]), "TIFF"),
        "BMP": encoded(colour, "BMP"),
        "GIF": encoded(colour.quantize(5), "GIF"),
        "PPM": encoded(colour, "PPM"),
        "PGM": encoded(grey, "PPM"),
        "PGM, 16 bits": b"P5 10 12 65535\n" + deep[..., 3].astype(">u2").tobytes(),
        "WebP": encoded(colour, "WEBP"),
        "TGA": encoded(colour, "TGA"),
    }
    for planes in ("contig", "separate"):
        stream, pixels = io.BytesIO(), deep[..., :3]
        pixels = pixels if planes == "contig" else pixels.transpose(2, 0, 1)
        tifffile.imwrite(stream, pixels, photometric="rgb", planarconfig=planes)
        made[f"TIFF, 16 bits, {planes}"] = stream.getvalue()
    return made


@cache
def deep_png(folder: Path) -> bytes:
    path = folder / "deep.png"
    codes = np.random.default_rng(1).integers(0, 65536, (12, 10, 3), np.uint16)
    write_photo(path, Photo(codes), overwrite=True)
    data = path.read_bytes()
    path.unlink()
    return data


def damaged(draw: Any, data: bytes) -> bytes:
    """Return bytes with some flipped, cut off, doubled or none changed."""
    changed = bytearray(data)
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 4]))):
        near = min(len(changed), draw(st.sampled_from([64, 1024, 1 << 20])))
        if near:
            changed[draw(st.integers(0, near - 1))] ^= draw(st.integers(1, 255))
    ending = draw(st.sampled_from(["whole"] * 8 + ["cut", "longer", "empty"]))
    if ending == "cut":
        del changed[draw(st.integers(0, len(changed))) :]
    return {"longer": bytes(changed) * 2, "empty": b""}.get(ending, bytes(changed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@share(0.16)
@given(data=st.data(), reader=st.sampled_from([read_photo, read_mask]))
def test_damaged_pictures_are_read_or_refused(data: Any, reader: Any, folder: Path) -> None:
    kinds = {**pictures(), "PNG, 16 bits": deep_png(folder)}
    path = folder / data.draw(st.sampled_from(["picture.png", "picture.jpg", "picture"]))
    path.write_bytes(damaged(data.draw, kinds[data.draw(st.sampled_from(sorted(kinds)))]))

    def check(made: Any) -> None:
        if isinstance(made, Tensor):
            assert made.ndim == 2
            assert made.dtype == torch.float32
            assert ((made >= 0) & (made <= 1)).all()
        else:
            assert made.pixels.dtype in (np.uint8, np.uint16)
            assert made.pixels.ndim == 3
            assert made.pixels.shape[2] == 3
            assert made.alpha is None or made.alpha.shape == made.pixels.shape[:2]

    try_out(f"pictures, {reader.__name__}", lambda: reader(path, 4), check)
    path.unlink()


def subset(folder: Path, names: list[str]) -> Path:
    """Return a root with one subset of one photo, its mask and these composites."""
    kinds = pictures()
    for part in ("real_images", "masks", "composite_images"):
        (folder / "set" / part).mkdir(parents=True, exist_ok=True)
        for old in (folder / "set" / part).iterdir():
            old.unlink()
    (folder / "set" / "real_images" / "a.png").write_bytes(kinds["PNG"])
    (folder / "set" / "masks" / "a_1.png").write_bytes(kinds["PNG grey"])
    for name in names:
        (folder / "set" / "composite_images" / name).write_bytes(kinds["PNG"])
    return folder


@share(0.07)
@given(data=st.data(), part=st.sampled_from(["real_images", "masks", "composite_images"]))
def test_damaged_sets_are_read_or_refused(data: Any, part: str, folder: Path) -> None:
    root = subset(folder / "damaged", ["a_1_1.png"])
    path = next((root / "set" / part).iterdir())
    kinds = pictures()
    path.write_bytes(damaged(data.draw, kinds[data.draw(st.sampled_from(sorted(kinds)))]))
    size = data.draw(st.sampled_from([None, 6]))

    def check(sample: dict[str, Any]) -> None:
        height, width = (size, size) if size else sample["real"].shape[1:]
        for key, channels in (("real", 3), ("mask", 1), ("composite", 3)):
            assert sample[key].shape == (channels, height, width)
            assert ((sample[key] >= 0) & (sample[key] <= 1)).all()

    try_out("sets", lambda: HarmonyFolder(root, size=size)[0], check)


NAMES = ["a_1_1.png", "a_1_2.png", "a_1_ä.png", "a_1_x y.png"]
ENCODINGS = ["utf-8"] * 4 + ["utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252", "utf-7"]


@share(0.09)
@given(data=st.data(), encoding=st.sampled_from(ENCODINGS))
def test_lists_name_what_is_there_or_are_refused(data: Any, encoding: str, folder: Path) -> None:
    root = subset(folder / "lists", NAMES)
    at_root = data.draw(st.booleans())
    for old in [*root.glob("*.txt"), *(root / "set").glob("*.txt")]:
        old.unlink()
    names = data.draw(st.lists(st.sampled_from([*NAMES, "a_1_9.png", "b_1_1.png", ""]), max_size=5))
    prefix = data.draw(st.sampled_from(["", "composite_images/", "set/composite_images/", "x\\"]))
    prefix = "set/composite_images/" if at_root else prefix
    ending = data.draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n"]))
    separator = data.draw(st.sampled_from(["/", "\\"]))
    lines = [prefix.replace("/", separator) + name if name else "" for name in names]
    text = ending.join(lines) + data.draw(st.sampled_from(["", ending]))
    path = root / "IHD_train.txt" if at_root else root / "set" / "set_train.txt"
    content = text.encode(encoding)
    if data.draw(st.integers(0, 5)) == 3:
        content = damaged(data.draw, content)
    path.write_bytes(content)
    plain = content == text.encode(encoding) and (encoding in ENCODINGS[:6] or text.isascii())
    skip = data.draw(st.booleans())

    def check(dataset: HarmonyFolder) -> None:
        found = [item.name for item in dataset.items]
        assert len(set(found)) == len(found)
        assert set(found) <= set(NAMES)
        if plain and encoding != "utf-16-le":
            assert set(found) == set(names) & set(NAMES)

    try_out("lists", lambda: HarmonyFolder(root, "train", skip_missing=skip), check)


# LUT files.


def check_lut(lut: Tensor) -> None:
    assert lut.dtype == torch.float32
    assert lut.shape[0] == 3
    assert lut.ndim == 4
    assert lut.shape[1] == lut.shape[2] == lut.shape[3] >= 2
    assert lut.isfinite().all()


@share(0.09)
@given(data=st.data())
def test_damaged_cube_files_are_read_or_refused(data: Any, folder: Path) -> None:
    path = folder / "look.cube"
    size = data.draw(st.integers(2, 3))
    harmaug.write_cube(path, harmaug.identity_lut(size) ** 1.5)
    text = path.read_text()
    extra = [
        "# remark",
        'TITLE "look"',
        "DOMAIN_MIN 0 0 0",
        "DOMAIN_MAX 1 1 1",
        "LUT_3D_INPUT_RANGE 0 1",
    ]
    text = "\n".join([*data.draw(st.lists(st.sampled_from(extra), max_size=2)), text])
    ending = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    path.write_bytes(damaged(data.draw, text.replace("\n", ending).encode(encoding)))
    try_out(".cube files", lambda: harmaug.read_cube(path), check_lut)
    path.unlink()


@share(0.06)
@given(data=st.data(), bits=st.sampled_from([8, 16]))
def test_damaged_hald_images_are_read_or_refused(data: Any, bits: int, folder: Path) -> None:
    path = folder / "look.png"
    harmaug.write_hald(path, harmaug.identity_lut(4) ** 1.5, bits)
    path.write_bytes(damaged(data.draw, path.read_bytes()))
    try_out("Hald images", lambda: harmaug.read_hald(path), check_lut)
    path.unlink()


@share(0.05)
@given(data=st.data(), way=st.sampled_from([".cube", "8.png", "16.png"]))
def test_luts_are_written_whole_or_not_at_all(data: Any, way: str, folder: Path) -> None:
    place = folder / "written"
    place.mkdir(exist_ok=True)
    path = place / f"look{way}"
    size = data.draw(st.sampled_from([1, 2, 4, 5, 9]))
    lut = harmaug.identity_lut(size) if size > 1 else torch.zeros(3, 1, 1, 1)
    lut = lut * data.draw(st.sampled_from([1.0, 1.0, 1.0, 255.0, 1e30]))
    lut = to_dtype(lut, data.draw(st.sampled_from([torch.float32, *FLOATS, *INTEGERS])))
    lut = data.draw(st.sampled_from([lut, lut, lut, lut[None], lut[:2], lut[..., :1], lut[0]]))
    if lut.is_floating_point() and data.draw(st.integers(0, 5)) == 3:
        lut = lut.clone().index_fill_(
            -1, torch.tensor([0]), data.draw(st.sampled_from([math.nan, math.inf]))
        )

    def write() -> None:
        if way == ".cube":
            harmaug.write_cube(path, lut)
        else:
            harmaug.write_hald(path, lut, int(way[:-4]))

    def check(_: None) -> None:
        again = harmaug.read_cube(path) if way == ".cube" else harmaug.read_hald(path)
        limit = 1e-5 if way == ".cube" else 0.51 / (2 ** int(way[:-4]) - 1) + 1e-6
        given_lut = lut.float() if way == ".cube" else lut.float().clamp(0, 1)
        assert (again - given_lut).abs().max() <= limit * max(1, given_lut.abs().max().item())
        path.unlink()

    try_out("writing LUTs", write, check)
    assert not list(place.iterdir())


# Checkpoints.


@cache
def checkpoint(folder: Path) -> tuple[bytes, bytes]:
    with torch.random.fork_rng(devices=[]):
        net = LiteSycoNet(latent_dim=4, basis_size=4, lut_size=3, width=8, thumbnail=16)
    path = save_checkpoint(folder / "whole.safetensors", net, {"licence": "none"})
    return path.read_bytes(), path.with_suffix(".json").read_bytes()


VALUES: Any = st.sampled_from(
    [None, True, 0, 1, 3, -1, 2.5, "", "lite", "syconet", [], [1], {}, {"a": 1}]
)


@share(0.07)
@given(data=st.data(), fault=st.sampled_from(["weights", "card", "value", "missing", "config"]))
def test_damaged_checkpoints_are_read_or_refused(data: Any, fault: str, folder: Path) -> None:
    weights, text = checkpoint(folder)
    place = folder / "checkpoint"
    place.mkdir(exist_ok=True)
    path = place / "model.safetensors"
    facts = json.loads(text)
    if fault == "value":
        facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(VALUES)
    if fault == "missing":
        facts.pop(data.draw(st.sampled_from(sorted(facts))))
    if fault == "config":
        facts["config"][data.draw(st.sampled_from([*facts["config"], "more"]))] = data.draw(VALUES)
    card = damaged(data.draw, text) if fault == "card" else json.dumps(facts).encode()
    stored = damaged(data.draw, weights) if fault == "weights" else weights
    path.write_bytes(stored)
    path.with_suffix(".json").write_bytes(card)

    def check(loaded: Any) -> None:
        assert stored == weights, "damaged weights were loaded"
        net, _ = loaded
        assert all(value.isfinite().all() for value in net.state_dict().values())
        aug = SycoNetAugment(net)
        assert aug(torch.rand(1, 3, 8, 8), torch.ones(1, 1, 8, 8)).shape == (1, 3, 8, 8)

    try_out("checkpoints", lambda: open_checkpoint(path), check)
