"""The server of the page."""

from __future__ import annotations

import os

import gradio as gr

_CSS = """
.gradio-container { max-width: 1240px !important; margin: 0 auto !important; }
#message textarea { font-weight: 600; }
#composites .grid-wrap, #luts .grid-wrap, #fields .grid-wrap { max-height: none !important; }
#composites .thumbnail-item, #luts .thumbnail-item, #fields .thumbnail-item {
  aspect-ratio: auto !important;
}
.tabs, .tabitem, #code { min-width: 0 !important; }
@media (max-width: 760px) {
  #main { flex-direction: column; }
  #main > .column { min-width: 0 !important; width: 100%; }
  .tab-container button { padding: 0 8px !important; }
}
footer { display: none !important; }
"""


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
    # Gradio asks its own server whether it answers; a proxy would not reach it.
    direct = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), host, "localhost,127.0.0.1"]
    os.environ["no_proxy"] = ",".join(filter(None, direct))
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
        footer_links=[],
        theme=theme,
        css=_CSS,
    )
    return url
