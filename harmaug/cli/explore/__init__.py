"""``harmaug explore``: a page in the browser that shows what a checkpoint does to a photo."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import tempfile

from harmaug.cli.arguments import CHECKPOINT, Commands, add_command, number, whole_number

_HOST, _PORT = "127.0.0.1", 7860
_MEGAPIXELS = 50.0  # a visitor's photo and mask then take up to 1 GB while the page is open


def register(commands: Commands) -> None:
    parser = add_command(
        commands,
        "explore",
        "try checkpoints on your photos in the browser",
        "  harmaug explore\n  harmaug explore --checkpoint mine --port 8000",
        "The page shows composites, their LUTs and what the spatial part changes, for a photo and "
        "mask of yours or a packaged photo. It is served by this machine to this machine alone. "
        "It needs gradio: pip install 'harmaug[explore]'.",
    )
    parser.add_argument(
        "--checkpoint",
        default=CHECKPOINT,
        metavar="NAME",
        help=f"name or path of the checkpoint to begin with (default: {CHECKPOINT}); filters "
        "stands for hand-made ones; the page offers these and all packaged ones",
    )
    parser.add_argument(
        "--host",
        default=_HOST,
        metavar="HOST",
        help=f"address to listen on (default: {_HOST}, this machine alone); another one lets "
        "others of the network in",
    )
    parser.add_argument(
        "--port",
        type=whole_number(1, 65535),
        default=_PORT,
        metavar="N",
        help=f"port to listen on (default: {_PORT})",
    )
    parser.add_argument(
        "--size-limit",
        type=number,
        default=_MEGAPIXELS,
        metavar="MP",
        help=f"refuse a photo of more megapixels (default: {_MEGAPIXELS:g})",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    try:
        import gradio  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "harmaug explore needs gradio: pip install 'harmaug[explore]'."
        ) from error
    from harmaug.cli.explore.page import build
    from harmaug.cli.explore.server import launch

    _check_port(options.host, options.port)
    # Gradio's own folder would keep the visitors' photos.
    with tempfile.TemporaryDirectory(prefix="harmaug-explore-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build(options.checkpoint, options.size_limit)
        url = launch(page, options.host, options.port)
        signal.signal(
            signal.SIGTERM, signal.default_int_handler
        )  # so that the folder goes then too
        print(f"The page is at {url} until you press Ctrl+C.", flush=True)
        page.block_thread()


def _check_port(host: str, port: int) -> None:
    """Raise if the port cannot be listened on."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            if os.name == "posix":  # elsewhere the option would let two servers share a port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(
                f"port {port} of {host} is in use: choose another one with --port."
            ) from None
        raise OSError(
            f"{host} with port {port} is no address to listen on ({error.strerror}): choose "
            "others with --host and --port."
        ) from None
