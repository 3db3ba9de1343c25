"""Write the tables of a page from the stored results.

    python benchmarks/downstream/table.py [--results FOLDER] [--page FILE.md]

Each table stands between ``<!-- name -->`` and ``<!-- end -->`` in the page.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "examples" / "harmonizer"))

import numpy as np
import store
from arms import ARMS
from measured import Table, gain, gather, share_of_gain
from sets import CAMERAS, DOMAINS, OFFICIAL
from trial import ADDED, Trial

from harmaug.evaluation.bootstrap import Estimate

BASE, HEADLINE, BEST = "none", "own-finetuned", "recipe"
OUTSIDE = [test for test in OFFICIAL if test != "Hday2night"]  # a single pair
DEFAULTS = {"size": 200, "steps": 600, "p": 0.5, "n": 1, "strength": 1.0, "fixed": None}
DEFAULTS |= ADDED
_SETTINGS = [field.name for field in dataclasses.fields(Trial)]


class Question(NamedTuple):
    """Trials that one table is about.

    Attributes:
        sets: their training sets.
        tests: their test sets.
        settings: their fields that differ from `DEFAULTS`.
        champions: arms to compare with every other arm.
    """

    sets: list[str]
    tests: tuple[str, ...]
    settings: dict[str, Any]
    champions: tuple[str, ...] = (HEADLINE, "domain")


MAIN = {
    "retouch": Question(["retouch"], ("unseen photos",), {}),
    "color-transfer": Question(["color-transfer"], ("unseen photos",), {}),
    "daylight": Question(
        [f"daylight/{camera}" for camera in CAMERAS],
        ("unseen camera",),
        {"steps": 300, "size": None},
        ("own",),  # the only checkpoint that never saw the test camera
    ),
    "unified": Question(
        ["unified"], tuple(f"unseen photos, {part}" for part in DOMAINS), {}, (HEADLINE, "unlit")
    ),
    "all photos": Question(
        ["retouch"], ("unseen photos",), {"steps": 1200, "size": None, "p": 0.21}, ("domain",)
    ),
    "all photos, p = 0.5": Question(
        ["retouch"], ("unseen photos",), {"steps": 1200, "size": None}, ("domain",)
    ),
}


class Results:
    """Results by arm and settings; where a checkpoint was made anew, those of the newest.

    Args:
        records: of `store.load`.
    """

    def __init__(self, records: Sequence[store.Record]) -> None:
        self.untouched = {r["set"]: r for r in records if r["arm"] == "untouched"}
        # The first results are older than the added settings.
        trials = [ADDED | r for r in records if r["arm"] != "untouched"]
        self.trials = list({tuple(r[name] for name in _SETTINGS): r for r in trials}.values())

    def arm(
        self,
        name: str,
        question: Question,
        extra: bool = False,
        tests: Sequence[str] | None = None,
    ) -> Table | None:
        """Return one arm's table, of other tests than the question's if named; None if empty."""
        wanted = DEFAULTS | question.settings | {"arm": name, "extra": extra}
        found = [
            r
            for r in self.trials
            if r["set"] in question.sets and all(r[key] == value for key, value in wanted.items())
        ]
        if not found:
            return None
        table = gather(found, question.sets, tests or question.tests, self.untouched)
        return table if table.seeds else None

    def composites(self, sets: Sequence[str], tests: Sequence[str]) -> Table:
        """Return the table of the untouched composites, with one seed."""
        records = [self.untouched[name] | {"seed": 0} for name in sets if name in self.untouched]
        return gather(records, sets, tests, self.untouched)


def rows(results: Results, question: Question) -> Iterator[list[str]]:
    """Yield the rows of a set's main table: without, then with extra photos."""
    yield [
        "arm",
        "PSNR",
        f"over {BASE}, dB",
        "seeds better",
        "fMSE mean",
        "median",
        "**with extra photos:** PSNR",
        f"over {BASE}, dB",
        "fMSE mean",
        "median",
    ]
    psnr, mean, median = _levels(results.composites(question.sets, question.tests))
    yield ["untouched composite", psnr, "", "", mean, median, "", "", "", ""]
    base = results.arm(BASE, question)
    for name, arm in ARMS.items():
        found = [results.arm(name, question, extra) for extra in (False, True)]
        if base is None or not any(found):
            continue
        cells = [arm.title]
        for extra, table in enumerate(found):
            if table is None:
                cells += [""] * (4 if extra else 5)
                continue
            psnr, mean, median = _levels(table)
            over, better, seeds = gain(table, base)
            cells += [psnr, "" if name == BASE else shown(over)]
            cells += [] if extra else [f"{better} of {seeds}" if name != BASE else f"({seeds})"]
            cells += [mean, median]
        yield cells


def duels(results: Results, question: Question, champion: str) -> Iterator[list[str]]:
    """Yield the rows of one arm against every other, paired."""
    better = "seeds better"
    yield ["against", "PSNR, dB", better, "fMSE", better, "with extra photos: PSNR", better]
    mine = [results.arm(champion, question, extra) for extra in (False, True)]
    for name, arm in ARMS.items():
        if name == champion:
            continue
        cells = [arm.title]
        for extra, metric in ((False, "PSNR"), (False, "fMSE"), (True, "PSNR")):
            other = results.arm(name, question, extra)
            if mine[extra] is None or other is None:
                cells += ["", ""]
                continue
            over, won, seeds = gain(mine[extra], other, metric)  # type: ignore[arg-type]
            cells += [shown(over, 2 if metric == "PSNR" else 0), f"{won} of {seeds}"]
        if any(cells[1:]):
            yield cells


def by_test(results: Results, question: Question, tests: Sequence[str]) -> Iterator[list[str]]:
    """Yield rows of PSNR and mean fMSE of each arm, one test set a column."""
    yield ["arm", *(f"{test}{', with extra photos' * x}" for x in (0, 1) for test in tests)]
    untouched = [_short(results.composites(question.sets[:1], [test])) for test in tests]
    yield ["untouched composite", *untouched, *[""] * len(tests)]
    for name, arm in ARMS.items():
        tables = [
            results.arm(name, question, bool(extra), [test]) for extra in (0, 1) for test in tests
        ]
        if any(tables):
            yield [arm.title, *("" if table is None else _short(table) for table in tables)]


def against_filters(results: Results) -> Iterator[list[str]]:
    """Yield rows of PSNR over hand-made filters, in the domain and on the official pairs."""
    yield ["trained on", "arm", "over", "its own test set", *OUTSIDE]
    labels = ("retouch", "color-transfer", "daylight", "unified")
    arms = (("unlit", "unified", "both"), ("filters", "filters-matched"))
    for label, name, other in itertools.product(labels, *arms):
        question, cells = MAIN[label], [label, ARMS[name].title, ARMS[other].title]
        for tests in (question.tests, *([test] for test in OUTSIDE)):
            tables = [results.arm(one, question, tests=tests) for one in (name, other)]
            cells.append(shown(gain(*tables)[0]) if all(tables) else "")  # type: ignore[arg-type]
        if any(cells[3:]):
            yield cells


def reached(results: Results) -> Iterator[list[str]]:
    """Yield rows of each champion's gain, and of its share in the true recipe's gain."""
    share = "share of the true recipe's gain"
    yield ["set", "arm", f"PSNR over {BASE}", f"fMSE over {BASE}", f"{share}, PSNR", "fMSE"]
    for label, question in MAIN.items():
        base = results.arm(BASE, question)
        for extra, name in itertools.product((False, True), (*question.champions, BEST)):
            arm, best = (results.arm(one, question, extra) for one in (name, BEST))
            if arm is None or base is None:
                continue
            psnr, better, seeds = gain(arm, base)
            error, _, _ = gain(arm, base, "fMSE")
            relative = 100 * error.value / base.errors["fMSE"].mean()
            cells = [f"{label}{', with extra photos' * extra}", ARMS[name].title]
            cells.append(f"{shown(psnr)}, {better} of {seeds}")
            cells.append(f"{shown(error, 0)}, {relative:+.0f} %")
            for metric in ("PSNR", "fMSE"):
                known = best is not None and name != BEST
                part = share_of_gain(arm, base, best, metric) if known else None  # type: ignore[arg-type]
                cells.append("" if part is None else shown(part, sign=False))
            yield cells


def shown(estimate: Estimate, digits: int = 2, sign: bool = True) -> str:
    """Return a figure with its interval."""
    plus = "+" if sign else ""
    low, high = (f"{v:{plus}.{digits}f}" for v in estimate[1:])
    return f"{estimate.value:{plus}.{digits}f} [{low}, {high}]"


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; the first line is its head."""
    head, *body = ("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def _levels(table: Table) -> tuple[str, str, str]:
    psnr, error = table.errors["PSNR"], table.errors["fMSE"]
    return f"{psnr.mean():.2f}", f"{error.mean():.0f}", f"{np.median(error, axis=1).mean():.0f}"


def _short(table: Table) -> str:
    return f"{table.errors['PSNR'].mean():.2f} / {table.errors['fMSE'].mean():.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=store.RESULTS, help="folder of results")
    page = Path(__file__).with_name("README.md")
    parser.add_argument("--page", type=Path, default=page, help="default: README.md")
    options = parser.parse_args()
    results = Results(store.load(options.results))
    text = options.page.read_text()
    tables = {"reached": reached(results), "against filters": against_filters(results)}
    for label, question in MAIN.items():
        if all(name in results.untouched for name in question.sets):
            tables[label] = rows(results, question)
            for champion in question.champions:
                tables[f"{label} {champion}"] = duels(results, question, champion)
            tables[f"{label} outside"] = by_test(results, question, OUTSIDE)
            if len(question.tests) > 1:
                tables[f"{label} parts"] = by_test(results, question, question.tests)
    for name, lines in tables.items():
        block = markdown(list(lines))
        print(f"\n{name}\n{block}")
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda found, block=block: f"{found[1]}\n{block}\n\n{found[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    options.page.write_text(text)


if __name__ == "__main__":
    main()
