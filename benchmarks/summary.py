"""Print a table of speed and draw the chart of the page on it, from the files in results/.

    python benchmarks/summary.py [--results benchmarks/results]

The chart is speed.svg beside the results. Peers that are faster are shown too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

PLANAR, BYTES = "float32, planar: ", "8 bit: "
# Name in the chart -> name in lut_forward.json, and whether it is harmaug.
BARS = {
    "harmaug, one of 8 LUTs": (f"{PLANAR}harmaug, 8 LUTs", True),
    "copy of the image": (f"{PLANAR}copy", False),
    "harmaug": (f"{PLANAR}harmaug", True),
    "FFmpeg lut3d, tetrahedral": (f"{PLANAR}FFmpeg lut3d tetrahedral", False),
    "OpenColorIO, tetrahedral": (f"{PLANAR}OpenColorIO tetrahedral", False),
    "OpenColorIO, tetrahedral, RGBA": (f"{PLANAR}OpenColorIO tetrahedral, RGBA", False),
    "OpenColorIO": (f"{PLANAR}OpenColorIO trilinear", False),
    "FFmpeg lut3d": (f"{PLANAR}FFmpeg lut3d trilinear", False),
    "grid_sample": (f"{PLANAR}grid_sample", False),
    "torch.compile": (f"{PLANAR}torch.compile of the reference", False),
    "harmaug, 8 bit": (f"{BYTES}harmaug, packed", True),
    "Pillow, 8 bit": (f"{BYTES}Pillow Color3DLUT", False),
}


def rows(results: Path) -> list[tuple[str, float, list[tuple[str, float]]]]:
    """Return rows of case, harmaug's milliseconds, and peers with multiples of that time."""
    forward, masked, backward = (
        _figures(results, name) for name in ("lut_forward", "composite_masked", "lut_backward")
    )
    found = []
    for title, start, base in (
        ("float32, forward", PLANAR, "harmaug"),
        ("8 bit, packed", BYTES, "harmaug, packed"),
    ):
        peers = [
            (name.removeprefix(start).replace(", RGBA", " (RGBA)"), one["times"])
            for name, one in forward.items()
            if name.startswith(start) and "harmaug" not in name and not name.endswith("clone")
        ]
        found.append((title, forward[start + base]["median"], sorted(peers, key=lambda p: p[1])))
    many, one = (forward[f"{PLANAR}{name}"]["median"] for name in ("harmaug, 8 LUTs", "harmaug"))
    found.insert(1, ("8 LUTs of an image, each", many, [("one LUT alone", one / many)]))
    tenth = masked["foreground 10 %"]
    found.append(
        ("foreground of 10 %", tenth["median"], [("copy of the image", 1 / tenth["times copy"])])
    )
    case = backward["1 x 1920x1080, 17 nodes: LUT and image"]
    found.append(
        ("backward, LUT and image", case["harmaug"]["median"], [("grid_sample", case["times"])])
    )
    return found


def table(results: Path) -> str:
    """Return the table in Markdown."""
    lines = ["| 1920x1080, 17 nodes, one thread | harmaug, ms | peers |", "|---|---|---|"]
    for case, milliseconds, peers in rows(results):
        cells = ", ".join(f"{name} {times:.2g}" for name, times in peers)
        lines.append(f"| {case} | {milliseconds:.2g} | {cells} |")
    return "\n".join(lines)


def chart(results: Path) -> Path:
    """Draw bars of milliseconds on a logarithmic axis; return the file."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "harmaug", "font.size": 9})
    figures = _figures(results, "lut_forward")
    bars = {name: (figures[key]["median"], own) for name, (key, own) in BARS.items()}
    ordered = sorted(bars.items(), key=lambda item: -item[1][0])
    names, values = [name for name, _ in ordered], [value for _, (value, _) in ordered]
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    colours = ["#d1495b" if own else "#9aa5b1" for _, (_, own) in ordered]
    axes.barh(names, values, color=colours)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlim(1, 2 * max(values))
    for row, value in enumerate(values):
        axes.text(1.04 * value, row, f"{value:.2g}" if value < 100 else f"{value:.0f}", va="center")
    axes.set_title("a 3D LUT on a 1920x1080 picture, one thread, milliseconds", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    path = results / "speed.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def _figures(results: Path, name: str) -> dict[str, Any]:
    return json.loads((results / f"{name}.json").read_text("utf-8"))["figures"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    results = Path(__file__).with_name("results")
    parser.add_argument("--results", type=Path, default=results, help="folder of results")
    options = parser.parse_args()
    print(table(options.results))
    print(f"\nwrote {chart(options.results)}")


if __name__ == "__main__":
    main()
