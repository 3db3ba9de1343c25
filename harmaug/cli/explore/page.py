"""The page: its layout, and the server that shows it to one machine's browsers.

The parts of the page hold nothing between two events but a `Scene` for each visitor.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from harmaug.checkpoints import list_checkpoints
from harmaug.cli.explore.code import python_code
from harmaug.cli.explore.draws import Draws, augmenter, write_files
from harmaug.cli.explore.scene import Scene, demo_scene, own_scene, photo_picture
from harmaug.cli.explore.settings import LARGEST_SEED, MOST, Settings
from harmaug.data.demo import demo_photos

_OWN, _GIVEN, _DRAWN = "my photo", "given", "drawn here"
_KEPT = 24 * 3600  # seconds that a file stays with the server
_CSS = """
.gradio-container { max-width: 1240px !important; margin: 0 auto !important; }
#message textarea { font-weight: 600; }
#composites .grid-wrap, #luts .grid-wrap, #fields .grid-wrap { max-height: none !important; }
#composites .thumbnail-item, #luts .thumbnail-item, #fields .thumbnail-item {
  aspect-ratio: auto !important;
}
.column, .tabs, .tabitem, #code { min-width: 0 !important; }
footer { display: none !important; }
"""


def build(checkpoint: str, megapixels: float) -> gr.Blocks:
    """Return the page.

    Args:
        checkpoint: the one to begin with; offered beside the packaged ones.
        megapixels: refuse larger photos.

    Raises:
        ValueError: there is no such checkpoint.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    augmenter(checkpoint)  # fails now rather than on the page
    checkpoints = list(dict.fromkeys([checkpoint, *list_checkpoints()]))
    demos = [name for name, _, _ in demo_photos()]
    with gr.Blocks(
        title="harmaug explore", analytics_enabled=False, delete_cache=(3600, _KEPT)
    ) as page:
        gr.Markdown(
            "# harmaug explore\nComposites of a photo: the same picture, its foreground in "
            "another colour and light."
        )
        scene = gr.State()
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                photo = gr.Radio([*demos, _OWN], value=demos[0], label="Photo", elem_id="photo")
                photo_file = gr.File(
                    label="My photo", visible=False, height=120, elem_id="photo-file"
                )
                source = gr.Radio([_GIVEN, _DRAWN], value=_GIVEN, label="Mask", elem_id="source")
                mask_file = gr.File(
                    label="Its mask: white is foreground",
                    visible=False,
                    height=120,
                    elem_id="mask-file",
                )
                drawing = gr.ImageEditor(
                    label="Draw over the foreground",
                    visible=False,
                    type="numpy",
                    sources=(),
                    transforms=(),
                    layers=False,
                    buttons=[],
                    brush=gr.Brush(default_size=30, colors=["#ff2d55"], color_mode="fixed"),
                )
                use = gr.Button("Use this drawing", visible=False, variant="primary")
                foreground = gr.Image(
                    label="Foreground", interactive=False, buttons=[], elem_id="foreground"
                )
            with gr.Column(scale=3, min_width=300):
                message = gr.Textbox(
                    label="Message", visible=False, interactive=False, elem_id="message"
                )
                name = gr.Dropdown(checkpoints, value=checkpoint, label="Checkpoint")
                with gr.Row():
                    n = gr.Slider(1, MOST, value=4, step=1, label="Composites (n)", elem_id="n")
                    seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=LARGEST_SEED)
                with gr.Row():
                    strength = gr.Slider(
                        0, 2, value=1, step=0.05, label="Strength", elem_id="strength"
                    )
                    spatial = gr.Slider(
                        0, 2, value=1, step=0.05, label="Spatial", elem_id="spatial"
                    )
                with gr.Tabs():
                    with gr.Tab("Composites"):
                        composites = _gallery("composites")
                    with gr.Tab("LUTs"):
                        gr.Markdown(
                            "The photo through each LUT, and all hues: unchanged above, through "
                            "the LUT below."
                        )
                        luts = _gallery("luts")
                    with gr.Tab("Fields", visible=False) as field_tab:
                        gr.Markdown(
                            "What the spatial part changes: the composite minus that of the same "
                            "latent with spatial 0. Grey is no change."
                        )
                        fields = _gallery("fields")
                    with gr.Tab("Files"):
                        gr.Markdown(
                            "PNG files of the photo's size and bit depth; outside the mask every "
                            "pixel keeps its value. A `.cube` file holds one LUT: that of the "
                            "composite with spatial 0."
                        )
                        write = gr.Button("Make the files", variant="primary")
                        files = gr.File(
                            label="Files", file_count="multiple", interactive=False, visible=False
                        )
                    with gr.Tab("Python"):
                        code = gr.Code(
                            label="The same composites",
                            language="python",
                            wrap_lines=True,
                            elem_id="code",
                        )

        def arrange(photo: str, photo_file: str | None, source: str) -> list[Any]:
            own, drawn = photo == _OWN, source == _DRAWN
            background = None
            if drawn and not (own and photo_file is None):
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

        def read(*given: Any) -> tuple[Scene | str, Any]:
            try:
                found = _read(*given, megapixels)
            except (OSError, ValueError) as error:
                return _sentence(error), gr.update(value=None, visible=False)
            return found, gr.update(value=found.foreground(), visible=True)

        settings = [name, n, strength, spatial, seed]
        sources = [photo, photo_file, source, mask_file, drawing]
        shown = [message, composites, luts, fields, field_tab, files, code, spatial]
        quick = {
            "show_progress": "hidden",
            "trigger_mode": "always_last",
            "api_visibility": "private",
        }
        gr.on(
            [photo.change, photo_file.change, source.change],
            arrange,
            [photo, photo_file, source],
            [photo_file, mask_file, drawing, use],
            **quick,
        ).then(read, sources, [scene, foreground], **quick).then(
            show, [scene, *settings], shown, **quick
        )
        gr.on(
            [page.load, mask_file.change, use.click], read, sources, [scene, foreground], **quick
        ).then(show, [scene, *settings], shown, **quick)
        gr.on([part.change for part in settings], show, [scene, *settings], shown, **quick)
        write.click(make_files, [scene, *settings], [message, files], api_visibility="private")
    return page


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
    varies = draws.aug.net.spatial
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


def launch(page: gr.Blocks, host: str | None = None, port: int | None = None) -> str:
    """Serve the page and return its address; nothing of it comes from another host.

    Args:
        page: as `build` returns it.
        host: address to listen on; if not given, what gradio's environment variables say.
        port: the same for the port.
    """
    theme = gr.themes.Default(
        primary_hue="neutral",  # tints nothing that is judged on the page
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        prevent_thread_lock=True,
        quiet=True,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        run_history=False,
        footer_links=[],
        theme=theme,
        css=_CSS,
    )
    return url


def _gallery(identity: str) -> gr.Gallery:
    return gr.Gallery(
        show_label=False,
        elem_id=identity,
        columns=2,
        height="auto",
        object_fit="contain",
        format="png",
        buttons=["fullscreen"],
        interactive=False,
    )


def _read(
    photo: str,
    photo_file: str | None,
    source: str,
    mask_file: str | None,
    drawing: dict[str, Any] | None,
    megapixels: float,
) -> Scene:
    drawn = (drawing or {"layers": []}) if source == _DRAWN else None
    if photo == _OWN:
        return own_scene(photo_file, mask_file, megapixels, drawn)
    return demo_scene(photo, drawn)


def _numbered(pictures: list[Any]) -> list[tuple[Any, str]]:
    return [(picture, str(k)) for k, picture in enumerate(pictures, start=1)]


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:1].upper() + text[1:]
