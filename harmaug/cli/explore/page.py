"""The layout of the page."""

from __future__ import annotations

import os
from functools import partial

import gradio as gr

from harmaug.augment import FILTERS
from harmaug.checkpoints import list_checkpoints
from harmaug.cli.explore.draws import augmenter
from harmaug.cli.explore.events import DRAWN, GIVEN, OWN, arrange, make_files, read, show
from harmaug.cli.explore.settings import LARGEST_SEED, MOST
from harmaug.data.demo import demo_photos

_KEPT = 24 * 3600  # seconds that a file stays with the server


def build(checkpoint: str, megapixels: float) -> gr.Blocks:
    """Return the page.

    Args:
        checkpoint: the one to begin with; offered beside the packaged ones.
        megapixels: refuse larger photos.

    Raises:
        ValueError: there is no such checkpoint.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    augmenter(checkpoint)  # fails now rather than on the page
    checkpoints = list(dict.fromkeys([checkpoint, *list_checkpoints(), FILTERS]))
    demos = [name for name, _, _ in demo_photos()]
    with gr.Blocks(
        title="harmaug explore", analytics_enabled=False, delete_cache=(3600, _KEPT)
    ) as page:
        gr.Markdown(
            "# harmaug explore\nComposites of a photo: the same picture, its foreground in "
            "another colour and light."
        )
        scene = gr.State()
        with gr.Row(elem_id="main"):
            with gr.Column(scale=2, min_width=300):
                photo = gr.Radio([*demos, OWN], value=demos[0], label="Photo", elem_id="photo")
                photo_file = gr.File(
                    label="My photo", visible=False, height=120, elem_id="photo-file"
                )
                source = gr.Radio([GIVEN, DRAWN], value=GIVEN, label="Mask", elem_id="source")
                mask_file = gr.File(
                    label="Its mask: white is foreground",
                    visible=False,
                    height=120,
                    elem_id="mask-file",
                )
                drawing = gr.ImageEditor(
                    label="Drawing",
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
                            "The change by the spatial part: the composite minus the one of the "
                            "same latent with spatial 0. Grey is no change."
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

        settings = [name, n, strength, spatial, seed]
        reading = partial(read, megapixels)
        sources = [photo, photo_file, source, mask_file, drawing]
        shown = [message, composites, luts, fields, field_tab, files, code, spatial]
        quick = {
            "show_progress": "hidden",
            "trigger_mode": "always_last",
            "api_visibility": "private",
        }
        gr.on(
            [photo.change, photo_file.change, source.change],
            partial(arrange, megapixels),
            [photo, photo_file, source],
            [photo_file, mask_file, drawing, use],
            **quick,
        ).then(reading, sources, [scene, foreground], **quick).then(
            show, [scene, *settings], shown, **quick
        )
        gr.on(
            [page.load, mask_file.change, use.click], reading, sources, [scene, foreground], **quick
        ).then(show, [scene, *settings], shown, **quick)
        gr.on([part.change for part in settings], show, [scene, *settings], shown, **quick)
        write.click(make_files, [scene, *settings], [message, files], api_visibility="private")
    return page


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
