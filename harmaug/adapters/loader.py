"""AugmentedLoader: synthetic composites for the batches of any loader."""

from __future__ import annotations

import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader, IterableDataset

from harmaug.adapters.amount import AUTO, Probability, check_probability, probability
from harmaug.adapters.batch import AugmentBatch, Mode
from harmaug.adapters.containers import is_sequence
from harmaug.adapters.fields import Fields
from harmaug.adapters.prefetch import check_prefetch, one_ahead
from harmaug.adapters.routing import Augmenters, Route, each
from harmaug.adapters.streams import fold, rank

_OWN = ("_loader", "_interleaved", "_prefetch", "_batch", "_epoch")
# Modules whose functions build a new loader of a loader's attributes, past any wrapper.
_REBUILDERS = ("accelerate.data_loader", "ray.train.torch.train_loop_utils")
# Attributes under which loaders, samplers and datasets hold further ones.
_INNER = ("sampler", "batch_sampler", "samplers", "dataset", "datasets", "loader", "dataloader")


class AugmentedLoader:
    """Wraps any iterable of batches and replaces composites by synthetic ones.

    Wrap the training loader only. The work is done in the process that iterates, on the
    augmenter's device. ``len``, ``.sampler``, ``.dataset`` and every other attribute are those of
    the wrapped loader, to read and to set. A method that returns the loader, a new loader or an
    iterator of batches returns it wrapped.

    Args:
        loader: a DataLoader or any other iterable of batches.
        augment: the augmenter; several in a list, of which each sample takes one at random; or
            several by name, one a domain.
        fields: layout of a batch: ``Fields(...)`` or ``Fields.preset(host)``.
        p: share of synthetic composites; in the mode "replace" and "append", the probability for
            each sample. "auto" takes `default_amount` of the length of the loader's dataset.
        mode: "replace": each composite becomes synthetic with probability p. "append": each
            sample comes once more, with a synthetic composite, with probability p. "interleave":
            a share p of the batches, evenly spread, is followed by its synthetic twin; ``len``
            grows by as much.
        seed: draw from an own stream for each rank and epoch; None draws from torch's global
            generator. Epochs are counted from 0, or set by `set_epoch`: a loader that is wrapped
            anew each epoch draws the same again unless the host calls `set_epoch`.
        prefetch: 1 makes the next batch while the model trains on this one, on a GPU, in a stream
            beside the model's. With a seed the batches are the same; without, the same in
            distribution, for latents are drawn a batch earlier. On a CPU it changes nothing.
        route, strength, spatial, candidates, drift, device: as for `AugmentBatch`.
    """

    def __init__(
        self,
        loader: Iterable[Any],
        augment: Augmenters,
        fields: Fields,
        p: Probability = 0.5,
        mode: Mode | Literal["interleave"] = "replace",
        *,
        route: Route | None = None,
        seed: int | None = None,
        strength: float = 1.0,
        spatial: float = 1.0,
        candidates: int | None = None,
        drift: float = 0.0,
        device: torch.device | str | None = None,
        prefetch: int = 0,
    ) -> None:
        if not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
            raise TypeError(f"loader must be an iterable of batches, got {type(loader).__name__}.")
        if mode not in ("replace", "interleave", "append"):
            raise ValueError(f"mode must be 'replace', 'interleave' or 'append', got {mode!r}.")
        check_probability(p)
        check_prefetch(prefetch)
        if p == AUTO:
            p = probability(p, getattr(loader, "dataset", None))
        # Names of its own begin with an underscore: all others belong to the wrapped loader.
        self._loader = loader
        self._interleaved = mode == "interleave"
        self._prefetch = prefetch
        self._batch = AugmentBatch(
            augment,
            fields,
            p,
            "replace" if mode == "interleave" else mode,
            route=route,
            seed=seed,
            strength=strength,
            spatial=spatial,
            candidates=candidates,
            drift=drift,
            device=device,
        )
        self._epoch = 0

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._loader)  # here, not at the first batch: workers start as they would
        return self._augmented(batches, self._next_generator())

    def _next_generator(self) -> torch.Generator | None:
        """Return the generator of this epoch and count it; None for torch's global one."""
        seed = self._batch.stream.seed
        generator = None if seed is None else fold(seed, rank(), self._epoch)
        self._epoch += 1
        return generator

    def _augmented(
        self, batches: Iterator[Any], generator: torch.Generator | None
    ) -> Iterator[Any]:
        made, device = self._made(batches, generator), self._device()
        return one_ahead(made, device) if self._prefetch and device.type == "cuda" else made

    def _device(self) -> torch.device:
        """Return the device that batches are moved to, or else that of the first augmenter."""
        device, augmenters = self._batch.device, each(self._batch.augment)
        return augmenters[0].device if device is None else torch.device(device)

    def _made(self, batches: Iterator[Any], generator: torch.Generator | None) -> Iterator[Any]:
        for count, batch in enumerate(batches):
            if not self._interleaved:
                yield self._batch.draw(batch, generator)
                continue
            yield batch
            if self._twins(count + 1) > self._twins(count):
                yield self._batch.draw(batch, generator, everything=True)

    def _twins(self, batches: int) -> int:
        """Return the number of synthetic twins after so many batches."""
        p = probability(self._batch.p)
        return int(batches * p + 1e-9)  # 3 * (1 / 3) is one, whatever rounding says

    def __len__(self) -> int:
        length = len(self._loader)  # type: ignore[arg-type]
        return length + self._twins(length) if self._interleaved else length

    def __bool__(self) -> bool:
        return bool(self._loader)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the seeded stream, of the wrapped loader and of its samplers."""
        self._epoch = epoch
        if hasattr(self._loader, "set_epoch"):
            self._loader.set_epoch(epoch)
            return
        for inner in _parts(self._loader):
            if hasattr(inner, "set_epoch"):
                inner.set_epoch(epoch)

    def __getattr__(self, name: str) -> Any:
        if name == "_loader" or name.startswith("__"):  # not there yet while being unpickled
            raise AttributeError(name)
        if name == "collate_fn":
            _refuse_rebuilding(sys._getframe(1).f_globals.get("__name__", ""))
        value = getattr(self._loader, name)
        if inspect.ismethod(value) and value.__self__ is self._loader:
            return self._wrapping(value)
        if is_sequence(value) and any(isinstance(item, DataLoader) for item in value):
            raise RuntimeError(
                f"{name} of the wrapped loader holds several loaders, which would be bare; wrap "
                "the training one before they are combined."
            )
        return self._around(value) if isinstance(value, DataLoader) else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self._loader, name, value)

    def _wrapping(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the loader's method; a result that is a loader or a batch is augmented."""

        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if result is self._loader:
                return self
            if isinstance(result, Iterator):
                return self._augmented(result, self._next_generator())
            if isinstance(result, (DataLoader, IterableDataset, type(self._loader))):
                return self._around(result)
            if is_sequence(result) and any(isinstance(item, DataLoader) for item in result):
                raise RuntimeError(
                    f"{method.__name__}() of the wrapped loader returns several loaders, which "
                    "would be bare; call it on the bare loader and wrap the training one."
                )
            if self._batch.fits(result):
                return self._batch.draw(result, self._next_generator())
            return result

        return call

    def _around(self, loader: Any) -> AugmentedLoader:
        """Return another loader wrapped as this one is."""
        wrapped = copy.copy(self)
        wrapped._loader = loader
        return wrapped

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._loader!r}, p={self._batch.p})"


def _parts(loader: Any) -> Iterator[Any]:
    """Yield the loaders, samplers and datasets inside a loader, at any depth; each once."""
    found: dict[int, Any] = {}
    waiting = [loader]
    while waiting:
        outer = waiting.pop()
        for name in _INNER:
            inner: Any = getattr(outer, name, None)
            for part in inner if is_sequence(inner) else [inner]:
                if part is not None and id(part) not in found:
                    found[id(part)] = part
                    waiting.append(part)
    yield from found.values()


def _refuse_rebuilding(module: str) -> None:
    if module in _REBUILDERS:
        raise RuntimeError(
            f"{module} would rebuild this loader without its augmentation; give it the bare "
            "loader and wrap the result: "
            "AugmentedLoader(accelerator.skip_first_batches(loader, n), aug, fields)."
        )
