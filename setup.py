"""Builds the optional CPU kernel; everything else is declared in setup.cfg."""

import sys
from pathlib import Path

from setuptools import Extension, setup

CSRC = Path("harmaug/lut/csrc")
# Without -fno-trapping-math GCC leaves every loop with a comparison scalar.
UNIX = ["-std=gnu11", "-O3", "-fno-trapping-math", "-fvisibility=hidden", "-pthread"]
WINDOWS = ["/O2", "/std:c11"]

setup(
    ext_modules=[
        Extension(
            "harmaug.lut._native",
            sources=sorted(str(path) for path in CSRC.glob("*.c")),
            depends=sorted(str(path) for path in CSRC.glob("*.h")),
            optional=True,  # no compiler: the plain-torch operator serves instead
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_compile_args=WINDOWS if sys.platform == "win32" else UNIX,
            extra_link_args=[] if sys.platform == "win32" else ["-pthread"],
        )
    ]
)
