"""The Python code that makes the composites of the page."""

from __future__ import annotations

import json

from harmaug.augment import FILTERS
from harmaug.cli.explore.scene import Scene
from harmaug.cli.explore.settings import Settings


def python_code(scene: Scene, settings: Settings) -> str:
    """Return a script that writes the same composites; the files of the scene lie beside it."""
    photo, mask = scene.files
    readers = ["read_mask"] * (mask is not None) + ["read_photo"] * (photo is not None)
    path = _quoted(scene.name.replace("{", "{{").replace("}", "}}") + "_{k}.png")
    lines = ["import torch", "", "import harmaug"]
    if photo is None:
        lines.append("from harmaug.data import demo_photos")
    lines += [f"from harmaug.io import {', '.join([*readers, 'write_photo'])}", ""]
    if photo is not None:
        lines.append(f"photo = read_photo({_quoted(photo)})")
    else:
        lines.append(
            "photo, mask = next(found for name, *found in demo_photos() if "
            f"name == {_quoted(scene.name)})"
        )
    if mask is not None:
        lines.append(f"mask = read_mask({_quoted(mask)})")
    lines += [
        f"aug = {_augmenter(settings.checkpoint)}",
        "composites = aug.augment(",
        "    photo.tensor(),",
        "    mask,",
        f"    n={settings.n},",
        f"    strength={settings.strength},",
        f"    spatial={settings.spatial},",
        f"    generator=torch.Generator().manual_seed({settings.seed}),",
        ")",
        "for k, composite in enumerate(composites, start=1):",
        f"    write_photo(f{path}, photo.recoloured(composite))",
    ]
    return "\n".join(lines) + "\n"


def _augmenter(name: str) -> str:
    if name == FILTERS:
        return "harmaug.FilterAugment()"
    return f"harmaug.SycoNetAugment.from_pretrained({_quoted(name)})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
