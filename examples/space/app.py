"""The page of ``harmaug explore`` as a space of the Hugging Face Hub.

``python app.py`` shows it on this machine; on the Hub gradio's variables say where it listens.
"""

from harmaug.cli.explore.page import build
from harmaug.cli.explore.server import launch

MEGAPIXELS = 25.0  # visitors share the memory of a free space, 16 GB

if __name__ == "__main__":
    page = build("unified", MEGAPIXELS)
    print(launch(page), flush=True)
    page.block_thread()
