"""``harmaug fit-luts``: a LUT basis from a collection of colour transforms."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmaug.cli.arguments import Commands, add_command, check_absent, count, number, seed
from harmaug.io.tables import text_table

if TYPE_CHECKING:
    from torch import Tensor

    from harmaug.training.collection import Collection


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "fit-luts",
        "learn a LUT basis from a collection of looks and colour maps",
        "  harmaug fit-luts looks/ -o basis.safetensors\n"
        "  harmaug fit-luts looks/ maps.npz --photos data/ -k 32 -o basis.safetensors",
        "Sources are .cube files, Hald images (.png, .tif), .npz archives (luts, maps, "
        "to_standard and from_standard), or folders of them. Convex mixtures of the basis come "
        "near every LUT of the collection; the error on what was set aside is printed and "
        "written to a .json file beside the basis. harmaug train --basis starts from it.",
    )
    parser.add_argument("sources", metavar="SOURCE", type=Path, nargs="+", help="file or folder")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=_safetensors,
        required=True,
        help="the .safetensors file to write",
    )
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    parser.add_argument("-k", type=count, default=32, help="LUTs of the basis (default: 32)")
    parser.add_argument(
        "--size", type=_size, default=17, metavar="D", help="nodes an axis (default: 17)"
    )
    parser.add_argument(
        "--photos",
        metavar="ROOT",
        type=Path,
        nargs="+",
        help="folders in the iHarmony4 layout; colours that their photos use count for more",
    )
    parser.add_argument(
        "--renderings",
        type=_whole,
        default=250,
        metavar="N",
        help="LUTs rendered of illuminants, white balance and tone curves, each (default: 250; "
        "0 for none)",
    )
    parser.add_argument(
        "--holdout",
        type=_share,
        default=0.1,
        metavar="SHARE",
        help="share of the collection that is set aside to measure on (default: 0.1)",
    )
    parser.add_argument(
        "--smoothness",
        type=number,
        default=1e-5,
        help="weight of the squared second differences of the LUTs (default: 1e-5)",
    )
    parser.add_argument(
        "--stretch",
        type=number,
        default=1.25,
        help="exaggerate the collection by this factor while fitting, so that its own LUTs lie "
        "well inside what can be mixed (default: 1.25)",
    )
    parser.add_argument("--steps", type=count, default=4000, help="of Adam (default: 4000)")
    parser.add_argument("--seed", type=seed, default=0, help="of all that is drawn (default: 0)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import safetensors.torch
    import torch

    from harmaug.io.atomic import atomic_write
    from harmaug.recipes.transforms import read_transforms, transform_files
    from harmaug.training.basis import fit_basis
    from harmaug.training.collection import collect, colour_usage

    card = options.output.with_suffix(".json")
    check_absent([options.output, card], options.force)
    files = transform_files(options.sources)
    transforms = read_transforms(files, options.size)
    usage = colour_usage(options.photos, options.size) if options.photos else None
    generator = torch.Generator().manual_seed(options.seed)
    every = round(1 / options.holdout) if options.holdout else 0
    collection = collect(transforms, options.size, options.renderings, every, generator)

    start = time.perf_counter()
    fit = fit_basis(
        torch.cat(list(collection.learnt.values())),
        options.k,
        usage=usage,
        smoothness=options.smoothness,
        stretch=options.stretch,
        steps=options.steps,
        generator=generator,
    )
    seconds = round(time.perf_counter() - start)
    figures = _figures(collection, fit.basis, usage)
    record = {
        "basis": list(fit.basis.shape),
        "command": options.typed,
        "seed": options.seed,
        "seconds": seconds,
        "sources": [{"file": path.name, "terms": "unknown"} for path in files],
        "photos": [path.name for path in options.photos or ()],
        "learnt from": {kind: len(luts) for kind, luts in collection.learnt.items()},
        "figures": figures,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(options.output) as temporary:
        safetensors.torch.save_file({"basis": fit.basis.contiguous()}, temporary)
    with atomic_write(card) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    _print_figures(figures, options.k)
    print(f"Wrote {options.k} LUTs of {options.size}^3 to {options.output}, figures to {card}.")


def _figures(collection: Collection, basis: Tensor, usage: Tensor | None) -> list[dict[str, Any]]:
    """Median RMSE of what was set aside, by kind: unchanged, of the PCA and of the basis."""
    import torch

    from harmaug.lut import identity_lut
    from harmaug.training.basis import lut_rmse, subspace_rmse

    learnt = torch.cat(list(collection.learnt.values()))
    neutral = identity_lut(basis.shape[-1]).unsqueeze(0)
    figures = []
    for colours, weights in (("all alike", None), ("as photos use them", usage)):
        if colours != "all alike" and usage is None:
            continue
        for kind, luts in collection.heldout.items():
            errors = {
                "identity": lut_rmse(neutral, luts, weights),
                "pca": subspace_rmse(learnt, luts, len(basis) - 1, weights),
                "basis": lut_rmse(basis, luts, weights),
            }
            medians = {name: round(rmse.median().item(), 2) for name, rmse in errors.items()}
            figures.append({"colours": colours, "kind": kind, "number": len(luts), **medians})
    return figures


def _print_figures(figures: list[dict[str, Any]], k: int) -> None:
    if not figures:
        return
    print("median RMSE of what was set aside, of 255 levels")
    header = ["colours", "kind", "number", "identity", f"PCA of rank {k - 1}", "this basis"]
    print(text_table([header, *([str(value) for value in row.values()] for row in figures)]))


def _safetensors(text: str) -> Path:
    if Path(text).suffix != ".safetensors":
        raise argparse.ArgumentTypeError(f"expected a .safetensors file, got {text!r}")
    return Path(text)


def _size(text: str) -> int:
    if not text.isdecimal() or not 3 <= int(text) <= 65:
        raise argparse.ArgumentTypeError(f"expected a whole number from 3 to 65, got {text!r}")
    return int(text)


def _whole(text: str) -> int:
    return 0 if text == "0" else count(text)


def _share(text: str) -> float:
    share = number(text)
    if share > 0.5:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 0.5, got {text!r}")
    return share
