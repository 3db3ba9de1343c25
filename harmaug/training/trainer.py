"""Training of a net: rounds of pairs, steps of a conditional VAE, figures, and all its files."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from harmaug.checkpoints import open_checkpoint, save_checkpoint
from harmaug.io.atomic import atomic_write
from harmaug.nets import LutNet
from harmaug.training.config import TrainConfig
from harmaug.training.data import read_data
from harmaug.training.features import Features, calibrate, calibration_features, draw_features
from harmaug.training.heldout import Figures, measure, write_sample_sheet
from harmaug.training.losses import Reconstruction, kl_divergence, reconstruction_loss
from harmaug.training.net import build_net
from harmaug.training.progress import Log, Progress, load_state, save_state
from harmaug.training.spread import fit_spread

Accelerator = Literal["auto", "cpu", "cuda", "mps"]


def train(
    config: TrainConfig,
    output: str | os.PathLike[str],
    *,
    resume: bool = False,
    accelerator: Accelerator = "auto",
    devices: int | Literal["auto"] = 1,
    tensorboard: bool = False,
    card: Mapping[str, str] | None = None,
) -> LutNet:
    """Train a net, and write its checkpoint, log, figures and sample sheets to a folder.

    Args:
        config: all settings.
        output: folder for ``model.safetensors`` and its card ``model.json``, ``config.json``,
            ``log.jsonl``, ``state.safetensors`` and ``samples/``; all processes must see it.
        resume: continue the interrupted training in ``output``.
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: number of devices, or "auto".
        tensorboard: write TensorBoard events too.
        card: further entries of the card, such as name (else that of the folder), licence, note.

    Returns:
        The trained net, calibrated, in eval: the last, or with patience the best.

    Raises:
        ValueError: settings, data or devices do not allow a training, or it diverged.
        FileExistsError: the folder holds a training or a checkpoint.
        FileNotFoundError: there is nothing to resume, or data are absent.
    """
    output = Path(output)
    config = _check_output(config, output, resume)
    fabric = _fabric(config, accelerator, devices, tensorboard)
    card = {"name": output.resolve().name} | dict(card or {})
    Trainer(config, output, fabric, card).run(resume, tensorboard)
    return open_checkpoint(output)[0]


class Trainer:
    """A training: its data, net and optimizer, its progress, and the files that it writes.

    ``config`` is complete, ``fabric`` a launched Lightning Fabric, ``about`` goes on the card.
    """

    def __init__(self, config: TrainConfig, output: Path, fabric: Any, about: Mapping[str, str]):
        self.config, self.output, self.fabric, self.about = config, output, fabric, about
        self.state = output / "state.safetensors"
        self.progress = Progress()
        # All that can be wrong with the input is found here, before the first file is written.
        self.source, self.heldout, self.samples = read_data(config, fabric.is_global_zero)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            self.net = build_net(config, self.source)
        others = [p for p in self.net.parameters() if p is not self.net.basis and p.requires_grad]
        self.optimizer = torch.optim.Adam([{"params": others}, {"params": [self.net.basis]}])
        self.module, self.stepper = fabric.setup(Reconstruction(self.net), self.optimizer)

    def run(self, resume: bool, tensorboard: bool) -> None:
        """Train round after round until the last, or until patience ends."""
        config, leader = self.config, self.fabric.is_global_zero
        if resume:  # the net is on its device by now, where the optimizer's state must go
            self.progress = load_state(self.state, self.net, self.optimizer)
        done, hidden = self.progress.round, None if leader else True
        bar = tqdm(total=config.rounds, initial=done, desc="train", unit="round", disable=hidden)
        if leader:  # the one process that measures and writes
            self.output.mkdir(parents=True, exist_ok=True)
            if not resume:
                with atomic_write(self.output / "config.json") as temporary:
                    config.save(temporary)
            log = Log(self.output, done, tensorboard)
            calibration = calibration_features(config, self.net, self.source)
            if config.init is not None and not resume:  # what the training must improve on
                if self.net.spatial and not self.net.spread.any():  # a new spatial part
                    self.net.eval()
                    generator = config.generator("calibration")
                    fit_spread(self.net, calibration[0], generator, config.spatial or 0.0)
                figures = asdict(self.validate())
                log.write(asdict(self.progress) | figures)
        while True:
            # Only the leader has measured, and all must stop together.
            progress = self.progress = self.fabric.broadcast(self.progress)
            if progress.round == config.rounds or 0 < config.patience <= progress.waited:
                break
            start = time.perf_counter()
            progress.round += 1
            losses = self.train_round()
            progress.seconds += time.perf_counter() - start
            if leader:
                figures = {}
                if progress.round % config.validate_every == 0 or progress.round == config.rounds:
                    self.calibrate(*calibration)
                    figures = asdict(self.validate())
                log.write(asdict(progress) | losses | figures)
                save_state(self.state, self.net, self.optimizer, progress)
            bar.set_postfix(loss=f"{losses['reconstruction']:.3f}", kl=f"{losses['kl']:.1f}")
            bar.update()
        bar.close()
        if leader:
            log.close()

    def train_round(self) -> dict[str, float]:
        """Draw the pairs of a round and train on them; return mean losses of the last pass."""
        config, fabric, number = self.config, self.fabric, self.progress.round
        pairs, generator = (config.generator(purpose, number) for purpose in ("pairs", "steps"))
        drawn = draw_features(self.net, self.source, config.round_pairs, config.pixels, pairs)
        features = [values.to(fabric.device) for values in drawn]
        self.module.train()
        steps = config.round_pairs // config.batch
        share = config.batch // fabric.world_size
        mine = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share)
        losses = torch.zeros(2, device=fabric.device)
        for step in range(config.passes * steps):
            if step % steps == 0:
                order = torch.randperm(config.round_pairs, generator=generator).to(fabric.device)
            # Both learning rates rise, then fall as a cosine; the weight of the divergence rises.
            done = (number - 1 + step / (config.passes * steps)) / config.rounds
            warm = done / max(config.warmup, 1e-9)
            rate = min(1.0, warm + 0.01) * (1 + math.cos(math.pi * done)) / 2
            self.optimizer.param_groups[0]["lr"] = config.learning_rate * rate
            self.optimizer.param_groups[1]["lr"] = config.basis_learning_rate * rate
            # Each process draws for all and takes its share: any number gives the same training.
            noise = torch.randn(config.batch, self.net.code_dim, generator=generator)
            noise = noise[mine].to(fabric.device)
            rows = order[step % steps * config.batch :][: config.batch][mine]
            condition, change, real, composite = (values[rows] for values in features[:4])
            rebuilt, mean, log_variance = self.module(condition, change, real, noise)
            reconstruction = reconstruction_loss(rebuilt, composite)
            kl = kl_divergence(mean, log_variance).sum()
            self.stepper.zero_grad()
            fabric.backward(reconstruction + config.kl_weight * min(1.0, warm) * kl)
            fabric.clip_gradients(self.module, self.stepper, max_norm=5.0, error_if_nonfinite=False)
            self.stepper.step()
            if step >= (config.passes - 1) * steps:
                losses += torch.stack((reconstruction, kl)).detach() / steps
        losses = fabric.all_reduce(losses)
        if not all(values.isfinite().all() for values in (losses, *self.module.parameters())):
            raise ValueError(
                f"the training diverged in round {number}: its loss is no longer finite. Train "
                "again with a lower learning rate."
            )
        return {"reconstruction": losses[0].item(), "kl": losses[1].item()}

    def calibrate(self, fitted: Features, aside: Features | None) -> None:
        """Fit the prior to training pairs, and put the net in eval."""
        generator = self.config.generator("calibration")
        calibrate(self.net, fitted, aside, generator)
        if self.net.spatial:
            fit_spread(self.net, fitted, generator, self.config.spatial or 0.0)

    def validate(self) -> Figures:
        """Measure the calibrated net and save it; with patience save only a better one."""
        progress = self.progress
        figures = measure(self.net, self.heldout, self.config.generator("figures"))
        better = progress.best is None or figures.score < progress.best
        progress.waited = 0 if better else progress.waited + 1
        if better:
            progress.best = figures.score
        if better or not self.config.patience:
            save_checkpoint(self.output / "model.safetensors", self.net, self.card(figures))
        sheet = self.output / "samples" / f"{progress.round:04d}.png"
        write_sample_sheet(self.net, self.heldout, sheet)
        return figures

    def card(self, figures: Figures) -> dict[str, Any]:
        """Return the card of the checkpoint; it names no place of this machine."""
        settings = asdict(self.config)
        for name in ("data", "transforms"):
            settings[name] = [_last_part(path) for path in settings[name]]
        for name in ("init", "basis"):
            settings[name] = settings[name] and _last_part(settings[name])
        return dict(self.about) | {
            "trained_on": self.samples,
            "recipes": self.config.recipes,
            "figures": asdict(figures),
            "training": {
                "seed": self.config.seed,
                "rounds": self.progress.round,
                "seconds": round(self.progress.seconds),
                "torch": torch.__version__,
                "config": settings,
            },
        }


def _last_part(name: str) -> str:
    return os.path.basename(os.path.abspath(name)) if os.path.exists(name) else name


def _check_output(config: TrainConfig, output: Path, resume: bool) -> TrainConfig:
    """Return the complete settings; raise where the folder does not allow this training."""
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"{output} is a file; choose a folder to write to.")
    trained = (output / "state.safetensors").exists()
    if resume and not trained:
        raise FileNotFoundError(f"{output} holds no training to resume; start one without resume.")
    if trained and not resume:
        raise FileExistsError(f"{output} holds a training; resume it or choose another folder.")
    if not resume and (output / "model.safetensors").exists():
        raise FileExistsError(f"{output} holds a checkpoint; choose another folder.")
    config = config.complete()
    if resume:
        now, before = asdict(config), asdict(TrainConfig.load(output / "config.json"))
        changed = [f"{k} was {before[k]!r}, now {now[k]!r}" for k in now if now[k] != before[k]]
        if changed:
            raise ValueError(f"{output} was trained with other settings: {'; '.join(changed)}.")
        for stale in output.glob(f".{'[0-9a-f]' * 16}.*"):  # of atomic writes that were killed
            stale.unlink(missing_ok=True)
    return config


def _fabric(
    config: TrainConfig, accelerator: Accelerator, devices: int | str, tensorboard: bool
) -> Any:
    wanted = ["lightning_fabric"] + ["tensorboard"] * tensorboard
    if missing := [name for name in wanted if importlib.util.find_spec(name) is None]:
        raise ImportError(
            f"training needs {', '.join(missing)}; install it with: pip install 'harmaug[train]'."
        )
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        fabric = Fabric(accelerator=accelerator, devices=devices, precision=config.precision)
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        raise ValueError(f"cannot train on {devices} of {accelerator!r}: {error}") from error
    fabric.launch()
    if config.batch % fabric.world_size:
        raise ValueError(
            f"batch must be a multiple of the {fabric.world_size} devices, got {config.batch}."
        )
    return fabric
