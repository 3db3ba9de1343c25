"""Pages of known codebases, made of the presets, of examples/hosts and of hosts.yaml."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from harmaug.adapters.presets import PRESETS

DOCS = Path(__file__).parents[1]
EXAMPLES = DOCS.parent / "examples" / "hosts"
TRIED = "2026-11-28"
OLD_ALBUMENTATIONS = """
It needs albumentations 1: do not install harmaug's extras `albumentations` or `all` beside it.
"""

Host = dict[str, Any]


def read_hosts() -> list[Host]:
    """Return the facts of hosts.yaml, one entry a page."""
    hosts: list[Host] = yaml.safe_load((DOCS / "hosts.yaml").read_text("utf-8"))
    return hosts


def pages() -> dict[str, str]:
    """Return each page's text by its path below docs."""
    found = {f"hosts/{host['page']}.md": _page(host) for host in read_hosts()}
    found["hosts/table.txt"] = "\n".join(_table())
    return found


def added_lines(host: Host) -> list[str]:
    """Return the lines to add to a codebase, as its example runs them."""
    if "lines" in host:
        found = _constant(host["example"], host["lines"])
        return [line for lines in found.values() for line in lines]
    if "diff" in host:
        lines = [line[1:].strip() for line in host["diff"].splitlines() if line.startswith("+")]
        return ["import harmaug", *lines]
    source = (EXAMPLES / f"{host['example']}.py").read_text("utf-8")
    function = _function(source, host.get("function", "add_harmaug"))
    parameter = function.args.args[0].arg
    body = "\n".join(ast.unparse(line) for line in function.body[1:])  # without its docstring
    loader = host.get("loader", parameter)
    body = body.replace("preset(host)", f'preset("{host["presets"][0]}")').replace("'", '"')
    body = body.replace(", **changes", "")
    body = re.sub(r"^return ", f"{loader} = ", body, flags=re.M)
    if loader != parameter:
        body = re.sub(rf"\b{parameter}\.\w+\b", loader, body)
        body = re.sub(rf"AugmentedLoader\({parameter}\b(?!\.)", f"AugmentedLoader({loader}", body)
    return ["import harmaug", *body.splitlines()]


def _page(host: Host) -> str:
    parts = [f"# {host['title']}", "```diff\n" + "\n".join(_diff(host)) + "\n```"]
    count = len(added_lines(host))
    parts.append(f"{count} lines are added. {_words(host)}")
    parts += ["## Its batches", *_layouts(host["presets"])]
    traps = [*host["traps"], *([OLD_ALBUMENTATIONS] if host.get("old_albumentations") else [])]
    parts.append("## Traps\n\n" + "\n".join(f"- {' '.join(trap.split())}" for trap in traps))
    parts.append(_trial(host))
    return "\n\n".join(parts) + "\n"


def _diff(host: Host) -> Iterator[str]:
    """Yield the change, with the line of the codebase that it follows."""
    if "lines" in host:
        yield f"  # {host['place']}"
        for below, lines in _constant(host["example"], host["lines"]).items():
            yield f"  {below}{'...' if below.endswith('(') else ''}"
            yield from (f"+ {line}" for line in lines)
        return
    if "diff" in host:
        yield from ["+ import harmaug", ""]
        yield from host["diff"].splitlines()
        return
    first, *lines = added_lines(host)
    yield f"  # {host['place']}"
    yield f"+ {first}"
    yield "  ..."
    yield f"  {host['below']}"
    yield from (f"+ {line}" for line in lines)


def _words(host: Host) -> str:
    if PRESETS[host["presets"][0]].get("per_sample"):
        return (
            "The transform stands in the dataset, before anything is computed from the composite. "
            "A quarter of the training composites become synthetic; other splits are handed "
            "through. On more than 2,000 composites take "
            "[less](../guides/which_checkpoint.md#how-much). See [per "
            "sample](../guides/samples.md)."
        )
    return (
        "The training loop stays as it is. A quarter of the composites become synthetic, new in "
        "every epoch, and [fewer](../guides/which_checkpoint.md#how-much) on large sets; `p` "
        "changes the share. See [around a loader](../guides/loader.md)."
    )


def _layouts(names: Sequence[str]) -> Iterator[str]:
    """Yield a table for each layout; presets that differ in their space alone share one."""
    groups: dict[str, list[str]] = {}
    for name in names:
        fields = {key: value for key, value in PRESETS[name].items() if key != "space"}
        groups.setdefault(repr(fields), []).append(name)
    for alike in groups.values():
        yield _layout(alike)


def _layout(names: Sequence[str]) -> str:
    """Return the table of presets that have the same fields."""
    preset = PRESETS[names[0]]
    rows = [
        ("composite", _code(preset["composite"]), "replaced with the chance `p`"),
        ("real", _code(preset["real"]), "only read"),
        ("mask", _code(preset["mask"]), "only read"),
    ]
    for view in preset.get("views", ()):
        rows.append(("further view", ", ".join(map(_code, view)), "takes the same LUT"))
    for path in preset.get("copies", ()):
        rows.append(("copy", _code(path), "follows the composite"))
    for path in preset.get("derive", ()):
        rows.append(("derived", _code(path), "computed anew from the composite"))
    if preset.get("layout") == "hwc":
        rows.append(("layout", "channels last", ""))
    rows.append(("space", _spaces(names), "" if preset.get("space") else "differs between scripts"))
    if preset.get("bound"):
        rows.append(("batch size", "bound", '`mode="append"` is refused'))
    if preset.get("where"):
        rows.append(("samples", "a part of each batch", "the others are left alone"))
    where = "in a sample" if preset.get("per_sample") else "in a batch"
    called = ", ".join(f'`Fields.preset("{name}")`' for name in names)
    lines = [f"{called}:", "", f"| field | {where} | harmaug |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _spaces(names: Sequence[str]) -> str:
    """Return the space of presets, named one by one where it differs."""
    if PRESETS[names[0]].get("per_sample"):
        return "8 bits, or floating point in [0, 1]"
    spaces = {name: PRESETS[name].get("space") for name in names}
    if len(set(spaces.values())) > 1:
        return ", ".join(f'`"{space}"` for `{name}`' for name, space in spaces.items())
    space = spaces[names[0]]
    return f'`"{space}"`' if space else "declare it: `space=`"


def _trial(host: Host) -> str:
    """Return how to try it: the stand-in of the example, and the checkout that was tried."""
    file = f"examples/hosts/{host['example']}.py"
    text = f"## Try it\n\n```bash\npython {file}\n```\n\n"
    whose = f" for batches of {host['stand_in']}" if "stand_in" in host else ""
    text += f"That runs these lines on a small stand-in{whose}, without the codebase."
    if "batch" in host:
        text += f"\n\n```{{literalinclude}} ../../{file}\n:language: python\n"
        text += f":pyobject: {host['batch']}\n```"
    text += f"\n\n## Tried\n\nIn the codebase itself, {_repositories(host)}, on {TRIED}, with 0 "
    if PRESETS[host["presets"][0]].get("per_sample"):
        text += "and 2 workers: its own dataset with these lines in its source. Some of the "
        text += (
            "training composites were synthetic, with the background of their photo, and none of "
        )
        text += "another split."
    else:
        text += "and 2 workers: its own dataset and loader, with a recorder between the loader and "
        text += "these lines. Backgrounds, copies, further views, keys, types, strides and the "
        text += "codebase's own batch were as promised."
    if "note" in host:
        text += f" {' '.join(host['note'].split())}"
    text += f" {' '.join(host['trainer'].split())}"
    text += " `pytest tests/hosts --checkouts FOLDER` repeats it."
    return text


def _repositories(host: Host) -> str:
    """Return the codebase's places with the commit of each."""
    names, commits = (host[key].split(" and ") for key in ("repository", "commit"))
    found = (f"`{name}` at {commit}" for name, commit in zip(names, commits, strict=True))
    return " and ".join(found)


def _table() -> Iterator[str]:
    """Yield the table of all codebases."""
    yield "| codebase | presets | space | batch | lines | tried at |"
    yield "|---|---|---|---|---|---|"
    for host in read_hosts():
        presets = ", ".join(f"`{name}`" for name in host["presets"])
        found = [PRESETS[name] for name in host["presets"]]
        spaces = list(dict.fromkeys(str(one.get("space") or "declare it") for one in found))
        kind = (
            "per sample" if found[0].get("per_sample") else "bound" if found[0].get("bound") else ""
        )
        lines = len(added_lines(host))
        tried = re.sub(r" \(.*?\)", "", host["commit"])
        space = "8 bit" if found[0].get("per_sample") else " or ".join(spaces)
        name = f"[{host['title']}]({host['page']}.md)"
        yield f"| {name} | {presets} | {space} | {kind} | {lines} | {tried} |"


def _code(path: Any) -> str:
    """Return a field's path as code."""
    if isinstance(path, str):
        return f"`{path}`"
    keys = path if isinstance(path, tuple) else (path,)
    text = ""
    for key in keys:
        if isinstance(key, slice):
            text += f"[:, {'' if key.start is None else key.start}:{key.stop}]"
        else:
            text += f"[{key!r}]"
    return f"`batch{text}`"


def _function(source: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise LookupError(f"there is no function {name}.")


def _constant(example: str, name: str) -> Any:
    source = (EXAMPLES / f"{example}.py").read_text("utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(f"{example}.py has no {name}.")
