"""Doubles for the adapters' tests: a small augmenter, and the batches of the host codebases."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from harmaug.inputs import Inputs, Space
from harmaug.lut import composite_lut, identity_lut
from harmaug.nets.decision import Decision

if TYPE_CHECKING:  # the adapters take a SycoNetAugment, and call what the toy has of it
    from harmaug import SycoNetAugment as Augmenter
else:
    Augmenter = nn.Module


class ToyAugment(Augmenter):
    """The contract of `SycoNetAugment` with a power and a gain per channel as the LUT.

    It keeps the sizes of the batches that its encoder saw in ``seen``.
    """

    LATENT = 6

    def __init__(self, strength: float = 0.5, device: str | None = None) -> None:
        nn.Module.__init__(self)
        self.scale = strength
        self.seen: list[int] = []
        self._device = device

    @property
    def device(self) -> torch.device:
        return torch.device(self._device or "cpu")

    def decide(
        self,
        inputs: Inputs,
        n: int = 1,
        *,
        latent: Tensor | None = None,
        generator: torch.Generator | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
    ) -> Decision:
        real, mask = inputs.photo, inputs.mask
        assert real.shape[2:] == mask.shape[2:]
        assert mask.shape[1] == 1
        assert all(inputs.foreground)
        self.seen.append(len(real))
        if latent is None:
            latent = torch.randn(len(real), n, self.LATENT, generator=generator)
        power, gain = (self.scale * strength * latent).exp().unflatten(2, (2, 3)).unbind(2)
        grid = identity_lut(9).expand(len(real), n, 3, 9, 9, 9)
        view = (*power.shape, 1, 1, 1)
        luts = (grid ** power.view(view) * gain.view(view)).clamp(0, 1)
        return Decision(luts, latent, latent)

    def recolour(self, luts: Tensor, inputs: Inputs) -> Tensor:
        real, mask, space = inputs.real, inputs.mask, inputs.space
        if real.dtype == torch.uint8:
            return composite_lut(real, mask, luts)
        painted = space.encode(composite_lut(inputs.photo, mask, luts)).to(real.dtype)
        return torch.where(mask > 0, painted, real)


class DeviceToy(ToyAugment):
    """A toy augmenter that claims another device."""

    def __init__(self) -> None:
        super().__init__(device="cuda:0")


def photo(*size: int, seed: int = 0) -> Tensor:
    """(*size[:-2], 3, H, W) in [0, 1]."""
    *batch, height, width = size
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*batch, 3, height, width, generator=generator)


def disc(*size: int, soft: bool = True) -> Tensor:
    """(*size[:-2], 1, H, W): a disc, with a soft edge or a hard one."""
    *batch, height, width = size
    y = torch.linspace(-1, 1, height)[:, None]
    x = torch.linspace(-1, 1, width)
    mask = ((0.8 - (x * x + y * y).sqrt()) * 4).clamp(0, 1)
    mask = mask if soft else (mask > 0.5).float()
    return mask.expand(*batch, 1, height, width).clone()


def strong_composite(real: Tensor, mask: Tensor) -> Tensor:
    """What a dataset's own composite could be: a darker foreground, and noise all over."""
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(9)) * 0.01
    return (real * (1 - 0.6 * mask) * 0.99 + noise).clamp(0, 1)


SIZE, HEIGHT, WIDTH, FRAMES = 4, 24, 20, 5


def _triple(space: str, *, soft: bool, size: int = SIZE) -> tuple[Tensor, Tensor, Tensor]:
    real, mask = photo(size, HEIGHT, WIDTH), disc(size, HEIGHT, WIDTH, soft=soft)
    encode = Space.of(space).encode
    return encode(strong_composite(real, mask)), encode(real), mask


def _paths(size: int = SIZE) -> list[str]:
    return [f"HCOCO/composite_images/c{index}_1_2.jpg" for index in range(size)]


def _pix2pix(space: str = "pm1") -> dict[str, Any]:
    comp, real, mask = _triple(space, soft=False)
    return {"comp": comp, "mask": mask, "real": real, "img_path": _paths()}


def _dovenet() -> dict[str, Any]:
    batch = _pix2pix()
    inputs = torch.cat((batch["comp"], batch["mask"]), 1)
    return {
        "inputs": inputs,
        "comp": batch["comp"],
        "real": batch["real"],
        "img_path": batch["img_path"],
    }


def _iih() -> dict[str, Any]:
    batch = _pix2pix("unit")
    inputs = torch.cat((batch["comp"], batch["mask"]), 1)
    return {"inputs": inputs, **{key: batch[key] for key in ("comp", "real", "img_path", "mask")}}


def _issam(space: str = "imagenet") -> dict[str, Any]:
    images, targets, masks = _triple(space, soft=True)
    masks[1] = 0  # 5 % of iSSAM's samples have lost their foreground to the crop
    return {
        "images": images,
        "masks": masks,
        "target_images": targets,
        "image_info": torch.arange(SIZE),
    }


def _dccf() -> dict[str, Any]:
    encode = Space.of("imagenet").encode
    real, mask = photo(SIZE, 2 * HEIGHT, 2 * WIDTH), disc(SIZE, 2 * HEIGHT, 2 * WIDTH)
    full = {
        "images": encode(strong_composite(real, mask)),
        "masks": mask,
        "target_images": encode(real),
    }
    low = {key: value[..., ::2, ::2].clone() for key, value in full.items()}
    return {**low, **{f"{key}_fullres": value for key, value in full.items()}}


def _dccf_lr() -> dict[str, Any]:
    """Without full resolution DCCF repeats its images, and has no further target."""
    batch = _issam()
    return {
        **batch,
        "images_fullres": batch["images"].clone(),
        "masks_fullres": batch["masks"].clone(),
    }


def _pctnet(space: str) -> dict[str, Any]:
    """Low resolution stacked, full resolution a list of tensors of different sizes."""
    encode = Space.of(space).encode
    batch: dict[str, Any] = {key: [] for key in ("images", "masks", "target_images")}
    batch |= {f"{key}_fullres": [] for key in list(batch)}
    batch["image_info"] = list(range(SIZE))
    for index in range(SIZE):
        height, width = 2 * HEIGHT + index, 2 * WIDTH + 3 * index
        real, mask = photo(height, width, seed=index), disc(height, width)
        full = {
            "images": encode(strong_composite(real, mask)),
            "masks": mask,
            "target_images": encode(real),
        }
        for key, value in full.items():
            batch[f"{key}_fullres"].append(value)
            batch[key].append(value[:, : 2 * HEIGHT : 2, : 2 * WIDTH : 2])
    for key in ("images", "masks", "target_images"):
        batch[key] = torch.stack(batch[key])
    return batch


def _harmonizer() -> tuple[Any, Any]:
    adjusted, image, mask = _triple("unit", soft=True)
    adjusted[:2] = -image[:2]  # the first stream: composites are made in the training step
    return (adjusted, mask), (image,)


def _pih() -> tuple[Any, ...]:
    """Background, a pasted composite with its mask; the photo, its mask, a recoloured photo."""
    comp, real, mask = _triple("unit", soft=True)
    background, pasted = photo(SIZE, HEIGHT, WIDTH, seed=5), photo(SIZE, HEIGHT, WIDTH, seed=6)
    paths = tuple(_paths())
    return background, pasted, mask.flip(0), real, mask, comp, paths, paths


def _s2am() -> tuple[Any, ...]:
    image, target, mask = _triple("unit", soft=True)
    return torch.cat((image, mask), 1), target, tuple(_paths())


def _diffharmony() -> dict[int, Any]:
    comp, real, mask = _triple("pm1", soft=False)
    full = {"real": real, "mask": mask, "comp": comp}
    half = {key: value[..., ::2, ::2].clone() for key, value in full.items()}
    rest = {
        "comp_path": _paths(),
        "caption": [""] * SIZE,
        "caption_ids": torch.zeros(SIZE, 5).long(),
    }
    return {256: {**half, **rest}, 512: {**full, **rest}}


def _co2net() -> dict[str, Any]:
    frames = 3
    images, targets, masks = _triple("imagenet", soft=True)
    real, mask = photo(SIZE, frames, HEIGHT, WIDTH, seed=3), disc(SIZE, frames, HEIGHT, WIDTH)
    real[:, 0], mask[:, 0] = Space.of("imagenet").decode(targets), masks
    encode = Space.of("imagenet").encode
    return {
        "name": _paths(),
        "images": images,
        "masks": masks,
        "target_images": targets,
        "pre_images": encode(strong_composite(real, mask)),
        "pre_masks": mask,
        "pre_target_images": encode(real),
    }


def _regions() -> dict[str, Any]:
    """The mask is the label, uint8; Path order as in DIRL."""
    comp, real, mask = _triple("imagenet", soft=False)
    return {"comp": comp, "mask": mask.byte(), "real": real, "img_path": _paths()}


def _phnet() -> dict[str, Any]:
    batch = _iih()
    return {**batch, "mask": batch["mask"].long()}


def _xmba15() -> list[Any]:
    composite, real, mask = _triple("unit", soft=False)
    return [composite, real, mask[:, 0].byte()]


def _lbm() -> dict[str, Any]:
    source, target, mask = _triple("pm1", soft=True)
    keys = [f"sample{index}" for index in range(SIZE)]
    return {"__key__": keys, "source_image": source, "target_image": target, "mask": mask}


def _hcdm() -> dict[str, Any]:
    comp, real, mask = _triple("pm1", soft=False)
    return {"gt_image": real, "cond_image": comp, "mask": mask, "path": _paths()}


def _clips() -> dict[str, Any]:
    """Clips of FRAMES frames; the disc moves to the right, and leaves the picture in the third."""
    real = photo(SIZE, FRAMES, HEIGHT, WIDTH)
    still = disc(SIZE, HEIGHT, WIDTH, soft=False)
    mask = torch.stack([still.roll(3 * frame, -1) for frame in range(FRAMES)], 1)
    mask[2] = 0
    mask[0, 0] = 0
    return {
        "comp": strong_composite(real, mask),
        "real": real,
        "video_object_path": _paths(),
        "mask": mask,
        "selected_frames": [[f"{index:05}.jpg" for index in range(FRAMES)] for _ in range(SIZE)],
    }


def _region_vae() -> dict[str, Any]:
    comp, real, mask = (part.movedim(1, 3).contiguous() for part in _triple("pm1", soft=False))
    ori = ((comp + 1) * 127.5).round().byte()
    return {"tar": real, "mask": mask.repeat(1, 1, 1, 3), "ref": comp, "path": _paths(), "ori": ori}


BATCHES: dict[str, Any] = {
    "dovenet": _dovenet,
    "rainnet": _pix2pix,
    "hdnet": _pix2pix,
    "bargainnet": _pix2pix,
    "iih": _iih,
    "ht": _iih,
    "dht+": _iih,
    "issam": _issam,
    "is2am": _issam,
    "idih": _issam,
    "cdtnet": lambda: _issam("unit"),
    "dccf": _dccf,
    "dccf-lr": _dccf_lr,
    "pctnet-cnn": lambda: _pctnet("imagenet"),
    "pctnet-vit": lambda: _pctnet("unit"),
    "aict": lambda: _pctnet("unit"),
    "harmonizer": _harmonizer,
    "pih": _pih,
    "s2am": _s2am,
    "diffharmony": _diffharmony,
    "co2net": _co2net,
    "dirl": _regions,
    "madisnet": _regions,
    "phnet": _phnet,
    "bargainnet-xmba15": _xmba15,
    "lbm": _lbm,
    "hcdm": _hcdm,
    "videotriplettransformer": _clips,
    "region-to-region-vae": _region_vae,
}
"""Host -> a function that returns a fresh batch of SIZE samples, as its loader yields it."""


def _sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    real, mask = photo(HEIGHT, WIDTH), disc(HEIGHT, WIDTH)
    composite = strong_composite(real, mask)
    images = (
        (value * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        for value in (composite, real)
    )
    return *images, mask[0].numpy()  # type: ignore[return-value]


def _duconet_sample() -> dict[str, Any]:
    import cv2

    composite, real, mask = _sample()
    return {
        "image": composite,
        "object_mask": mask,
        "target_image": real,
        "image_id": 3,
        "comp_img_lab": cv2.cvtColor(composite, cv2.COLOR_RGB2Lab),
        "real_img_lab": cv2.cvtColor(real, cv2.COLOR_RGB2Lab),
        "comp_img_name": "c1_1_2.jpg",
    }


def _s2crnet_sample() -> dict[str, Any]:
    composite, real, mask = _sample()
    return {
        "img": Image.fromarray(composite),
        "anno": Image.fromarray(real),
        "mask": Image.fromarray((mask * 255).round().astype(np.uint8)),
    }


def _region_sample() -> dict[str, Any]:
    composite, real, mask = _sample()
    return {
        "comp": Image.fromarray(composite),
        "real": Image.fromarray(real),
        "mask": Image.fromarray(mask > 0.5),
    }


def _inr_sample() -> dict[str, Any]:
    composite, real, mask = _sample()
    return {"composite_image": composite, "real_image": real, "mask": mask}


SAMPLES: dict[str, Any] = {
    "duconet": _duconet_sample,
    "s2crnet": _s2crnet_sample,
    "inr": _inr_sample,
    "region-to-region": _region_sample,
}
"""Host -> a function that returns one sample at the place of its hook."""


class Photos(Dataset):
    """``count`` samples in the layout of iSSAM, with the identity of who made them."""

    def __init__(self, count: int = 8, transform: Any = None) -> None:
        self.count, self.transform = count, transform

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        real, mask = torch.full((3, 8, 8), 0.5), torch.ones(1, 8, 8)
        sample = {"images": real * 0.9, "masks": mask, "target_images": real, "index": index}
        sample["thumb"] = sample["images"]
        if self.transform is not None:
            sample = self.transform(sample)
        return {**sample, "worker": os.getpid()}


def same(first: Any, second: Any) -> bool:
    """Whether two batches are the same, bit for bit, with the same types, keys and order."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def shape_of(batch: Any) -> Any:
    """The batch with tensors replaced by type, shape, dtype and strides."""
    if isinstance(batch, Tensor):
        return type(batch), tuple(batch.shape), batch.dtype, batch.stride(), batch.device
    if isinstance(batch, np.ndarray):
        return batch.shape, batch.dtype
    if isinstance(batch, Image.Image):
        return batch.size, batch.mode
    if isinstance(batch, dict):
        return type(batch), [(key, shape_of(value)) for key, value in batch.items()]
    if isinstance(batch, (list, tuple)):
        return type(batch), [shape_of(value) for value in batch]
    return batch
