"""The Sphinx extension that writes what is made of the code, the cards and the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_pages
import command_pages
import host_pages
import result_tables
import situations

MODULES = (host_pages, command_pages, checkpoint_pages, result_tables, situations)


def write(docs: Path) -> None:
    """Write all made pages and tables below docs; leave those alone that are as they were."""
    for module in MODULES:
        for name, text in module.pages().items():
            path = docs / name
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", lambda app, config: write(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
