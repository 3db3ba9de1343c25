"""Training SycoNet: rounds of pairs, the conditional VAE's step, figures, and a safe way back."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.atomic import atomic_write
from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.data.recipes import build_recipe
from harmaug.data.transforms import Transforms, read_transforms
from harmaug.lut import identity_lut
from harmaug.lut.fitting import simplex_least_squares
from harmaug.nets import ARCHITECTURES, Generator, LiteSycoNet
from harmaug.training.config import TrainConfig
from harmaug.training.health import HeldOut, calibrate, measure
from harmaug.training.losses import (
    Reconstruction,
    foreground_pixels,
    kl_divergence,
    reconstruction_loss,
)
from harmaug.training.pairs import PairSource, merge, read_images
from harmaug.training.samples import write_samples
from harmaug.training.state import load_state, save_state

_CHUNK = 64  # pairs made at once
_STREAMS = 1 << 20  # seeds of one training lie this far apart from another's


def train(
    config: TrainConfig,
    output: Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int | str = 1,
    tensorboard: bool = False,
    command: str = "",
) -> Generator:
    """Train a generator and leave its checkpoint, log, figures and sample sheets in a folder.

    Args:
        config: all settings.
        output: folder for ``model.safetensors`` and its card, ``config.json``, ``log.jsonl``,
            ``state.safetensors`` and ``samples/``.
        resume: go on from the state in ``output`` after an interruption.
        accelerator: "auto", "cpu", "cuda" or another of Lightning Fabric's.
        devices: how many, or "auto".
        tensorboard: write TensorBoard events too.
        command: what was typed, for the card.

    Returns:
        The trained net, calibrated, in eval.
    """
    fabric = _fabric(accelerator, devices)
    state_path = output / "state.safetensors"
    if state_path.exists() and not resume:
        raise FileExistsError(f"{output} holds a training; resume it or choose another folder.")
    if resume and not state_path.exists():
        raise FileNotFoundError(f"{output} holds no training to resume.")
    output.mkdir(parents=True, exist_ok=True)

    source, heldout, subsets = _data(config)
    torch.manual_seed(config.seed)
    net = _net(config, source)
    module = Reconstruction(net)
    optimizer = torch.optim.Adam(
        [
            {"params": [p for name, p in net.named_parameters() if name != "basis"]},
            {"params": [net.basis]},
        ]
    )
    progress: dict[str, Any] = {"round": 0, "seconds": 0.0, "best": math.inf, "waited": 0}
    if resume:
        _same_config(config, output)
        progress |= load_state(state_path, net, optimizer)
    else:
        config.save(output / "config.json")
    log = _Log(output, progress["round"], tensorboard, fabric.is_global_zero)
    wrapped, wrapped_optimizer = fabric.setup(module, optimizer)

    bar = tqdm(
        total=config.rounds, initial=progress["round"], desc="train", unit="round", disable=None
    )
    while progress["round"] < config.rounds and not _out_of_patience(config, progress):
        start = time.perf_counter()
        progress["round"] += 1
        figures = _train_round(config, progress["round"], source, wrapped, wrapped_optimizer, fabric)
        progress["seconds"] += time.perf_counter() - start
        last = progress["round"] == config.rounds
        if fabric.is_global_zero and (last or progress["round"] % config.validate_every == 0):
            calibrate(net, source, config.calibration_pairs, _generator(config, 0))
            health = measure(net, heldout, _generator(config, 1))
            score = health["score"]
            progress["waited"] = 0 if score < progress["best"] else progress["waited"] + 1
            if score < progress["best"] or config.patience is None:
                progress["best"] = min(score, progress["best"])
                save_checkpoint(
                    output, net, _card(config, progress, health, subsets, command)
                )
            write_samples(net, heldout, output / "samples" / f"{progress['round']:04d}.png")
            figures |= health
            net.train()
        if fabric.is_global_zero:
            log.write({**progress, **figures})
            save_state(state_path, net, optimizer, progress)
        bar.set_postfix(loss=f"{figures['reconstruction']:.3f}", kl=f"{figures['kl']:.1f}")
        bar.update()
        fabric.barrier()
    bar.close()
    log.close()
    return open_checkpoint(output)[0] if fabric.is_global_zero else net.eval()


def _train_round(
    config: TrainConfig,
    number: int,
    source: PairSource,
    module: Any,
    optimizer: Any,
    fabric: Any,
) -> dict[str, float]:
    """Make a round's pairs and train on them; figures are means over the last pass."""
    generator = _generator(config, 1 + number)
    net: Generator = module.module.net
    module.train()
    seen = _observe(config, net, source, generator)
    steps = config.round_pairs // config.batch
    share = config.batch // fabric.world_size
    mine = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    figures = torch.zeros(2, device=fabric.device)
    for step in range(config.passes * steps):
        if step % steps == 0:
            order = torch.randperm(config.round_pairs, generator=generator)
        done = (number - 1 + step / (config.passes * steps)) / config.rounds
        _set_rates(config, optimizer, done)
        first = step % steps * config.batch
        # Every process draws what all need and takes its share: one process or many, one curve.
        noise = torch.randn(config.batch, net.latent_dim, generator=generator)
        rows = order[first : first + config.batch][mine]
        condition, change, colours, wanted = (values[rows].to(fabric.device) for values in seen)
        rebuilt, mean, log_variance = module(
            condition, change, colours, noise[mine].to(fabric.device)
        )
        reconstruction = reconstruction_loss(rebuilt, wanted)
        kl = kl_divergence(mean, log_variance).sum()
        weight = config.kl_weight * min(1.0, done / max(config.warmup, 1e-9))
        optimizer.zero_grad()
        fabric.backward(reconstruction + weight * kl)
        fabric.clip_gradients(module, optimizer, max_norm=5.0)
        optimizer.step()
        if step >= (config.passes - 1) * steps:
            figures += torch.stack((reconstruction, kl)).detach() / steps
    figures = fabric.all_reduce(figures)
    return {"reconstruction": figures[0].item(), "kl": figures[1].item()}


@torch.no_grad()
def _observe(
    config: TrainConfig, net: Generator, source: PairSource, generator: torch.Generator
) -> list[Tensor]:
    """Condition, change, and foreground pixels before and after, of a round's pairs."""
    chunks = []
    for first in range(0, config.round_pairs, _CHUNK):
        pairs = source.draw(min(_CHUNK, config.round_pairs - first), generator)
        pixels = foreground_pixels(*pairs, config.pixels, generator)
        pairs_there = [part.to(net.basis.device) for part in pairs]
        condition, change = net.condition(*pairs_there[:2]), net.change(*pairs_there)
        chunks.append((condition.cpu(), change.cpu(), *pixels))
    return [torch.cat(values) for values in zip(*chunks, strict=True)]


def _set_rates(config: TrainConfig, optimizer: Any, done: float) -> None:
    shape = min(1.0, done / max(config.warmup, 1e-9) + 0.01) * (1 + math.cos(math.pi * done)) / 2
    peaks = (config.learning_rate, config.basis_learning_rate)
    for group, peak in zip(optimizer.param_groups, peaks, strict=True):
        group["lr"] = peak * shape


def _net(config: TrainConfig, source: PairSource) -> Generator:
    """The net to start with: a checkpoint's, or a new one on a fitted basis."""
    if config.init is not None:
        return open_checkpoint(config.init)[0].train()
    if config.architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}, got {config.architecture!r}."
        )
    settings = dict(config.net)
    basis = None
    if config.basis is not None:
        basis = safetensors.torch.load_file(config.basis)["basis"]
        settings |= {"basis_size": len(basis), "lut_size": basis.shape[-1]}
    net = ARCHITECTURES[config.architecture](**settings)
    if basis is not None:
        with torch.no_grad():
            net.basis.copy_(basis)
    if isinstance(net, LiteSycoNet):
        net.standardize(*source.draw(1024, _generator(config, 0)))
        net.start_from(_identity_weights(net.basis.detach()))
    return net


def _identity_weights(basis: Tensor) -> Tensor:
    """Convex weights (K,) that mix a basis to what comes nearest to the identity."""
    flat, neutral = basis.flatten(1), identity_lut(basis.shape[-1]).flatten()
    return simplex_least_squares(flat @ flat.mT, (neutral @ flat.mT).unsqueeze(0))[0]


def _data(config: TrainConfig) -> tuple[PairSource, HeldOut, dict[str, int]]:
    learnt, aside = read_images(config.data, config.size)
    transforms, transforms_aside = Transforms(), Transforms()
    if config.transforms:
        transforms, transforms_aside = read_transforms(config.transforms).split()

    def photos(subsets: dict[str, Any]) -> Any:
        return merge([images for images in subsets.values() if images.composite is None])

    def pairs(subsets: dict[str, Any]) -> dict[str, Any]:
        return {name: v for name, v in subsets.items() if v.composite is not None}

    recipe = build_recipe(config.recipes, transforms) if config.recipes else None
    source = PairSource(
        photos(learnt),
        merge(list(pairs(learnt).values())),
        recipe,
        config.pair_share,
        config.jitter,
    )
    kinds = {name: build_recipe({name: 1.0}, transforms_aside) for name in config.recipes}
    heldout = HeldOut.make(
        photos(aside), kinds, pairs(aside), config.heldout_pairs, _generator(config, 2**19)
    )
    return source, heldout, {name: len(images) for name, images in learnt.items()}


def _card(
    config: TrainConfig,
    progress: dict[str, Any],
    health: dict[str, Any],
    subsets: dict[str, int],
    command: str,
) -> dict[str, Any]:
    return {
        "trained_on": subsets,
        "recipes": config.recipes,
        "figures": health,
        "training": {
            "command": command,
            "seed": config.seed,
            "rounds": progress["round"],
            "seconds": round(progress["seconds"]),
            "torch": torch.__version__,
            "config": dataclasses.asdict(config),
        },
    }


def _generator(config: TrainConfig, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(config.seed * _STREAMS + stream)


def _same_config(config: TrainConfig, output: Path) -> None:
    before = TrainConfig.load(output / "config.json")
    changed = [
        f"{field.name} was {getattr(before, field.name)!r}, now {getattr(config, field.name)!r}"
        for field in dataclasses.fields(config)
        if getattr(before, field.name) != getattr(config, field.name)
    ]
    if changed:
        raise ValueError(f"{output} was trained with other settings: {'; '.join(changed)}.")


def _out_of_patience(config: TrainConfig, progress: dict[str, Any]) -> bool:
    return config.patience is not None and progress["waited"] >= config.patience


def _fabric(accelerator: str, devices: int | str) -> Any:
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise ImportError(
            "training needs Lightning Fabric; install it with: pip install 'harmaug[train]'"
        ) from None
    fabric = Fabric(accelerator=accelerator, devices=devices)
    fabric.launch()
    return fabric


class _Log:
    """A line of JSON a round, and TensorBoard events if asked for."""

    def __init__(self, output: Path, rounds: int, tensorboard: bool, active: bool) -> None:
        self._path = output / "log.jsonl"
        self._board = None
        if not active:
            return
        # What an interrupted round wrote after its last state is written again.
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        kept = [line for line in lines if json.loads(line)["round"] <= rounds]
        with atomic_write(self._path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept))
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(output / "tensorboard", purge_step=rounds + 1)

    def write(self, figures: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(figures) + "\n")
        if self._board is not None:
            for name, value in figures.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(name, value, figures["round"])

    def close(self) -> None:
        if self._board is not None:
            self._board.close()
