"""The guide's table: what a user has, what to do, and what it gains, of the stored figures."""

from __future__ import annotations

from collections.abc import Iterator

from result_tables import BENCHMARKS, downstream, module, table

_Gains = tuple[tuple[str, bool, str], ...]

# Rows of the guide: situation, what to do, and the gains named by set, with extra photos, and arm.
_SITUATIONS: tuple[tuple[str, str, _Gains], ...] = (
    (
        "composites made as HAdobe5k's, or as HCOCO's and HFlickr's were",
        "`retouch`, or `color-transfer`",
        (("retouch", False, "domain"), ("color-transfer", False, "domain")),
    ),
    (
        "composites of several makings",
        "`unified`, with `without_light()`",
        (("unified", False, "unlit"),),
    ),
    (
        "some hundred composites of another making",
        "[`harmaug train --init unified`](finetune.md) on them",
        (("retouch", False, "own-finetuned"), ("color-transfer", False, "own-finetuned")),
    ),
    (
        "further photos without composites",
        "`retouch` or `color-transfer`, on them too, with `p=1` there",
        (("retouch", True, "domain"), ("color-transfer", True, "domain")),
    ),
)
_LAST_SITUATIONS: tuple[tuple[str, str, _Gains], ...] = (
    (
        "true pairs of a few static cameras",
        "flips and crops: nothing synthetic surely adds to them on an unseen camera",
        (),
    ),
    (
        "2,000 composites or more of one kind",
        'the domain\'s checkpoint, `p="auto"` and a long training, or none',
        (("all photos", False, "domain"),),
    ),
)


def pages() -> dict[str, str]:
    """Return the table by its path below docs."""
    return {"guides/situations.txt": table(situations())}


def situations() -> Iterator[list[str]]:
    """Yield the guide's rows: what a user has, what to do, and what it gains."""
    yield ["you have", "do", "gain"]
    for situation, advice, found in _SITUATIONS:
        yield [situation, advice, _decibels(found)]
    figures = module(BENCHMARKS / "own_photos", "figures")
    results = figures.Results(figures.store.load(figures.RESULTS), "dense")
    for situation, advice, arm in (
        ("photos and masks alone", "`unified`, or filters: about equal", "unified"),
        ("no idea how it will be used", "`unified` and filters, in a list", "both"),
    ):
        change = results.gain(arm).relative
        yield [situation, advice, f"{change.value:+.0f} % [{change.low:+.0f}, {change.high:+.0f}]"]
    for situation, advice, found in _LAST_SITUATIONS:
        yield [situation, advice, _decibels(found)]


def _decibels(found: _Gains) -> str:
    """Return gains in PSNR over no synthetic composites."""
    proof = downstream()
    results = proof.Results(proof.store.load(proof.store.RESULTS))
    cells = []
    for label, extra, arm in found:
        question = proof.MAIN[label]
        tables = results.arm(arm, question, extra), results.arm(proof.BASE, question)
        cells.append(proof.shown(proof.gain(*tables)[0]) + " dB")
    return ", ".join(cells)
