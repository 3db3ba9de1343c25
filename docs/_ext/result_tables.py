"""Tables of the results' pages, made of the stored figures by the scripts of the benchmarks."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from checkpoint_pages import cards, coverage_table

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RESULTS = BENCHMARKS / "results"

# Rows of the table of gains: title -> training set, with extra photos.
_SETS = {
    "retouch": ("retouch", False),
    "retouch, extra photos": ("retouch", True),
    "colour transfer": ("color-transfer", False),
    "colour transfer, extra photos": ("color-transfer", True),
    "all domains": ("unified", False),
    "all domains, extra photos": ("unified", True),
    "retouch, 2,829 photos": ("all photos", False),
}
# Columns: title -> arm.
_ARMS = {
    "matched filters": "filters-matched",
    "random looks": "looks",
    "`unified`": "unified",
    "without its light": "unlit",
    "finetuned on the pairs": "own-finetuned",
    "domain checkpoint": "domain",
    "true recipe": "recipe",
}
_PAIRS = {
    "hadobe5k_official": "HAdobe5k",
    "hflickr_official": "HFlickr",
    "hday2night_official": "Hday2night, official",
    "hday2night_rebuilt": "Hday2night, rebuilt",
}


def pages() -> dict[str, str]:
    """Return tables and pages by their path below docs."""
    return {
        "results/gains.txt": table(gains()),
        **own_photos(),
        **dense(),
        **hosts(),
        "results/coverage.txt": "\n".join(coverage_table(cards())),
        "results/true-pairs.txt": table(true_pairs()),
        "results/daylight.txt": table(daylight()),
        "results/cameras.txt": table(cameras()),
        "results/speed.txt": table(speed()),
        "results/cases.txt": table(cases()),
        "results/gpu.txt": table(gpu()),
        "results/downstream.md": _report(
            BENCHMARKS / "downstream" / "README.md", "run.py smoke --data DATA"
        ),
        "results/benchmarks.md": _report(BENCHMARKS / "README.md", "lut_forward.py"),
    }


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; the first row is its head."""
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---|" + "---|" * (head.count("|") - 2), *body])


def gains() -> Iterator[list[str]]:
    """Yield gains in PSNR over a training without synthetic composites."""
    proof = downstream()
    results = proof.Results(proof.store.load(proof.store.RESULTS))
    yield ["PSNR over none, dB", *_ARMS]
    for title, (label, extra) in _SETS.items():
        question = proof.MAIN[label]
        base = results.arm(proof.BASE, question)
        cells = [title]
        for arm in _ARMS.values():
            found = results.arm(arm, question, extra)
            if found is None or base is None:
                cells.append("")
                continue
            gain = proof.gain(found, base)[0]
            low, high = gain[1:]
            bold = "**" if low > 0 or high < 0 else ""
            cells.append(f"{bold}{gain.value:+.2f}{bold}")
        yield cells


_OWN_COLUMNS = (0, 1, 2, 3, 6, 7, 8, 9)


def own_photos() -> dict[str, str]:
    """Return the tables of own photos alone by their path below docs."""
    figures = module(BENCHMARKS / "own_photos", "figures")
    records = figures.store.load(figures.RESULTS)
    found = {}
    for harmonizer in ("dense", "colour-map"):
        results = figures.Results(records, harmonizer)
        # A phone's width: what decides, and the kinds; the rest is in the comparison's own table.
        rows = [[row[k] for k in _OWN_COLUMNS] for row in figures.rows(results)]
        found[f"results/own-photos-{harmonizer}.txt"] = table(rows)
        found[f"results/own-photos-{harmonizer}-kinds.txt"] = table(figures.by_kind(results))
    return found


def dense() -> dict[str, str]:
    """Return the tables of the dense harmonizer, one with the small one's, by their path."""
    script = module(BENCHMARKS / "downstream", "dense_tables")
    results = script.Results(script.store.load(script.store.RESULTS))
    both = {way: script.PRETRAINING[way] for way in ("pre-trained", "mixed")}
    return {
        "results/pretraining.txt": table(script.rows(results, "dense", script.PRETRAINING)),
        "results/pretraining-colour-map.txt": table(script.rows(results, "colour-map", both)),
        "results/small-sets-dense.txt": table(script.rows(results, "dense", script.SMALL, [200])),
    }


def hosts() -> dict[str, str]:
    """Return the tables of real codebases by their path below docs."""
    gains = module(BENCHMARKS / "hosts", "gains")
    records = gains.store.load(gains.RESULTS)
    found = {}
    for name, epochs in (("hosts", None), ("hosts-longer", gains.LONGER)):
        rows = list(gains.rows(gains.cases(records, epochs)))
        found[f"results/{name}.txt"] = table(row[:8] for row in rows)
        found[f"results/{name}-fmse.txt"] = table(row[:3] + row[8:] for row in rows)
    return found


def true_pairs() -> Iterator[list[str]]:
    """Yield the coverage of true pairs that no checkpoint was trained on."""
    found = _read("coverage")
    yield [
        "true pairs",
        "composite",
        "limit",
        "`unified`",
        "of filters'",
        "without its light",
        "of filters'",
    ]
    for key, title in _PAIRS.items():
        one = found[key]
        yield [
            f"{title}, {one['pairs']}",
            f"{one['composites']:.0f}",
            f"{one['best LUT']['coverage']:.0f}",
            f"{one['unified']['coverage']:.0f}",
            _ratio(one["unified"]["of filters x 0.6"]),
            f"{one['unified without light']['coverage']:.0f}",
            _ratio(one["unified without light"]["of filters x 0.6"]),
        ]


def daylight() -> Iterator[list[str]]:
    """Yield the figures of daylight on pairs that it was not trained on, from its card."""
    yield [
        "true pairs",
        "`unified`",
        "`daylight`",
        "`spatial=0`",
        "strength",
        "variation",
        "of true",
    ]
    kinds = cards()["daylight"]["evaluation"]["by_kind"]
    for key, one in kinds.items():
        name = key.replace("_", ", ").capitalize()
        errors = [f"{one[column]}" for column in ("unified", "daylight", "spatial 0")]
        varies = [f"{value}" for value in one["variation"]]
        yield [f"{name}, {one['pairs']}", *errors, f"{one['strength']:.2f}", *varies]


def cameras() -> Iterator[list[str]]:
    """Yield coverage on each static camera, beside a perfect memory of it."""
    yield [
        "camera",
        "composite",
        "`unified`",
        "without its light",
        "its own changes",
        "best LUT",
    ]
    for key, one in _read("coverage").items():
        if not key.startswith("webcam"):
            continue
        names = ("unified", "unified without light", "its own changes", "best LUT")
        cells = [f"{one[name]['coverage']:.0f}" for name in names]
        yield [key.removeprefix("webcam, "), f"{one['composites']:.0f}", *cells]


def speed() -> Iterator[list[str]]:
    """Yield the time of composites and of a wrapped loader, on a CPU."""
    figures = _read("augment_n")["figures"]
    yield ["8 composites of a 256x256 photo, one thread", "ms"]
    for key, title in (
        ("packaged net", "`augment(n=8)`, a packaged checkpoint"),
        ("packaged net, n=1", "`augment(n=1)`, the same"),
        ("large net, all latents at once", "`augment(n=8)`, the large net"),
        ("large net, once per latent", "the published net, once for each latent"),
    ):
        time = figures[f"1 threads: {key}"]["median"]
        yield [title, f"{time:.1f}" if time < 100 else f"{time:,.0f}"]


def cases() -> Iterator[list[str]]:
    """Yield the time of one LUT on a CPU, and how many times as long others take."""
    yield ["1920x1080, 17 nodes, one thread", "ms", "others, times that"]
    for title, time, peers in module(BENCHMARKS, "summary").rows(RESULTS):
        shown = [
            (name, times) for name, times in peers if "copy" not in name and "alone" not in name
        ]
        others = ", ".join(f"{name} {times:.1f}" for name, times in shown)
        yield [title, f"{time:.1f}", others]


def gpu() -> Iterator[list[str]]:
    """Yield the time of LUTs on a GPU, and how many times as long grid_sample takes."""
    yield ["1920x1080, float32, one LUT of 17 nodes, unless said", "ms", "grid_sample, times that"]
    titles = {
        ("none", "photo", 1, 17): "photo",
        ("all", "photo", 1, 17): "soft mask everywhere",
        ("tenth", "photo", 1, 17): "foreground of 10 %",
        ("none", "photo", 8, 17): "8 LUTs",
        ("none", "photo", 1, 33): "33 nodes",
        ("none", "noise", 1, 17): "uniform noise",
    }
    for one in _read("lut_gpu")["forward"]:
        case, time = one["case"], one["ms"]
        title = titles.get((case["mask"], case["content"], case["count"], case["size"]))
        if title and (case["height"], case["dtype"]) == (1080, "float32"):
            own = time["ours"]["median"]
            yield [title, f"{own:.3f}", f"{time['grid_sample']['median'] / own:.1f}"]


def _report(path: Path, script: str) -> str:
    """Return the README of a folder of benchmarks as a page, its links led to their places."""
    title, _, text = path.read_text("utf-8").partition("\n")
    folder = path.parent.relative_to(BENCHMARKS.parent)
    text = text.replace("downstream/README.md", "downstream.md")
    text = text.replace("own_photos/README.md", "own-photos.md")
    text = text.replace("hosts/README.md", "hosts.md")
    text = re.sub(r"\]\((charts/[^)]+)\)", rf"](../../{folder.as_posix()}/\1)", text)
    first = f"```bash\npython {folder.as_posix()}/{script}\n```\n"
    note = f"The report in `{folder.as_posix()}`, whole. In short: "
    short = "[does it help](helps.md)." if "downstream" in folder.parts else "[speed](speed.md)."
    return f"{title}\n\n{first}\n{note}{short}\n{text}"


def _ratio(values: Sequence[float]) -> str:
    value, low, high = values
    return f"{value:.2f}" + ("" if low != low else f" [{low:.2f}, {high:.2f}]")


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def downstream() -> Any:
    return module(BENCHMARKS / "downstream", "table")


def module(folder: Path, name: str) -> Any:
    """Return a script of the benchmarks; they import their neighbours by bare names."""
    for place in (folder, BENCHMARKS.parent / "examples" / "harmonizer"):
        if str(place) not in sys.path:
            sys.path.append(str(place))
    return importlib.import_module(name)
