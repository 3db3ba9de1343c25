"""Builds the optional CPU kernel; everything else is declared in setup.cfg."""

import sys
from pathlib import Path

from setuptools import Extension, setup

sources = Path("harmaug/lut/csrc")
flags = ["/O2", "/std:c11"] if sys.platform == "win32" else ["-std=gnu11", "-O3", "-fno-trapping-math", "-pthread"]

setup(
    ext_modules=[
        Extension(
            "harmaug.lut._native",
            sources=sorted(str(path) for path in sources.glob("*.c")),
            depends=sorted(str(path) for path in sources.glob("*.h")),
            optional=True,  # no compiler: the plain-torch operator serves instead
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_compile_args=flags,
            extra_link_args=[] if sys.platform == "win32" else ["-pthread"],
        )
    ]
)
