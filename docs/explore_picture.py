"""Make the picture of the page of ``harmaug explore``, with Chromium and playwright.

    harmaug explore &
    python docs/explore_picture.py http://127.0.0.1:7860 /usr/bin/chromium

Run it when a checkpoint or the page has changed.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("_static") / "explore.jpg"
SIZE = {"width": 1280, "height": 1000}
PHOTO = "coffee"
SECONDS = 5  # until the composites of another photo are there


def main() -> None:
    url, chromium = sys.argv[1:]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(url)
        page.wait_for_selector("#composites img")
        page.locator("#photo").get_by_label(PHOTO).check()
        page.wait_for_timeout(1000 * SECONDS)
        shot = page.screenshot()
        browser.close()
    with Image.open(io.BytesIO(shot)) as image:
        image.convert("RGB").save(PICTURE, quality=85, optimize=True)


if __name__ == "__main__":
    main()
