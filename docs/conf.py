"""Settings of the site: ``sphinx-build docs site``."""

from __future__ import annotations

import configparser
import importlib.util
import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext")]
os.environ.setdefault("OMP_NUM_THREADS", "1")

from gallery_pictures import Order, SheetScraper  # noqa: E402

import harmaug  # noqa: E402

_setup = configparser.ConfigParser()
_setup.read(DOCS.parent / "setup.cfg", "utf-8")
REPOSITORY = _setup["metadata"]["url"]  # its one place

project = "harmaug"
copyright = "the harmaug authors, Apache-2.0"
version = release = harmaug.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "made_pages",
]
exclude_patterns = ["_ext", "_static", "gallery_scripts", "sg_execution_times.rst", "**/*.txt"]

myst_enable_extensions = ["colon_fence", "substitution"]
PUBLISHED = "OWNER" not in REPOSITORY  # links to the sources need their place
NOTEBOOK = "examples/quickstart.ipynb"
COLAB = REPOSITORY.replace("https://github.com/", "https://colab.research.google.com/github/")
myst_substitutions = {
    "notebook": f"[notebook]({COLAB}/blob/main/{NOTEBOOK})"
    if PUBLISHED
    else f"notebook, `{NOTEBOOK}`"
}
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_mock_imports = [
    name
    for name in ("albumentations", "torchvision", "lightning_fabric", "pyarrow", "torchmetrics")
    if name == "albumentations" or importlib.util.find_spec(name) is None
]
napoleon_use_rtype = False
python_maximum_signature_line_length = 200

sphinx_gallery_conf = {
    "examples_dirs": ["gallery_scripts", "../examples/neighbours"],
    "gallery_dirs": ["gallery", "neighbours"],
    "filename_pattern": r"\.py",
    "within_subsection_order": Order,
    "image_scrapers": (SheetScraper(),),
    "capture_repr": (),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "reset_modules": (),
}

html_theme = "furo"
html_title = "harmaug"
html_static_path = ["_static"]
html_css_files = ["site.css"]
if PUBLISHED:
    html_theme_options = {
        "source_repository": f"{REPOSITORY}/",
        "source_branch": "main",
        "source_directory": "docs/",
    }
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .gd"
suppress_warnings = ["config.cache"]
