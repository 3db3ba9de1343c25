"""``harmaug fit-luts``: fit a LUT basis to a collection of colour transforms."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmaug.cli.arguments import (
    Commands,
    add_command,
    check_outputs,
    count,
    number,
    seed,
    whole,
    whole_number,
)
from harmaug.io.tables import text_table

if TYPE_CHECKING:
    from torch import Tensor

_HELDOUT_RENDERINGS = 60  # at most, of each kind


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "fit-luts",
        "fit a LUT basis to a collection of looks and colour maps",
        "  harmaug fit-luts looks/ -o basis.safetensors\n"
        "  harmaug fit-luts looks/ maps.npz --photos data/ -k 32 -o basis.safetensors",
        "Sources are LUT files (.cube, .3dl, .csp, .spi1d, .spi3d), Hald images (.png, .tif), "
        ".npz archives (luts, maps, to_standard and from_standard), or folders of them. Convex "
        "mixtures of the basis come near every LUT of the collection. The error on held-out LUTs "
        "is printed, and written to a .json file beside the basis. harmaug train --basis starts "
        "from it.",
    )
    parser.add_argument("sources", metavar="SOURCE", type=Path, nargs="+", help="file or folder")
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", type=_safetensors, required=True, help="file to write")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument(
        "--photos",
        metavar="ROOT",
        type=Path,
        nargs="+",
        help="folders in the iHarmony4 layout; colours that are common in their photos count more",
    )
    for name, kind, default, text in (
        ("-k", count, 32, "LUTs of the basis"),
        ("--lut-size", whole_number(3, 65), 17, "nodes an axis of the LUTs"),
        ("--renderings", whole, 250, "LUTs rendered of lights, white balance and tone curves each"),
        ("--holdout", _share, 0.1, "share of the collection that is held out to measure on"),
        ("--smoothness", number, 1e-5, "weight of the squared second differences of the LUTs"),
        ("--stretch", number, 1.25, "exaggerate the collection by this factor while fitting"),
        ("--steps", count, 4000, "steps of Adam"),
        ("--seed", seed, 0, "of all random numbers"),
    ):
        text = f"{text} (default: {default})"
        parser.add_argument(name, type=kind, default=default, metavar="N", help=text)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import safetensors.torch
    import torch

    from harmaug.io.atomic import atomic_write
    from harmaug.recipes import read_transforms, transform_files
    from harmaug.training.basis import collect, colour_usage, fit_basis

    card = options.output.with_suffix(".json")
    files = transform_files(options.sources)
    check_outputs([options.output, card], options.force, files)
    transforms, aside = read_transforms(options.sources, options.lut_size), None
    usage = colour_usage(options.photos, options.lut_size) if options.photos else None
    generator = torch.Generator().manual_seed(options.seed)
    if options.holdout:
        transforms, aside = transforms.split(round(1 / options.holdout))
    learnt = collect(transforms, options.lut_size, options.renderings, generator)
    few = min(options.renderings, _HELDOUT_RENDERINGS)
    heldout = collect(aside, options.lut_size, few, generator) if aside is not None else {}

    start = time.perf_counter()
    collection = torch.cat(list(learnt.values()))
    basis = fit_basis(
        collection,
        options.k,
        usage=usage,
        smoothness=options.smoothness,
        stretch=options.stretch,
        steps=options.steps,
        generator=generator,
    )
    seconds = round(time.perf_counter() - start)
    figures = _figures(basis, collection, heldout, usage)
    record = {
        "basis": list(basis.shape),
        "command": options.typed,
        "seed": options.seed,
        "seconds": seconds,
        "sources": [{"file": path.name, "terms": "unknown"} for path in files],
        "photos": [path.name for path in options.photos or ()],
        "learnt from": {kind: len(luts) for kind, luts in learnt.items()},
        "figures": figures,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(options.output) as temporary:
        safetensors.torch.save_file({"basis": basis.contiguous()}, temporary)
    with atomic_write(card) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if figures:
        print("median RMSE of held-out LUTs, in levels of 255")
        header = ["colours", "kind", "number", "identity", f"PCA of rank {options.k - 1}"]
        rows = [[str(value) for value in row.values()] for row in figures]
        print(text_table([[*header, "this basis"], *rows]))
    print(f"Wrote {options.k} LUTs of {options.lut_size}^3 to {options.output}, figures to {card}.")


def _figures(
    basis: Tensor, collection: Tensor, heldout: dict[str, Tensor], usage: Tensor | None
) -> list[dict[str, Any]]:
    """Return the median RMSE of held-out LUTs by kind: unchanged, by PCA and by the basis."""
    from harmaug.lut import identity_lut
    from harmaug.training.basis import lut_rmse, subspace_rmse

    neutral = identity_lut(basis.shape[-1]).unsqueeze(0)
    weights = {"all alike": None} | ({} if usage is None else {"as photos use them": usage})
    figures = []
    for colours, used in weights.items():
        for kind, luts in heldout.items():
            errors = {
                "identity": lut_rmse(neutral, luts, used),
                "pca": subspace_rmse(collection, luts, len(basis) - 1, used),
                "basis": lut_rmse(basis, luts, used),
            }
            medians = {name: round(rmse.median().item(), 2) for name, rmse in errors.items()}
            figures.append({"colours": colours, "kind": kind, "number": len(luts), **medians})
    return figures


def _safetensors(text: str) -> Path:
    if Path(text).suffix != ".safetensors":
        raise argparse.ArgumentTypeError(f"expected a .safetensors file, got {text!r}")
    return Path(text)


def _share(text: str) -> float:
    share = number(text)
    if share > 0.5:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 0.5, got {text!r}")
    return share
