"""Builds the optional CPU kernel, and README for package indexes; all else is in setup.cfg."""

import configparser
import re
import sys
from pathlib import Path

from setuptools import Extension, setup

CSRC = Path("harmaug/lut/csrc")
# Without -fno-trapping-math GCC leaves every loop with a comparison scalar.
UNIX = ["-std=gnu11", "-O3", "-fno-trapping-math", "-fvisibility=hidden", "-pthread"]
WINDOWS = ["/O2", "/std:c11"]


def readme() -> str:
    """Return README with absolute links: a package index has neither pictures nor pages of ours."""
    settings = configparser.ConfigParser()
    settings.read("setup.cfg", "utf-8")
    repository = settings["metadata"]["url"]
    site = settings["metadata"]["project_urls"].split("Documentation = ")[1].split()[0]

    def absolute(link: re.Match[str]) -> str:
        mark, start, target = link.groups()
        if page := re.fullmatch(r"docs/(.+)\.md", target):
            return f"{mark}{start}{site}/{page[1]}.html)"
        return f"{mark}{start}{repository}/{'raw' if mark else 'blob'}/main/{target})"

    text = Path("README.md").read_text("utf-8")
    return re.sub(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)]+)\)", absolute, text)


setup(
    long_description=readme(),
    ext_modules=[
        Extension(
            "harmaug.lut._native",
            sources=sorted(str(path) for path in CSRC.glob("*.c")),
            depends=sorted(str(path) for path in CSRC.glob("*.h")),
            optional=True,  # no compiler: the plain-torch operator serves instead
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_compile_args=WINDOWS if sys.platform == "win32" else UNIX,
            extra_link_args=[] if sys.platform == "win32" else ["-pthread", "-lm"],
        )
    ],
)
