"""Builds the optional CPU kernel; everything else is declared in setup.cfg."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "harmaug.lut._native",
            sources=["harmaug/lut/csrc/native.c"],
            optional=True,  # no compiler: the plain-torch operator serves instead
            py_limited_api=True,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            extra_compile_args=["-O3"],
        )
    ]
)
