"""The page of ``harmaug explore`` in a real browser: headless Chromium, driven by playwright."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

import harmaug

pytest.importorskip("gradio", reason="the page needs gradio")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
if CHROMIUM is None:
    pytest.skip("there is no Chromium", allow_module_level=True)

ROOT = Path(__file__).parents[1]
PHOTOS = Path(harmaug.__file__).parent / "data" / "photos"
WAIT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """The page, served by the command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "harmaug", "explore", "--port", str(port)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path_factory.mktemp("page"),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": "1",
            "HTTP_PROXY": "http://127.0.0.1:9",  # all that would leave fails
            "HTTPS_PROXY": "http://127.0.0.1:9",
        },
    ) as server:
        assert server.stdout is not None
        assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, url):
    """Open the page as another visitor, who asks this machine alone."""
    hosts: set[str | None] = set()

    def opened():
        page = browser.new_context().new_page()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.goto(url)
        page.wait_for_selector("#composites img", timeout=WAIT)
        return page

    yield opened
    assert hosts - {None} == {"127.0.0.1"}  # None: what the page holds itself (data, blob)


def composite(page) -> str:
    return page.locator("#composites img").first.get_attribute("src")


def set_strength(page, value: str) -> str:
    """Move the slider, and return the first composite's address when it has changed."""
    before = composite(page)
    page.locator("#strength input[type=number]").fill(value)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => document.querySelector('#composites img')?.src &&"
        " document.querySelector('#composites img').getAttribute('src') !== before",
        arg=before,
        timeout=WAIT,
    )
    return composite(page)


def test_slider_changes_the_picture_of_this_visitor_alone(visit):
    one, other = visit(), visit()
    assert one.title() == "harmaug explore"
    first = composite(one).rpartition("/gradio_api/")[2]
    assert composite(other).rpartition("/gradio_api/")[2] == first  # files are named by content
    weak, strong = set_strength(one, "0.2"), set_strength(other, "1.7")
    one.wait_for_timeout(500)
    assert composite(one) == weak
    assert composite(other) == strong
    assert weak != strong
    for page, value in ((one, "0.2"), (other, "1.7")):
        page.get_by_role("tab", name="Python").click()
        playwright.expect(page.locator("#code")).to_contain_text(f"strength={value}")


def test_bad_mask_shows_one_sentence_and_a_good_one_composites(visit, tmp_path):
    small = tmp_path / "small.png"
    Image.new("L", (8, 8), 255).save(small)
    page = visit()
    page.locator("#photo").get_by_label("my photo").check()
    page.locator("#photo-file input[type=file]").set_input_files(PHOTOS / "cat.jpg")
    told = page.locator("#message textarea")
    playwright.expect(told).to_have_value(
        "Give its mask, in which the foreground is white, or draw one.", timeout=WAIT
    )
    page.locator("#mask-file input[type=file]").set_input_files(small)
    playwright.expect(told).to_have_value(
        "The mask small.png has 8 x 8 pixels, but the photo cat.jpg has 451 x 300: "
        "give a mask of the photo's size.",
        timeout=WAIT,
    )
    page.locator("#mask-file button").first.click()
    page.locator("#mask-file input[type=file]").set_input_files(PHOTOS / "cat_mask.png")
    page.wait_for_selector("#composites img", timeout=WAIT)
    playwright.expect(told).to_be_hidden()
    page.get_by_role("tab", name="Files").click()
    page.get_by_role("button", name="Make the files").click()
    page.get_by_text("cat_4").first.wait_for(timeout=WAIT)
