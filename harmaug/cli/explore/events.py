"""Answers to what a visitor does on the page, as updates of its parts.

Nothing is kept between two of them but a `Scene` for each visitor, or the sentence that says why
there is none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from harmaug.cli.explore.code import python_code
from harmaug.cli.explore.draws import Draws, write_files
from harmaug.cli.explore.scene import Scene, demo_scene, own_scene, photo_picture
from harmaug.cli.explore.settings import Settings

OWN = "my photo"
GIVEN, DRAWN = "given", "drawn here"  # ways to a mask


def arrange(megapixels: float, photo: str, photo_file: str | None, source: str) -> list[Any]:
    """Return updates of both files, of the drawing and of its button."""
    own, drawn, background = photo == OWN, source == DRAWN, None
    if drawn and (photo_file or not own):
        try:
            background = photo_picture(None if own else photo, photo_file, megapixels)
        except (OSError, ValueError):
            background = None  # `read` says why
    return [
        gr.update(visible=own),
        gr.update(visible=own and not drawn),
        gr.update(visible=background is not None, value=background),
        gr.update(visible=background is not None),
    ]


def read(
    megapixels: float,
    photo: str,
    photo_file: str | None,
    source: str,
    mask_file: str | None,
    drawing: dict[str, Any] | None,
) -> tuple[Scene | str, Any]:
    """Return the scene, or the sentence that says what it lacks, and a picture of it."""
    drawn = (drawing or {"layers": []}) if source == DRAWN else None
    try:
        if photo == OWN:
            scene = own_scene(photo_file, mask_file, megapixels, drawn)
        else:
            scene = demo_scene(photo, drawn)
    except (OSError, ValueError) as error:
        return _sentence(error), gr.update(value=None, visible=False)
    return scene, gr.update(value=scene.foreground(), visible=True)


def show(scene: Scene | str | None, *settings: Any) -> list[Any]:
    """Return message, composites, LUTs, fields, their tab, no files, code, and the spatial part."""
    nothing = [[], [], [], gr.update(), gr.update(value=None, visible=False), "", gr.update()]
    if not isinstance(scene, Scene):
        return [gr.update(value=scene, visible=scene is not None), *nothing]
    try:
        chosen = Settings(*settings)
        draws = Draws.of(scene, chosen)
    except (OSError, ValueError) as error:
        return [gr.update(value=_sentence(error), visible=True), *nothing]
    varies = draws.aug.varies
    return [
        gr.update(value="", visible=False),
        _numbered(draws.composites()),
        _numbered(draws.lut_pictures()),
        _numbered(draws.fields()),
        gr.update(visible=varies),
        gr.update(value=None, visible=False),
        python_code(scene, chosen),
        gr.update(visible=varies),
    ]


def make_files(scene: Scene | str | None, *settings: Any) -> Iterator[tuple[Any, Any]]:
    """Yield no message and the files; they are copied before the folder goes."""
    if not isinstance(scene, Scene):
        yield gr.update(), None
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            paths = write_files(scene, Settings(*settings), Path(folder))
        except (OSError, ValueError) as error:
            yield gr.update(value=_sentence(error), visible=True), None
            return
        files = gr.update(value=[str(path) for path in paths], visible=True)
        yield gr.update(value="", visible=False), files


def _numbered(pictures: list[Any]) -> list[tuple[Any, str]]:
    return [(picture, str(k)) for k, picture in enumerate(pictures, start=1)]


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:1].upper() + text[1:]
