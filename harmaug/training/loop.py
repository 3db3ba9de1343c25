"""Training SycoNet: rounds of pairs, the conditional VAE's step, figures, and a safe way back."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.io.atomic import atomic_write
from harmaug.nets import LutNet
from harmaug.training.config import TrainConfig
from harmaug.training.health import HeldOut, calibrate, measure
from harmaug.training.log import Log
from harmaug.training.losses import (
    Reconstruction,
    kl_divergence,
    reconstruction_loss,
)
from harmaug.training.observe import observe, observe_for_prior
from harmaug.training.samples import write_samples
from harmaug.training.start import build_net, read_data, stream
from harmaug.training.state import load_state, save_state


def train(
    config: TrainConfig,
    output: Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int | str = 1,
    tensorboard: bool = False,
    about: Mapping[str, Any] | None = None,
) -> LutNet:
    """Train a generator and leave its checkpoint, log, figures and sample sheets in a folder.

    Args:
        config: all settings.
        output: folder for ``model.safetensors`` and its card, ``config.json``, ``log.jsonl``,
            ``state.safetensors`` and ``samples/``; all processes must see the same one.
        resume: go on from the state in ``output`` after an interruption.
        accelerator: "auto", "cpu", "cuda" or another of Lightning Fabric's.
        devices: how many, or "auto".
        tensorboard: write TensorBoard events too.
        about: what else the card says: name, licence, note, command.

    Returns:
        The trained net, calibrated, in eval: the last, or with patience the best.
    """
    state_path = output / "state.safetensors"
    _check_output(config, output, resume)
    fabric = _fabric(config, accelerator, devices, tensorboard)
    if config.batch % fabric.world_size:
        raise ValueError(
            f"batch must be a multiple of the {fabric.world_size} devices, got {config.batch}."
        )
    # All that can be wrong with the input is found before the first file is written.
    source, heldout, subsets = read_data(config, progress=fabric.is_global_zero)
    torch.manual_seed(config.seed)
    net = build_net(config, source)
    optimizer = torch.optim.Adam(
        [
            {"params": [p for p in net.parameters() if p is not net.basis and p.requires_grad]},
            {"params": [net.basis]},
        ]
    )
    module, stepper = fabric.setup(Reconstruction(net), optimizer)
    progress: dict[str, Any] = {"round": 0, "seconds": 0.0, "best": None, "waited": 0}
    if resume:  # on its device by now, where the optimizer's state must go
        progress |= load_state(state_path, net, optimizer)
    log = None
    if fabric.is_global_zero:
        output.mkdir(parents=True, exist_ok=True)
        if not resume:
            with atomic_write(output / "config.json") as temporary:
                config.save(temporary)
        log = Log(output, progress["round"], tensorboard)
        if config.init is not None and not resume:  # what the training must improve on
            figures = _validate(config, net.eval(), heldout, progress, output, subsets, about)
            log.write(progress | figures)
        calibration = observe_for_prior(config, net, source)
    progress = fabric.broadcast(progress)

    bar = tqdm(
        total=config.rounds,
        initial=progress["round"],
        desc="train",
        unit="round",
        disable=None if fabric.is_global_zero else True,
    )
    while progress["round"] < config.rounds and not _out_of_patience(config, progress):
        start = time.perf_counter()
        progress["round"] += 1
        numbers = stream(config, 2 * progress["round"])
        seen = observe(config, net, source, config.round_pairs, numbers)
        figures = _train_round(config, progress["round"], seen, module, stepper, fabric)
        progress["seconds"] += time.perf_counter() - start
        if log is not None:
            last = progress["round"] == config.rounds
            if last or progress["round"] % config.validate_every == 0:
                calibrate(net, *calibration, stream(config, 0))
                figures |= _validate(config, net, heldout, progress, output, subsets, about)
            log.write(progress | figures)
            save_state(state_path, net, optimizer, progress)
        # Only the first process has taken figures, and all must stop together.
        progress = fabric.broadcast(progress)
        bar.set_postfix(loss=f"{figures['reconstruction']:.3f}", kl=f"{figures['kl']:.1f}")
        bar.update()
    bar.close()
    if log is not None:
        log.close()
    return open_checkpoint(output)[0]


def _train_round(
    config: TrainConfig,
    number: int,
    seen: list[Tensor],
    module: Any,
    stepper: Any,
    fabric: Any,
) -> dict[str, float]:
    """Train on a round's pairs as `observe` sees them; figures are means over the last pass."""
    generator = stream(config, 2 * number + 1)
    seen = [values.to(fabric.device) for values in seen]
    module.train()
    steps = config.round_pairs // config.batch
    share = config.batch // fabric.world_size
    mine = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
    figures = torch.zeros(2, device=fabric.device)
    for step in range(config.passes * steps):
        if step % steps == 0:
            order = torch.randperm(config.round_pairs, generator=generator).to(fabric.device)
        done = (number - 1 + step / (config.passes * steps)) / config.rounds
        _set_rates(config, stepper.optimizer, done)
        first = step % steps * config.batch
        # Every process draws what all need and takes its share: one process or many, one curve.
        noise = torch.randn(config.batch, module.module.net.latent_dim, generator=generator)
        rows = order[first : first + config.batch][mine]
        condition, change, colours, wanted = (values[rows] for values in seen)
        rebuilt, mean, log_variance = module(
            condition, change, colours, noise[mine].to(fabric.device)
        )
        reconstruction = reconstruction_loss(rebuilt, wanted)
        kl = kl_divergence(mean, log_variance).sum()
        weight = config.kl_weight * min(1.0, done / max(config.warmup, 1e-9))
        stepper.zero_grad()
        fabric.backward(reconstruction + weight * kl)
        fabric.clip_gradients(module, stepper, max_norm=5.0, error_if_nonfinite=False)
        stepper.step()
        if step >= (config.passes - 1) * steps:
            figures += torch.stack((reconstruction, kl)).detach() / steps
    figures = fabric.all_reduce(figures)
    if not all(values.isfinite().all() for values in (figures, *module.parameters())):
        raise ValueError(
            f"the training diverged in round {number}: its loss is no longer finite. Train again "
            "with a lower learning rate."
        )
    return {"reconstruction": figures[0].item(), "kl": figures[1].item()}


def _set_rates(config: TrainConfig, optimizer: torch.optim.Optimizer, done: float) -> None:
    shape = min(1.0, done / max(config.warmup, 1e-9) + 0.01) * (1 + math.cos(math.pi * done)) / 2
    peaks = (config.learning_rate, config.basis_learning_rate)
    for group, peak in zip(optimizer.param_groups, peaks, strict=True):
        group["lr"] = peak * shape


def _validate(
    config: TrainConfig,
    net: LutNet,
    heldout: HeldOut,
    progress: dict[str, Any],
    output: Path,
    subsets: dict[str, int],
    about: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Take figures of a calibrated net and save it, or with patience only a better one."""
    figures = measure(net, heldout, stream(config, 1))
    better = progress["best"] is None or figures["score"] < progress["best"]
    progress["waited"] = 0 if better else progress["waited"] + 1
    progress["best"] = figures["score"] if better else progress["best"]
    if better or config.patience is None:
        card = {"name": output.name} | dict(about or {})
        card |= _training_card(config, progress, figures, subsets)
        save_checkpoint(output / "model.safetensors", net, card)
    write_samples(net, heldout, output / "samples" / f"{progress['round']:04d}.png")
    return figures


def _training_card(
    config: TrainConfig,
    progress: dict[str, Any],
    figures: dict[str, Any],
    subsets: dict[str, int],
) -> dict[str, Any]:
    settings = dataclasses.asdict(config)
    for name in ("data", "transforms"):
        settings[name] = [_base(path) for path in settings[name]]
    for name in ("init", "basis"):
        settings[name] = settings[name] and _base(settings[name])
    return {
        "trained_on": subsets,
        "recipes": config.recipes,
        "figures": figures,
        "training": {
            "seed": config.seed,
            "rounds": progress["round"],
            "seconds": round(progress["seconds"]),
            "torch": torch.__version__,
            "config": settings,
        },
    }


def _base(path: str) -> str:
    """The last part of a path: a card does not say where things lay on some machine."""
    return os.path.basename(os.path.abspath(path))


def _out_of_patience(config: TrainConfig, progress: dict[str, Any]) -> bool:
    return config.patience is not None and progress["waited"] >= config.patience


def _check_output(config: TrainConfig, output: Path, resume: bool) -> None:
    exists = (output / "state.safetensors").exists()
    if not resume:
        if exists:
            raise FileExistsError(f"{output} holds a training; resume it or choose another folder.")
        if (output / "model.safetensors").exists():
            raise FileExistsError(f"{output} holds a checkpoint; choose another folder.")
        return
    if not exists:
        raise FileNotFoundError(f"{output} holds no training to resume; start one without resume.")
    for stale in output.glob(f".{'[0-9a-f]' * 16}.*"):  # of atomic writes that were killed
        stale.unlink(missing_ok=True)
    before = TrainConfig.load(output / "config.json")
    changed = [
        f"{field.name} was {getattr(before, field.name)!r}, now {getattr(config, field.name)!r}"
        for field in dataclasses.fields(config)
        if getattr(before, field.name) != getattr(config, field.name)
    ]
    if changed:
        raise ValueError(f"{output} was trained with other settings: {'; '.join(changed)}.")


def _fabric(config: TrainConfig, accelerator: str, devices: int | str, tensorboard: bool) -> Any:
    wanted = ["lightning_fabric"] + ["tensorboard"] * tensorboard
    if missing := [name for name in wanted if importlib.util.find_spec(name) is None]:
        raise ImportError(
            f"training needs {', '.join(missing)}; install it with: pip install 'harmaug[train]'."
        )
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        fabric = Fabric(accelerator=accelerator, devices=devices, precision=config.precision)
    except (RuntimeError, MisconfigurationException) as error:
        raise ValueError(f"cannot train on {devices} of {accelerator!r}: {error}") from error
    fabric.launch()
    return fabric
