"""The page of the packaged checkpoints, made of their cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harmaug import list_checkpoints
from harmaug.checkpoints import find_checkpoint
from harmaug.checkpoints.files import read_card

Card = dict[str, Any]

IMITATES = {
    "unified": "all of the domains below",
    "color-transfer": "colours taken from another photo's object, as in HCOCO and HFlickr",
    "retouch": "a photographer's retouch, as in HAdobe5k",
    "illuminant": "another light, by measured polynomials, as in ccHarmony",
    "daylight": "another time of day, as in Hday2night",
}


def cards() -> dict[str, Card]:
    """Return the cards by name, the general checkpoint first."""
    names = sorted(list_checkpoints(), key=lambda name: (name != "unified", name))
    return {name: read_card(find_checkpoint(name)) for name in names}


def pages() -> dict[str, str]:
    """Return tables and sections by their path below docs."""
    found = cards()
    return {
        "checkpoints-table.txt": "\n".join(_table(found)),
        "checkpoints-cards.txt": "\n".join(
            line for name, card in found.items() for line in _section(name, card)
        ),
    }


def coverage_table(found: dict[str, Card]) -> Iterator[str]:
    """Yield the coverage of each domain's own checkpoint beside others, from the cards."""
    columns = ["domain", "its checkpoint", "`unified`", "matched filters", "random looks"]
    yield f"| {' | '.join(columns)} | strength of draws |"
    yield "|---|---|---|---|---|---|"
    for name, card in found.items():
        evaluation = card.get("evaluation", {})
        coverage = evaluation.get("coverage", {})
        if name not in coverage:
            continue
        names = (name, "unified", "filters, matched", "random looks")
        cells = [coverage.get(key, "") for key in names]
        yield f"| `{name}` | {' | '.join(map(str, cells))} | {evaluation.get('strength', '')} |"


def _table(found: dict[str, Card]) -> Iterator[str]:
    yield "| name | imitates | trained on | file |"
    yield "|---|---|---|---|"
    for name, card in found.items():
        photos = sum(card["trained_on"].values())
        yield f"| `{name}` | {IMITATES[name]} | {photos:,} photos | {card['size'] / 1e6:.1f} MB |"


def _section(name: str, card: Card) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"Imitates {IMITATES[name]}. Licence of the weights: {card['licence']}.\n"
    yield f"```bash\n{_folded(card['command'])}\n```\n"
    yield f"**Not for.** {card['not_for']}\n"
    yield "| data | photos | what it is |"
    yield "|---|---|---|"
    for data, count in card["trained_on"].items():
        yield f"| {data} | {count:,} | {card['data'].get(data, '')} |"
    yield f"\n{card['terms']}\n"
    config = card["config"]
    yield (
        f"Net `{card['architecture']}`, a latent of {config['latent_dim']}, "
        f"{config['basis_size']} LUTs of {config['lut_size']} nodes an axis. "
        f"sha256 `{card['sha256'][:16]}...`\n"
    )


def _folded(command: str) -> str:
    """Return a long command with an option a line."""
    first, *options = command.replace(" -o ", " --output ").split(" --")
    return " \\\n    --".join([first, *options])
